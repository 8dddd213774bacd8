//! The `redis:` store, alone and as an origin, as a subject of the conformance suite.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use larder::{ErrorKind, OpenOptions, Result, Store};
use larder_cloud_tests::redis::{Certificates, Cluster, Programs, Server};
use larder_store_core::conformance::{self, Minimum, Options, Place, Subject};

/// Tell a worker where the parent's server and folder are.
const URL: &str = "LARDER_REDIS_URL";
const FOLDER: &str = "LARDER_REDIS_FOLDER";

/// What stands for the namespace in a URL.
const NAMESPACE: &str = "NAMESPACE";

/// The rights that the store says it needs, for all namespaces, and nothing else.
pub(crate) const ACL: &str = "user anna on >geheim resetkeys ~{larder:* -@all +eval +evalsha +get +set +getrange \
     +strlen +exists +del +unlink +persist +pexpire +zadd +zrem +zrangebylex +zrangebyscore +time +select";

/// What is dropped at the end of the test.
enum Running {
    Server { _server: Server },
    Cluster { _cluster: Cluster },
}

/// Where it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    Server,
    /// With TLS, as a user who may do no more than is needed.
    Guarded,
    /// Spread over several slots.
    Cluster,
}

/// What is tested.
pub(crate) struct Tested {
    pub(crate) name: &'static str,
    pub(crate) test: &'static str,
    pub(crate) on: On,
    /// The store's text, for the URL of a place (which has a query) and a folder of its own.
    pub(crate) text: fn(&str, &str) -> String,
}

struct Opened {
    tested: Tested,
    url: String,
    folder: PathBuf,
    _running: Option<Running>,
    _guard: Option<tempfile::TempDir>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.tested.name)
    }
}

#[async_trait]
impl Subject for Opened {
    fn name(&self) -> &str {
        self.tested.name
    }

    fn minimum(&self) -> Minimum {
        Minimum::REDIS
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let url = self.url.replacen(NAMESPACE, place.name(), 1);
        let folder = self.folder.join(place.name());
        std::fs::create_dir_all(&folder).unwrap();
        let text = (self.tested.text)(&url, &folder.display().to_string());
        let options = OpenOptions::new().with_env(place.env().clone());
        larder::registry().open_url(&text, &options).await
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        let folder = self.folder.join(place.name());
        std::fs::remove_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        // A user who may do no more than is needed may not scan.
        if self.tested.on == On::Guarded {
            return Ok(());
        }
        let url = self.url.replacen(NAMESPACE, place.name(), 1);
        let text = (self.tested.text)(&url, &folder.display().to_string());
        let url = text.rsplit(" | ").next().and_then(|url| url.split("&fresh").next()).unwrap_or_default();
        let registry = larder::registry();
        match registry.destroy_url(url, &OpenOptions::new()).await {
            Ok(destroy) => destroy.confirm().await?,
            // Nothing was ever written there.
            Err(error) if error.is(ErrorKind::Invalid) => {}
            Err(error) => return Err(error),
        }
        assert!(!registry.exists_url(url, &OpenOptions::new()).await?, "{url} is still there");
        Ok(())
    }

    fn boundaries(&self) -> Vec<u64> {
        // Up to here a value stands behind its head; a part; a part with its checks.
        vec![512 << 10, 1 << 20, (1 << 20) - 128]
    }

    async fn settle(&self) {
        larder::Env::system().sleep(Duration::from_millis(100)).await;
    }

    fn process(&self) -> Option<Command> {
        let mut command = Command::new(std::env::current_exe().ok()?);
        command.args(["--exact", self.tested.test, "--nocapture"]);
        command.env(URL, &self.url).env(FOLDER, &self.folder);
        Some(command)
    }
}

/// Runs the suite.
pub(crate) async fn check(tested: Tested, options: Options) {
    let opened = match (std::env::var(URL), std::env::var_os(FOLDER)) {
        (Ok(url), Some(folder)) => {
            Opened { tested, url, folder: folder.into(), _running: None, _guard: None }
        }
        _ => {
            let Some((url, running)) = start(&tested) else { return };
            let guard = tempfile::tempdir().unwrap();
            let folder = guard.path().to_owned();
            Opened { tested, url, folder, _running: Some(running), _guard: Some(guard) }
        }
    };
    if conformance::child(&opened).await {
        return;
    }
    conformance::run(opened, &options.from_env()).await.assert_passed();
}

/// Starts what it runs on; `None` where it is not installed.
fn start(tested: &Tested) -> Option<(String, Running)> {
    match tested.on {
        On::Server => {
            let server = Server::for_test(tested.test, &[])?;
            Some((server.url(NAMESPACE), Running::Server { _server: server }))
        }
        On::Guarded => {
            let (programs, certificates) =
                (Programs::for_test(tested.test)?, Certificates::for_test(tested.test)?);
            let settings = ["tls-auth-clients optional", ACL];
            let server = Server::start_tls(&programs, &settings, certificates).expect("the server starts");
            let url = format!("{}&user=anna&password=geheim", server.url(NAMESPACE));
            Some((url, Running::Server { _server: server }))
        }
        On::Cluster => {
            let cluster = Cluster::for_test(tested.test, Duration::from_secs(15))?;
            Some((cluster.url(NAMESPACE, 8), Running::Cluster { _cluster: cluster }))
        }
    }
}
