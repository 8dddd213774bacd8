//! What a `gs:` store can be told.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{Error, ErrorKind, Op, Secret};

pub(super) const ENDPOINT: Param = Param {
    name: "endpoint",
    about: "http:// or https:// and the host of another service than Google's, for downloads and uploads",
    secret: false,
};
pub(super) const GRPC_ENDPOINT: Param = Param {
    name: "grpc_endpoint",
    about: "the same for everything else, which goes over gRPC; by default that of endpoint",
    secret: false,
};
pub(super) const SERVICE_ACCOUNT_FILE: Param = Param {
    name: "service_account_file",
    about: "a file with the key of a service account, as JSON; by default the application default credentials",
    secret: false,
};
pub(super) const ACCESS_TOKEN: Param = Param {
    name: "access_token",
    about: "a token of OAuth 2.0 that is there already; it is not renewed when it expires",
    secret: true,
};
pub(super) const ANONYMOUS: Param =
    Param { name: "anonymous", about: "true: requests carry no credentials; false (default)", secret: false };
pub(super) const STORAGE_CLASS: Param = Param {
    name: "storage_class",
    about: "STANDARD, NEARLINE, COLDLINE or ARCHIVE, for what is written; by default the bucket's",
    secret: false,
};
pub(super) const KMS_KEY: Param = Param {
    name: "kms_key",
    about: "projects/P/locations/L/keyRings/R/cryptoKeys/K, the key that what is written is encrypted with; by default the bucket's",
    secret: false,
};
pub(super) const CONDITIONS: Param = Param {
    name: "conditions",
    about: "trusted (default): the service honours generations on writes; probed: it is asked at open; none: conditional writes are refused",
    secret: false,
};
pub(super) const ATTEMPT_TIMEOUT: Param = Param {
    name: "attempt_timeout",
    about: "how long a request may go without progress (default 10s); one second more for each 256 KiB that are sent",
    secret: false,
};
pub(super) const ATTEMPTS: Param = Param {
    name: "attempts",
    about: "how many times a request is sent at most, 1 to 100 (default 10)",
    secret: false,
};
pub(super) const PATIENCE: Param = Param {
    name: "patience",
    about: "how long all attempts of a call may take together (default 60s)",
    secret: false,
};
pub(super) const CONCURRENCY: Param = Param {
    name: "concurrency",
    about: "requests under way at once, 1 to 10000 (default 256); others wait for their turn",
    secret: false,
};
pub(super) const PIECE_SIZE: Param = Param {
    name: "piece_size",
    about: "bytes of a piece of a large upload, 256KiB to 1GiB in steps of 256KiB (default 8MiB)",
    secret: false,
};

/// Every parameter of `gs:`.
pub(super) const PARAMS: &[Param] = &[
    ENDPOINT,
    GRPC_ENDPOINT,
    SERVICE_ACCOUNT_FILE,
    ACCESS_TOKEN,
    ANONYMOUS,
    STORAGE_CLASS,
    KMS_KEY,
    CONDITIONS,
    ATTEMPT_TIMEOUT,
    ATTEMPTS,
    PATIENCE,
    CONCURRENCY,
    PIECE_SIZE,
];

/// Up to this, a value is one request; above, it goes up in pieces.
pub(super) const ONE_REQUEST: u64 = 16 << 20;

/// Pieces of an upload but the last are a multiple of this (Cloud Storage, "Resumable uploads").
pub(super) const QUANTUM: u64 = 256 << 10;

const CLASSES: [&str; 4] = ["STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE"];

/// Whether the service is believed to honour conditions on writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Conditions {
    /// It is.
    #[default]
    Trusted,
    /// It is asked when the store is opened, which takes some ten small requests. If it does not, conditional writes are
    /// refused from then on.
    Probed,
    /// It is not: conditional writes are refused.
    None,
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) enum Login {
    /// Whatever the application default credentials are: `GOOGLE_APPLICATION_CREDENTIALS`, `gcloud`'s, the machine's.
    #[default]
    Default,
    ServiceAccount(PathBuf),
    Token(Secret),
    Nobody,
}

