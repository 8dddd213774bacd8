//! The `gs:` store, alone and as an origin, as a subject of the conformance suite.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use larder::{OpenOptions, Result, Store};
use larder_cloud_tests::gs::{Double, DoubleOptions};
use larder_store_core::conformance::{self, Minimum, Options, Place, Subject};

use crate::real;

/// Tell a worker where the parent's server and folder are.
const URL: &str = "LARDER_CLOUD_URL";
const FOLDER: &str = "LARDER_CLOUD_FOLDER";

/// The bucket of every place on the double.
const BUCKET: &str = "conformance";

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Double,
    /// The real service, where there is a bucket.
    Google,
}

/// What is tested.
pub(crate) struct Cloud {
    pub(crate) name: &'static str,
    pub(crate) test: &'static str,
    pub(crate) on: On,
    /// The store's text, for the URL of a place (which has a query) and a folder of its own.
    pub(crate) text: fn(&str, &str) -> String,
    /// Whether each place has a bucket of its own, instead of a prefix.
    pub(crate) own_bucket: bool,
}

struct Opened {
    cloud: Cloud,
    /// With `PLACE` for the place.
    url: String,
    folder: PathBuf,
    double: Option<Double>,
    _guard: Option<tempfile::TempDir>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.cloud.name)
    }
}

#[async_trait]
impl Subject for Opened {
    fn name(&self) -> &str {
        self.cloud.name
    }

    fn minimum(&self) -> Minimum {
        Minimum::GS
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        // A stack sees to all fences over one bucket, and the folders of other places come and go.
        let home = match (self.cloud.own_bucket, &self.double) {
            (false, _) => format!("{BUCKET}/{}", place.name()),
            (true, double) => {
                if let Some(double) = double {
                    double.create_bucket(place.name());
                }
                place.name().to_owned()
            }
        };
        let url = match self.cloud.on {
            On::Double => self.url.replacen("PLACE", &home, 1),
            On::Google => self.url.replacen("PLACE", place.name(), 1),
        };
        let folder = self.folder.join(place.name());
        std::fs::create_dir_all(&folder).unwrap();
        let text = (self.cloud.text)(&url, &folder.display().to_string());
        let options = OpenOptions::new().with_env(place.env().clone());
        larder::registry().open_url(&text, &options).await
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        let folder = self.folder.join(place.name());
        std::fs::remove_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        if self.cloud.on == On::Google {
            let url = self.url.replacen("PLACE", place.name(), 1);
            let options = OpenOptions::new();
            larder::registry().destroy_url(&url, &options).await?.confirm().await?;
        }
        Ok(())
    }

    fn boundaries(&self) -> Vec<u64> {
        // A piece of an upload.
        vec![8 << 20]
    }

    async fn settle(&self) {
        match &self.double {
            Some(double) => double.quiet().await.unwrap(),
            None => larder::Env::system().sleep(Duration::from_secs(1)).await,
        }
    }

    fn process(&self) -> Option<Command> {
        let mut command = Command::new(std::env::current_exe().ok()?);
        command.args(["--exact", self.cloud.test, "--nocapture"]);
        command.env(URL, &self.url).env(FOLDER, &self.folder);
        Some(command)
    }
}

/// Runs the suite.
pub(crate) async fn check(cloud: Cloud, options: Options) {
    let opened = match (std::env::var(URL), std::env::var_os(FOLDER)) {
        (Ok(url), Some(folder)) => Opened { cloud, url, folder: folder.into(), double: None, _guard: None },
        _ => {
            let (url, double) = match cloud.on {
                On::Double => {
                    let double = Double::start(DoubleOptions::default()).expect("the double starts");
                    double.create_bucket(BUCKET);
                    (double.url("PLACE"), Some(double))
                }
                On::Google => {
                    let Some(bucket) = real::bucket(cloud.test) else { return };
                    (format!("gs://{bucket}/{}/PLACE?attempts=10", real::prefix()), None)
                }
            };
            let guard = tempfile::tempdir().unwrap();
            Opened { cloud, url, folder: guard.path().to_owned(), double, _guard: Some(guard) }
        }
    };
    if conformance::child(&opened).await {
        return;
    }
    conformance::run(opened, &options.from_env()).await.assert_passed();
}
