//! The crate's clients: built when they are first needed, and anew when their connections turn out to be dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use google_cloud_auth::credentials::Credentials;
use google_cloud_gax::client_builder;
use google_cloud_gax::retry_policy::NeverRetry;
use google_cloud_storage::client::{Storage, StorageControl};
use google_cloud_storage::read_resume_policy::NeverResume;
use larder_store_core::{Error, ErrorKind, Op, Result};
use tokio::sync::Mutex;

use super::config::GsConfig;
use super::{credentials, tls};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_millis(3100);
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(15);

/// Where the service is, if nobody says otherwise.
pub(super) const SERVICE: &str = "https://storage.googleapis.com";

/// Clients, and which ones they are.
pub(super) struct Live {
    /// Downloads, and uploads in one request.
    pub(super) storage: Storage,
    /// Everything that goes over gRPC.
    pub(super) control: StorageControl,
    /// Uploads in pieces.
    pub(super) http: reqwest::Client,
    pub(super) credentials: Credentials,
    generation: u64,
}

/// The clients of a store.
pub(super) struct Client {
    config: GsConfig,
    live: ArcSwapOption<Live>,
    /// What the first ones found.
    found: Mutex<Option<Credentials>>,
    generations: AtomicU64,
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

    /// The clients, if there are some.
    pub(super) fn ready(&self) -> Option<Arc<Live>> {
        self.live.load_full()
    }

    /// The clients, built now if there are none.
    pub(super) async fn get(&self, op: Op) -> Result<Arc<Live>> {
        if let Some(live) = self.ready() {
            return Ok(live);
        }
        let mut found = self.found.lock().await;
        // Whoever held the lock may have built them.
        if let Some(live) = self.ready() {
            return Ok(live);
        }
        tls::provide();
        let credentials = match &*found {
            Some(known) => known.clone(),
            None => credentials::find(op, &self.config.login)?,
        };
        let live = Arc::new(self.build(op, &credentials).await?);
        *found = Some(credentials);
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

    async fn build(&self, op: Op, credentials: &Credentials) -> Result<Live> {
        let built = |error: client_builder::Error| {
            let kind =
                if error.is_default_credentials() { ErrorKind::Denied } else { ErrorKind::Unavailable };
            Error::new(kind, op, format!("the client could not be built: {error}"))
        };
        let config = &self.config;
        // One request, one attempt: the layer above sends again, and knows what that may mean.
        let mut storage = Storage::builder()
            .with_credentials(credentials.clone())
            .with_retry_policy(NeverRetry)
            .with_read_resume_policy(NeverResume);
        let mut control =
            StorageControl::builder().with_credentials(credentials.clone()).with_retry_policy(NeverRetry);
        if let Some(endpoint) = &config.endpoint {
            storage = storage.with_endpoint(endpoint.trim_end_matches('/'));
        }
        if let Some(endpoint) = config.grpc_endpoint.as_ref().or(config.endpoint.as_ref()) {
            control = control.with_endpoint(endpoint.trim_end_matches('/'));
        }
        let http = reqwest::Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .build();
        let http = http.map_err(|error| {
            Error::new(ErrorKind::Unavailable, op, "the client could not be built").caused_by(error)
        })?;
        Ok(Live {
            storage: storage.build().await.map_err(built)?,
            control: control.build().await.map_err(built)?,
            http,
            credentials: credentials.clone(),
            generation: self.generations.fetch_add(1, Ordering::Relaxed),
        })
    }
}
