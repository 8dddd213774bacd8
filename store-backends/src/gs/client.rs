//! The crate's clients: each built when it is first needed, and anew when a connection of one turns out to be dead.
//!
//! To build one reads the roots of trust of the system, which takes milliseconds: who only reads values waits for one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use google_cloud_auth::credentials::Credentials;
use google_cloud_gax::client_builder;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_storage::client::{Storage, StorageControl};
use google_cloud_storage::read_resume_policy::NeverResume;
use larder_store_core::{Error, ErrorKind, Op, Result};
use tokio::sync::OnceCell;

use super::config::GsConfig;
use super::{credentials, tls};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_millis(3100);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(15);

/// Where the service is, if nobody says otherwise.
pub(super) const SERVICE: &str = "https://storage.googleapis.com";

/// Clients that live and die together.
pub(super) struct Live {
    /// Downloads, and uploads in one request.
    pub(super) storage: OnceCell<Storage>,
    /// Everything that goes over gRPC.
    pub(super) control: OnceCell<StorageControl>,
    /// Uploads in pieces.
    pub(super) http: OnceCell<reqwest::Client>,
    pub(super) credentials: Credentials,
    generation: u64,
}

/// The clients of a store.
pub(super) struct Client {
    config: GsConfig,
    live: ArcSwapOption<Live>,
    /// What was found when the first ones were needed.
    found: Mutex<Option<Credentials>>,
    generations: AtomicU64,
}

fn unbuilt(op: Op, error: client_builder::Error) -> Error {
    let kind = if error.is_default_credentials() { ErrorKind::Denied } else { ErrorKind::Unavailable };
    Error::new(kind, op, format!("the client could not be built: {error}"))
}

impl Client {
    pub(super) fn new(config: GsConfig) -> Client {
        Client {
            config,
            live: ArcSwapOption::empty(),
            found: Mutex::new(None),
            generations: AtomicU64::new(0),
        }
    }

    pub(super) fn config(&self) -> &GsConfig {
        &self.config
    }

    /// The clients as they are now, each built or not.
    pub(super) fn live(&self, op: Op) -> Result<Arc<Live>> {
        if let Some(live) = self.live.load_full() {
            return Ok(live);
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever held the lock may have made them.
        if let Some(live) = self.live.load_full() {
            return Ok(live);
        }
        tls::provide();
        let credentials = match &*found {
            Some(known) => known.clone(),
            None => found.insert(credentials::find(op, &self.config.login)?).clone(),
        };
        let live = Arc::new(Live {
            storage: OnceCell::new(),
            control: OnceCell::new(),
            http: OnceCell::new(),
            credentials,
            generation: self.generations.fetch_add(1, Ordering::Relaxed),
        });
        self.live.store(Some(live.clone()));
        Ok(live)
    }

    /// A connection of `live` broke. Others in its pools may have died with it (while a process is frozen, all do), so
    /// the next request takes clients with pools of their own.
    pub(super) fn broke(&self, live: &Arc<Live>) {
        let now = self.live.load();
        if now.as_ref().is_some_and(|now| now.generation == live.generation) {
            self.live.compare_and_swap(&*now, None);
        }
    }

    // One request, one attempt: the layer above sends again, and knows what that may mean.

    pub(super) async fn storage(&self, op: Op, live: &Live) -> Result<Storage> {
        let mut builder = Storage::builder()
            .with_credentials(live.credentials.clone())
            .with_retry_policy(NeverRetry)
            .with_read_resume_policy(NeverResume)
            // None is used, and it would make one for each processor.
            .with_grpc_subchannel_count(1);
        if let Some(endpoint) = &self.config.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        builder.build().await.map_err(|error| unbuilt(op, error))
    }

    pub(super) async fn control(&self, op: Op, live: &Live) -> Result<StorageControl> {
        let mut builder = StorageControl::builder()
            .with_credentials(live.credentials.clone())
            .with_retry_policy(NeverRetry);
        if let Some(endpoint) = self.config.grpc_endpoint.as_ref().or(self.config.endpoint.as_ref()) {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        builder.build().await.map_err(|error| unbuilt(op, error))
    }

    pub(super) async fn http(&self, op: Op) -> Result<reqwest::Client> {
        let builder = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE);
        builder.build().map_err(|error| {
            Error::new(ErrorKind::Unavailable, op, "the client could not be built").caused_by(error)
        })
    }
}
