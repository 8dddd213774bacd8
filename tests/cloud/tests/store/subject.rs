//! The `s3:` store, alone and as an origin, as a subject of the conformance suite.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use larder::{OpenOptions, Result, Store};
use larder_cloud_tests::ministack::MiniStack;
use larder_cloud_tests::s3::{Double, DoubleOptions};
use larder_store_core::conformance::{self, Minimum, Options, Place, Subject};

/// Tell a worker where the parent's server and folder are.
const URL: &str = "LARDER_CLOUD_URL";
const FOLDER: &str = "LARDER_CLOUD_FOLDER";

/// The bucket of every place.
const BUCKET: &str = "conformance";

/// A server that lives as long as the test.
enum Server {
    Double(Double),
    MiniStack(MiniStack),
}

impl Server {
    fn url(&self) -> String {
        match self {
            Server::Double(double) => double.url(BUCKET),
            Server::MiniStack(ministack) => ministack.url(BUCKET),
        }
    }
}

/// Which server stands in for the cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Double,
    MiniStack,
}

/// What is tested.
pub(crate) struct Cloud {
    pub(crate) name: &'static str,
    pub(crate) test: &'static str,
    pub(crate) minimum: Minimum,
    pub(crate) on: On,
    /// The store's text, for the URL of a place (which has a query) and a folder of its own.
    pub(crate) text: fn(&str, &str) -> String,
    /// Whether each place has a bucket of its own, instead of a prefix.
    pub(crate) own_bucket: bool,
}

struct Opened {
    cloud: Cloud,
    url: String,
    folder: PathBuf,
    server: Option<Server>,
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
        self.cloud.minimum
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        // A stack sees to all fences over one bucket, and the folders of other places come and go.
        let home = match (self.cloud.own_bucket, &self.server) {
            (false, _) => format!("{BUCKET}/{}", place.name()),
            (true, server) => {
                if let Some(Server::Double(double)) = server {
                    double.create_bucket(place.name());
                }
                place.name().to_owned()
            }
        };
        let url = self.url.replacen(BUCKET, &home, 1);
        let folder = self.folder.join(place.name());
        std::fs::create_dir_all(&folder).unwrap();
        let text = (self.cloud.text)(&url, &folder.display().to_string());
        let options = OpenOptions::new().with_env(place.env().clone());
        larder::registry().open_url(&text, &options).await
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        let folder = self.folder.join(place.name());
        std::fs::remove_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        Ok(())
    }

    fn boundaries(&self) -> Vec<u64> {
        // A part of an upload, and twice that.
        vec![8 << 20]
    }

    async fn settle(&self) {
        match &self.server {
            Some(Server::Double(double)) => double.quiet().await.unwrap(),
            _ => larder::Env::system().sleep(Duration::from_millis(100)).await,
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
        (Ok(url), Some(folder)) => Opened { cloud, url, folder: folder.into(), server: None, _guard: None },
        _ => {
            let Some(server) = start(cloud.on, cloud.test).await else { return };
            let guard = tempfile::tempdir().unwrap();
            let (url, folder) = (server.url(), guard.path().to_owned());
            Opened { cloud, url, folder, server: Some(server), _guard: Some(guard) }
        }
    };
    if conformance::child(&opened).await {
        return;
    }
    conformance::run(opened, &options.from_env()).await.assert_passed();
}

/// Starts the server, with the bucket in it; `None` where it is not installed.
async fn start(on: On, test: &str) -> Option<Server> {
    match on {
        On::Double => {
            let double = Double::start(DoubleOptions::default()).expect("the double starts");
            double.create_bucket(BUCKET);
            Some(Server::Double(double))
        }
        On::MiniStack => {
            let ministack = MiniStack::for_test(test)?;
            ministack.create_bucket(BUCKET).expect("a bucket");
            Some(Server::MiniStack(ministack))
        }
    }
}
