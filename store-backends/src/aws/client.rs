//! The SDK's client: built when it is first needed, and anew when its connections turn out to be dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use aws_smithy_http_client::Builder as Http;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::SdkConfig;
use aws_types::region::Region;
use larder_store_core::{Error, ErrorKind, Op, Result};
use tokio::sync::Mutex;

use super::access::{Access, Signer};

/// How long a connection may take to be made.
pub(crate) const CONNECT: Duration = Duration::from_millis(3100);
/// How long an idle connection is kept. S3 closes its end after about twenty seconds.
const IDLE: Duration = Duration::from_secs(15);

/// A service, as a store is told about it.
pub(crate) trait Service: Send + Sync + 'static {
    /// The SDK's client of it.
    type Sdk: Send + Sync + 'static;

    /// Whose region it is, for an error that says that it is not known.
    const WHOSE_REGION: &'static str;

    /// Where it is, and who signs.
    fn access(&self) -> &Access;

    /// Makes a client of what was found out.
    fn build(&self, found: &SdkConfig, http: SharedHttpClient) -> Self::Sdk;
}

/// Sets in a service's own builder what holds for the clients of all: the builders have no trait in common.
macro_rules! common {
    ($builder:expr, $access:expr, $http:expr) => {{
        use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
        use aws_smithy_types::retry::RetryConfig;
        use aws_smithy_types::timeout::TimeoutConfig;
        let access: &$crate::aws::Access = $access;
        let mut builder = $builder
            .http_client($http)
            // One request, one attempt: the layer above sends again, and knows what that may mean.
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout($crate::aws::client::CONNECT).build())
            // Progress is watched where the answers are read.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(endpoint) = &access.endpoint {
            builder = builder.endpoint_url(endpoint.trim_end_matches('/'));
        }
        if let Some(keys) = access.keys() {
            builder = builder.credentials_provider(keys);
        }
        builder
    }};
}
pub(crate) use common;

/// A client, and which one it is.
pub(crate) struct Live<K> {
    pub(crate) sdk: K,
    generation: u64,
}

/// The client of a store.
pub(crate) struct Client<C: Service> {
    config: C,
    live: ArcSwapOption<Live<C::Sdk>>,
    /// What the first client found out: credentials, and the region.
    found: Mutex<Option<SdkConfig>>,
    generations: AtomicU64,
}

impl<C: Service> Client<C> {
    pub(crate) fn new(config: C) -> Client<C> {
        Client {
            config,
            live: ArcSwapOption::empty(),
            found: Mutex::new(None),
            generations: AtomicU64::new(0),
        }
    }

    pub(crate) fn config(&self) -> &C {
        &self.config
    }

    /// The client, if there is one.
    pub(crate) fn ready(&self) -> Option<Arc<Live<C::Sdk>>> {
        self.live.load_full()
    }

    /// The client, built now if there is none.
    pub(crate) async fn get(&self, op: Op) -> Result<Arc<Live<C::Sdk>>> {
        if let Some(live) = self.ready() {
            return Ok(live);
        }
        let mut found = self.found.lock().await;
        // Whoever held the lock may have built it.
        if let Some(live) = self.ready() {
            return Ok(live);
        }
        let http = self.http();
        let sdk_config = match found.take() {
            Some(known) => known,
            None => self.look(op, http.clone()).await?,
        };
        let live = Arc::new(Live {
            sdk: self.config.build(&sdk_config, http),
            generation: self.generations.fetch_add(1, Ordering::Relaxed),
        });
        *found = Some(sdk_config);
        self.live.store(Some(live.clone()));
        Ok(live)
    }

    /// A connection of `live` broke. Others in its pool may have died with it (while a process is frozen, all do), so
    /// the next request takes a client with a pool of its own.
    pub(crate) fn broke(&self, live: &Arc<Live<C::Sdk>>) {
        let now = self.live.load();
        if now.as_ref().is_some_and(|now| now.generation == live.generation) {
            self.live.compare_and_swap(&*now, None);
        }
    }

    fn http(&self) -> SharedHttpClient {
        let http = Http::new().pool_idle_timeout(IDLE);
        match self.config.access().is_plain() {
            // No trust store is read for a service without TLS.
            true => http.build_http(),
            false => http.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
        }
    }

    /// Finds the region and who signs.
    async fn look(&self, op: Op, http: SharedHttpClient) -> Result<SdkConfig> {
        let access = self.config.access();
        let region = match (&access.region, &access.endpoint) {
            (Some(region), _) => Some(region.clone()),
            // Look-alikes take any; this is what most of them are set to.
            (None, Some(_)) => Some(env_region().unwrap_or_else(|| "us-east-1".into())),
            (None, None) => env_region(),
        };
        let version = BehaviorVersion::v2026_01_12();
        if let (Some(region), false) = (&region, access.signer == Signer::Chain) {
            // Nothing is left to find.
            return Ok(SdkConfig::builder()
                .behavior_version(version)
                .region(Region::new(region.clone()))
                .build());
        }
        let mut loader = aws_config::defaults(version).http_client(http);
        if let Some(region) = region {
            loader = loader.region(Region::new(region));
        }
        if access.signer != Signer::Chain {
            loader = loader.no_credentials();
        }
        let found = loader.load().await;
        if found.region().is_none() {
            let why = format!("the {}'s region is not known", C::WHOSE_REGION);
            return Err(
                Error::new(ErrorKind::Invalid, op, why).hint("give region=… in the URL, or set AWS_REGION")
            );
        }
        Ok(found)
    }
}

fn env_region() -> Option<String> {
    let set = |name| std::env::var(name).ok().filter(|region| !region.is_empty());
    set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"))
}