/// A `gs:` store's configuration.
///
/// ```
/// use larder_store_backends::gs::GsConfig;
/// use larder_store_core::config::StoreConfig;
/// let built = GsConfig::new("bucket").with_prefix("app").with_storage_class("NEARLINE");
/// let url = StoreConfig::parse("gs://bucket/app?storage_class=NEARLINE")?;
/// assert_eq!(GsConfig::try_from(&url)?, built);
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct GsConfig {
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) endpoint: Option<String>,
    pub(super) grpc_endpoint: Option<String>,
    pub(super) login: Login,
    pub(super) storage_class: Option<String>,
    pub(super) kms_key: Option<String>,
    pub(super) conditions: Conditions,
    pub(super) attempt_timeout: Duration,
    pub(super) attempts: u32,
    pub(super) patience: Duration,
    pub(super) concurrency: usize,
    pub(super) piece_size: u64,
}

impl GsConfig {
    /// The whole bucket, everything else as by default.
    pub fn new(bucket: impl Into<String>) -> GsConfig {
        GsConfig {
            bucket: bucket.into(),
            prefix: String::new(),
            endpoint: None,
            grpc_endpoint: None,
            login: Login::Default,
            storage_class: None,
            kms_key: None,
            conditions: Conditions::Trusted,
            attempt_timeout: Duration::from_secs(10),
            attempts: 10,
            patience: Duration::from_secs(60),
            concurrency: 256,
            piece_size: 8 << 20,
        }
    }

