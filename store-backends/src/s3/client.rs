//! The SDK's client: built when it is first needed, and anew when its connections turn out to be dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient, StalledStreamProtectionConfig, timeout::TimeoutConfig,
};
use aws_smithy_http_client::Builder as Http;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_types::SdkConfig;
use larder_store_core::{Error, ErrorKind, Op, Result};
use tokio::sync::Mutex;

use super::config::{S3Config, Signer};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_millis(3100);
/// How long an idle connection is kept. S3 closes its end after about twenty seconds.
const IDLE: Duration = Duration::from_secs(15);

/// A client, and which one it is.
pub(super) struct Live {
    pub(super) sdk: aws_sdk_s3::Client,
    generation: u64,
}

/// The client of a store.
pub(super) struct Client {
    config: S3Config,
    live: ArcSwapOption<Live>,
    /// What the first client found out: credentials, and the region.
    found: Mutex<Option<SdkConfig>>,
    generations: AtomicU64,
}

impl Client {
    pub(super) fn new(config: S3Config) -> Client {
        Client {
            config,
            live: ArcSwapOption::empty(),
            found: Mutex::new(None),
            generations: AtomicU64::new(0),
        }
    }

    pub(super) fn config(&self) -> &S3Config {
        &self.config
    }

    /// The client, if there is one.
    pub(super) fn ready(&self) -> Option<Arc<Live>> {
        self.live.load_full()
    }

    /// The client, built now if there is none.
    pub(super) async fn get(&self, op: Op) -> Result<Arc<Live>> {
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
            sdk: aws_sdk_s3::Client::from_conf(self.build(&sdk_config, http)),
            generation: self.generations.fetch_add(1, Ordering::Relaxed),
        });
        *found = Some(sdk_config);
        self.live.store(Some(live.clone()));
        Ok(live)
    }

    /// A connection of `live` broke. Others in its pool may have died with it (while a process is frozen, all do), so
    /// the next request takes a client with a pool of its own.
    pub(super) fn broke(&self, live: &Arc<Live>) {
        let now = self.live.load();
        if now.as_ref().is_some_and(|now| now.generation == live.generation) {
            self.live.compare_and_swap(&*now, None);
        }
    }

    fn http(&self) -> SharedHttpClient {
        let plain = self.config.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let http = Http::new().pool_idle_timeout(IDLE);
        match plain {
            // No trust store is read for a service without TLS.
            true => http.build_http(),
            false => http.tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
        }
    }

    /// Finds the region and who signs.
    async fn look(&self, op: Op, http: SharedHttpClient) -> Result<SdkConfig> {
        let config = &self.config;
        let region = match (&config.region, &config.endpoint) {
            (Some(region), _) => Some(region.clone()),
            // Look-alikes take any; this is what most of them are set to.
            (None, Some(_)) => Some(env_region().unwrap_or_else(|| "us-east-1".into())),
            (None, None) => env_region(),
        };
        let version = BehaviorVersion::v2026_01_12();
        if let (Some(region), false) = (&region, config.signer == Signer::Chain) {
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
        if config.signer != Signer::Chain {
            loader = loader.no_credentials();
        }
        let found = loader.load().await;
        if found.region().is_none() {
            let why = "the bucket's region is not known";
            return Err(
                Error::new(ErrorKind::Invalid, op, why).hint("give region=… in the URL, or set AWS_REGION")
            );
        }
        Ok(found)
    }

    fn build(&self, found: &SdkConfig, http: SharedHttpClient) -> aws_sdk_s3::Config {
        let config = &self.config;
        let mut s3 = aws_sdk_s3::config::Builder::from(found)
            .http_client(http)
            // One request, one attempt: the layer above sends again, and knows what that may mean.
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).build())
            // Progress is watched where the bodies are read.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .force_path_style(config.path_style.unwrap_or(config.endpoint.is_some()));
        if let Some(endpoint) = &config.endpoint {
            s3 = s3.endpoint_url(endpoint.trim_end_matches('/'));
        }
        if !config.checksums {
            s3 = s3
                .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
                .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        }
        match &config.signer {
            Signer::Chain => {}
            Signer::Keys { access_key, secret_key, session_token } => {
                let token = session_token.as_ref().map(|token| token.reveal().to_owned());
                let keys = Credentials::new(access_key.reveal(), secret_key.reveal(), token, None, "larder");
                s3 = s3.credentials_provider(keys);
            }
            Signer::Nobody => s3 = s3.allow_no_auth(),
        }
        s3.build()
    }
}

fn env_region() -> Option<String> {
    let set = |name| std::env::var(name).ok().filter(|region| !region.is_empty());
    set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"))
}
