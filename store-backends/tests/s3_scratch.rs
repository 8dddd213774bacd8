#![cfg(feature = "s3")]
use larder_store_backends::s3::*;
use larder_store_core::conformance::*;
use larder_store_core::*;
use std::sync::Arc;

#[derive(Debug)]
struct S {
    layout: Layout,
}

#[async_trait::async_trait]
impl Subject for S {
    fn name(&self) -> &str {
        "s3 scratch"
    }
    fn process(&self) -> Option<std::process::Command> {
        let mut c = std::process::Command::new(std::env::current_exe().ok()?);
        c.args(["--exact", "scratch", "--nocapture"]);
        Some(c)
    }
    fn minimum(&self) -> Minimum {
        if self.layout == Layout::Plain { Minimum::S3 } else { Minimum::S3_RECORD }
    }
    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let c = S3Config::new("bucket")
            .with_prefix(place.name())
            .with_endpoint(std::env::var("EP").unwrap())
            .with_keys("test", "test")
            .with_layout(self.layout);
        Ok(Arc::new(S3Store::open_with(c, &OpenOptions::new().with_env(place.env().clone())).await?))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scratch() {
    let layout = if std::env::var("RECORD").is_ok() { Layout::Record } else { Layout::Plain };
    if child(&S { layout }).await {
        return;
    }
    let r = run(S { layout }, &Options::quick().from_env()).await;
    println!("{r}");
    r.assert_passed();
}