    /// The objects behind `prefix` and a slash.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> GsConfig {
        self.prefix = prefix.into();
        self
    }

    /// Another service than Google's: `http://` or `https://`, and its host.
    pub fn with_endpoint(mut self, endpoint: impl Into<String>) -> GsConfig {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Where it speaks gRPC, if that is another place.
    pub fn with_grpc_endpoint(mut self, endpoint: impl Into<String>) -> GsConfig {
        self.grpc_endpoint = Some(endpoint.into());
        self
    }

    /// The key of a service account, as a JSON file, instead of the application default credentials. It is read when the
    /// first call needs it.
    pub fn with_service_account_file(mut self, path: impl Into<PathBuf>) -> GsConfig {
        self.login = Login::ServiceAccount(path.into());
        self
    }

    /// A token of OAuth 2.0 that is there already.
    pub fn with_access_token(mut self, token: impl Into<Secret>) -> GsConfig {
        self.login = Login::Token(token.into());
        self
    }

    /// Sends requests without credentials, for public buckets.
    pub fn with_anonymous(mut self) -> GsConfig {
        self.login = Login::Nobody;
        self
    }

    /// The storage class of what is written: `STANDARD`, `NEARLINE`, `COLDLINE` or `ARCHIVE`.
    pub fn with_storage_class(mut self, class: impl Into<String>) -> GsConfig {
        self.storage_class = Some(class.into());
        self
    }

    /// The key of Cloud KMS that what is written is encrypted with.
    pub fn with_kms_key(mut self, key: impl Into<String>) -> GsConfig {
        self.kms_key = Some(key.into());
        self
    }

    /// Whether the service is believed to honour conditions on writes.
    pub fn with_conditions(mut self, conditions: Conditions) -> GsConfig {
        self.conditions = conditions;
        self
    }

    /// How long a request may go without progress; one second more for each 256 KiB that are sent.
    pub fn with_attempt_timeout(mut self, time: Duration) -> GsConfig {
        self.attempt_timeout = time;
        self
    }

    /// How many times a request is sent at most, and how long all attempts of a call may take together.
    pub fn with_attempts(mut self, attempts: u32, patience: Duration) -> GsConfig {
        (self.attempts, self.patience) = (attempts.clamp(1, 100), patience);
        self
    }

    /// How many requests are under way at once; others wait for their turn. A stream counts until its first byte.
    pub fn with_concurrency(mut self, requests: usize) -> GsConfig {
        self.concurrency = requests.clamp(1, 10_000);
        self
    }

    /// Bytes of a piece of a large upload, 256 KiB to 1 GiB and a multiple of 256 KiB. One is sent while the next one is
    /// filled, so an upload takes twice this of memory.
    pub fn with_piece_size(mut self, size: u64) -> GsConfig {
        self.piece_size = size.clamp(QUANTUM, 1 << 30).next_multiple_of(QUANTUM);
        self
    }

    /// Where it is, for the store's id: never a secret.
    pub(super) fn place(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => {
                let host = endpoint.split_once("://").map_or(endpoint.as_str(), |(_, host)| host);
                format!("//{}/{}", host.trim_end_matches('/'), self.bucket)
            }
            None => format!("//{}", self.bucket),
        }
    }

    /// The bucket as the crate wants it named.
    pub(super) fn bucket_path(&self) -> String {
        format!("projects/_/buckets/{}", self.bucket)
    }

    /// Refuses what makes no sense together.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse =
            |why: String, hint: &'static str| Err(Error::new(ErrorKind::Invalid, Op::Open, why).hint(hint));
        let bucket = &self.bucket;
        // Cloud Storage, "About Cloud Storage buckets", naming.
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
        if !(3..=222).contains(&bucket.len()) || !bucket.bytes().all(legal) {
            return refuse("gs: the bucket's name is none".into(), "gs://bucket/prefix");
        }
        for (name, endpoint) in [("endpoint", &self.endpoint), ("grpc_endpoint", &self.grpc_endpoint)] {
            let Some(endpoint) = endpoint else { continue };
            let host = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
            let host = host.map(|host| host.trim_end_matches('/')).unwrap_or_default();
            if host.is_empty() || host.contains(['/', '@', '?', '#', ' ']) {
                return refuse(format!("gs: {name} is no URL of a service"), "endpoint=https://host:port");
            }
        }
        if let Some(class) = &self.storage_class
            && !CLASSES.contains(&class.as_str())
        {
            return refuse(format!("gs: storage_class is {class:?}"), STORAGE_CLASS.about);
        }
        if let Some(key) = &self.kms_key {
            let parts: Vec<_> = key.split('/').collect();
            let form = matches!(&parts[..], ["projects", _, "locations", _, "keyRings", _, "cryptoKeys", _]);
            if !form || parts.iter().any(|part| part.is_empty()) {
                return refuse("gs: kms_key is no name of a key".into(), KMS_KEY.about);
            }
        }
        if self.attempt_timeout.is_zero() || self.patience.is_zero() {
            return refuse(
                "gs: attempt_timeout and patience cannot be nothing".into(),
                "attempt_timeout=10s",
            );
        }
        Ok(())
    }
}

impl TryFrom<&StoreConfig> for GsConfig {
    type Error = Error;

