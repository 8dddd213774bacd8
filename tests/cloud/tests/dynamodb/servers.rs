//! The two emulators.

use std::io::Write as _;
use std::sync::Arc;

use larder::{Call, Env, OpenOptions, Store};
use larder_cloud_tests::dynamodb::{Dynalite, Proxy, url};
use larder_cloud_tests::ministack::MiniStack;

/// Which emulator stands in for the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    MiniStack,
    /// It has no TransactWriteItems and no UpdateTimeToLive, does not tell what stood in the way of a conditional write,
    /// and gives a megabyte of a batch at most.
    Dynalite,
}

/// One that runs.
pub(crate) enum Server {
    MiniStack(MiniStack),
    Dynalite(Dynalite),
}

impl Server {
    /// Starts it; `None` where it is not installed.
    pub(crate) fn start(on: On, test: &str) -> Option<Server> {
        match on {
            On::MiniStack => MiniStack::for_test(test).map(Server::MiniStack),
            On::Dynalite => Dynalite::for_test(test).map(Server::Dynalite),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        match self {
            Server::MiniStack(server) => server.port(),
            Server::Dynalite(server) => server.port(),
        }
    }

    /// The URL of a store in `place`, with what this emulator needs to be told.
    pub(crate) fn url(&self, place: &str) -> String {
        format!("{}{}", url(self.port(), place), self.parameters())
    }

    pub(crate) fn parameters(&self) -> &'static str {
        match self {
            Server::MiniStack(_) => "",
            Server::Dynalite(_) => "&transactions=false",
        }
    }

    /// A proxy before it, and a table.
    pub(crate) async fn behind_proxy(&self) -> Proxy {
        drop(larder::open(&format!("{}&create=true", self.url("table"))).await.expect("a table"));
        Proxy::start(self.port()).expect("the proxy starts")
    }
}

/// Says what of a test an emulator cannot do, and which test shows it instead.
pub(crate) fn lacks(test: &str, on: On, what: &str, instead: &str) {
    // Past the capture of the test harness.
    let _ =
        writeln!(std::io::stderr(), "{test}: {on:?} has no {what}; {instead} shows it on the other emulator");
}

/// Opens a store whose clock the test moves.
pub(crate) async fn open_at(url: &str, env: Env) -> Arc<dyn Store> {
    larder::registry()
        .open_url(url, &OpenOptions::new().with_env(env))
        .await
        .unwrap_or_else(|e| panic!("{url}: {e}"))
}

/// Waits for what runs in the background.
pub(crate) async fn drained(store: &dyn Store) {
    store.drain(&Call::default()).await.expect("drained");
}

/// A test on each emulator.
macro_rules! on_both {
    ($($name:ident)*) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn on_ministack() {
                let test = concat!(module_path!(), "::on_ministack");
                let Some(server) = $crate::servers::Server::start($crate::servers::On::MiniStack, test) else { return };
                super::$name(&server).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn on_dynalite() {
                let test = concat!(module_path!(), "::on_dynalite");
                let Some(server) = $crate::servers::Server::start($crate::servers::On::Dynalite, test) else { return };
                super::$name(&server).await;
            }
        })*
    };
}
pub(crate) use on_both;
