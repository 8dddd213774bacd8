//! The `dynamodb:` store, alone and as an origin, as a subject of the conformance suite.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use larder::{OpenOptions, Result, Store};
use larder_store_core::conformance::{self, Minimum, Options, Place, Subject};

use crate::servers::{On, Server};

/// Tell a worker where the parent's server and folder are.
const URL: &str = "LARDER_DYNAMODB_URL";
const FOLDER: &str = "LARDER_DYNAMODB_FOLDER";

/// The table of every place.
const TABLE: &str = "conformance";

/// What is tested.
pub(crate) struct Cloud {
    pub(crate) name: &'static str,
    pub(crate) test: &'static str,
    pub(crate) minimum: Minimum,
    pub(crate) on: On,
    /// The store's text, for the URL of a place (which has a query) and a folder of its own.
    pub(crate) text: fn(&str, &str) -> String,
    /// Whether each place has a table of its own, instead of a namespace.
    pub(crate) own_table: bool,
}

struct Opened {
    cloud: Cloud,
    url: String,
    folder: PathBuf,
    _server: Option<Server>,
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
        // A stack sees to all fences over one table, and the folders of other places come and go.
        let (home, create) = match self.cloud.own_table {
            false => (format!("{TABLE}/{}", place.name()), ""),
            true => (place.name().to_owned(), "&create=true"),
        };
        let url = format!("{}{create}", self.url.replacen(TABLE, &home, 1));
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
        // Inline, one chunk with the check of each of its blocks, and two.
        vec![4096, (384 << 10) - 6 * 8, 384 << 10, 768 << 10]
    }

    async fn settle(&self) {
        larder::Env::system().sleep(Duration::from_millis(100)).await;
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
        (Ok(url), Some(folder)) => Opened { cloud, url, folder: folder.into(), _server: None, _guard: None },
        _ => {
            let Some(server) = Server::start(cloud.on, cloud.test) else { return };
            let guard = tempfile::tempdir().unwrap();
            let (url, folder) = (server.url(TABLE), guard.path().to_owned());
            drop(larder::open(&format!("{url}&create=true")).await.expect("a table"));
            Opened { cloud, url, folder, _server: Some(server), _guard: Some(guard) }
        }
    };
    if conformance::child(&opened).await {
        return;
    }
    conformance::run(opened, &options.from_env()).await.assert_passed();
}