    fn try_from(config: &StoreConfig) -> Result<GsConfig, Error> {
        config.check_params(PARAMS)?;
        let wrong =
            |why: &str, hint: &'static str| Err(Error::new(ErrorKind::Invalid, Op::Parse, why).hint(hint));
        if config.authority().is_none() {
            return wrong("gs: no bucket is given", "gs://bucket/prefix");
        }
        let (bucket, prefix) = config.place().split_once('/').unwrap_or((config.place(), ""));
        let mut gs = GsConfig::new(bucket).with_prefix(prefix);
        gs.endpoint = config.text(&ENDPOINT)?.map(str::to_owned);
        gs.grpc_endpoint = config.text(&GRPC_ENDPOINT)?.map(str::to_owned);
        let (file, token) = (config.text(&SERVICE_ACCOUNT_FILE)?, config.text(&ACCESS_TOKEN)?);
        gs.login = match (file, token, config.flag(&ANONYMOUS)? == Some(true)) {
            (None, None, false) => Login::Default,
            (None, None, true) => Login::Nobody,
            (Some(path), None, false) => Login::ServiceAccount(path.into()),
            (None, Some(token), false) => Login::Token(Secret::new(token)),
            _ => {
                let hint =
                    "give one of service_account_file, access_token and anonymous=true, or none of them";
                return wrong("gs: credentials are given in more than one way", hint);
            }
        };
        gs.storage_class = config.text(&STORAGE_CLASS)?.map(str::to_owned);
        gs.kms_key = config.text(&KMS_KEY)?.map(str::to_owned);
        gs.conditions = match config.choice(&CONDITIONS, &["trusted", "probed", "none"])? {
            Some("probed") => Conditions::Probed,
            Some("none") => Conditions::None,
            _ => Conditions::Trusted,
        };
        gs.attempt_timeout = config.duration(&ATTEMPT_TIMEOUT)?.unwrap_or(gs.attempt_timeout);
        gs.attempts = config.number(&ATTEMPTS, 1..=100)?.map_or(gs.attempts, |n| n as u32);
        gs.patience = config.duration(&PATIENCE)?.unwrap_or(gs.patience);
        gs.concurrency = config.number(&CONCURRENCY, 1..=10_000)?.map_or(gs.concurrency, |n| n as usize);
        if let Some(size) = config.size(&PIECE_SIZE)? {
            if !(QUANTUM..=1 << 30).contains(&size) || !size.is_multiple_of(QUANTUM) {
                return wrong("gs: piece_size wants 256KiB to 1GiB in steps of 256KiB", PIECE_SIZE.about);
            }
            gs.piece_size = size;
        }
        gs.check().map_err(|e| e.during(Op::Parse))?;
        Ok(gs)
    }
}

impl fmt::Debug for GsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GsConfig({} under {:?})", self.place(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<GsConfig, Error> {
        StoreConfig::parse(text).and_then(|config| GsConfig::try_from(&config))
    }

    #[test]
    fn every_parameter_is_read() {
        let key = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
        let url = format!(
            "gs://bucket/a/b?endpoint=https://host:9&grpc_endpoint=https://other&storage_class=ARCHIVE&kms_key={key}\
             &conditions=probed&attempt_timeout=5s&attempts=3&patience=20s&concurrency=8&piece_size=1MiB\
             &service_account_file=/key.json"
        );
        let built = GsConfig::new("bucket")
            .with_prefix("a/b")
            .with_endpoint("https://host:9")
            .with_grpc_endpoint("https://other")
            .with_storage_class("ARCHIVE")
            .with_kms_key(key)
            .with_conditions(Conditions::Probed)
            .with_attempt_timeout(Duration::from_secs(5))
            .with_attempts(3, Duration::from_secs(20))
            .with_concurrency(8)
            .with_piece_size(1 << 20)
            .with_service_account_file("/key.json");
        assert_eq!(parse(&url).unwrap(), built);
        assert_eq!(parse("gs://bucket").unwrap(), GsConfig::new("bucket"));
        assert_eq!(parse("gs://bucket?anonymous=true").unwrap(), GsConfig::new("bucket").with_anonymous());
        let token = GsConfig::new("bucket").with_access_token("t");
        assert_eq!(parse("gs://bucket?access_token=t").unwrap(), token);
        assert_eq!(built.place(), "//host:9/bucket");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let free = ["service_account_file"];
        for param in PARAMS.iter().filter(|p| !p.secret && !free.contains(&p.name)) {
            let error = parse(&format!("gs://bucket?{}=perhaps", param.name)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(param.name), "{error}");
        }
        for bad in [
            "gs:bucket",
            "gs://",
            "gs://b",
            "gs://Bucket",
            "gs://bucket?access_token=s3same&anonymous=true",
            "gs://bucket?access_token=s3same&service_account_file=/x",
            "gs://bucket?endpoint=http://user@host",
            "gs://bucket?piece_size=1MB",
            "gs://bucket?kms_key=projects/p/locations//keyRings/r/cryptoKeys/k",
            "gs://bucket?patience=0s",
        ] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
            assert!(!error.to_string().contains("s3same"), "{error}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let config = GsConfig::new("bucket").with_access_token("token-secret");
        assert!(!format!("{config:?}").contains("secret"));
    }
}
