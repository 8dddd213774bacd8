//! What an `s3:` store can be told.

use std::fmt;
use std::time::Duration;

use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{Error, ErrorKind, Op, Secret};

use super::stored::{Encryption, Stored};
use crate::aws::Access;
use crate::aws::access::{
    ACCESS_KEY, ATTEMPT_TIMEOUT, ATTEMPTS, CONCURRENCY, ENDPOINT, PATIENCE, SECRET_KEY, SESSION_TOKEN, Signer,
};

pub(super) const REGION: Param = Param {
    name: "region",
    about: "the bucket's region, as in eu-west-1; by default what AWS_REGION and the profile say, and us-east-1 with an endpoint",
    secret: false,
};
pub(super) const PATH_STYLE: Param = Param {
    name: "path_style",
    about: "true: the bucket stands in the path, false: in the host name; by default true with an endpoint",
    secret: false,
};
pub(super) const ANONYMOUS: Param =
    Param { name: "anonymous", about: "true: requests are not signed; false (default)", secret: false };
pub(super) const LAYOUT: Param = Param {
    name: "layout",
    about: "plain (default): the object is the value; record: it is Larder's record, with versions per write",
    secret: false,
};
pub(super) const CONDITIONS: Param = Param {
    name: "conditions",
    about: "trusted (default): the service honours If-Match and If-None-Match on writes; probed: it is asked at open; none: conditional writes are refused",
    secret: false,
};
pub(super) const CHECKSUMS: Param = Param {
    name: "checksums",
    about: "on (default): a CRC goes with each body, both ways; required: only where S3 insists, for services that know none",
    secret: false,
};
pub(super) const PART_SIZE: Param = Param {
    name: "part_size",
    about: "bytes of a part of a large upload, 5MiB to 1GiB (default 8MiB)",
    secret: false,
};
pub(super) const PARTS_AT_ONCE: Param = Param {
    name: "parts_at_once",
    about: "parts of one large upload under way at once, 1 to 64 (default 4)",
    secret: false,
};
pub(super) const STORAGE_CLASS: Param = Param {
    name: "storage_class",
    about: "the class of what is written, as in INTELLIGENT_TIERING; by default the bucket's",
    secret: false,
};
pub(super) const TAGS: Param = Param {
    name: "tags",
    about: "tags of what is written, as in team=data,env=prod; at most ten",
    secret: false,
};
pub(super) const ENCRYPTION: Param = Param {
    name: "encryption",
    about: "how the service encrypts what is written: s3 (AES256), kms, or kms-twice (aws:kms:dsse); by default as the bucket is set",
    secret: false,
};
pub(super) const KMS_KEY: Param = Param {
    name: "kms_key",
    about: "id or ARN of the key of AWS KMS, together with encryption=kms or kms-twice",
    secret: false,
};
pub(super) const BUCKET_KEY: Param = Param {
    name: "bucket_key",
    about: "true: S3 derives keys from one of the bucket, together with encryption=kms",
    secret: false,
};

/// Every parameter of `s3:`.
pub(super) const PARAMS: &[Param] = &[
    REGION,
    ENDPOINT,
    PATH_STYLE,
    ACCESS_KEY,
    SECRET_KEY,
    SESSION_TOKEN,
    ANONYMOUS,
    LAYOUT,
    CONDITIONS,
    CHECKSUMS,
    ATTEMPT_TIMEOUT,
    ATTEMPTS,
    PATIENCE,
    CONCURRENCY,
    PART_SIZE,
    PARTS_AT_ONCE,
    STORAGE_CLASS,
    TAGS,
    ENCRYPTION,
    KMS_KEY,
    BUCKET_KEY,
];

/// Up to this, a value is one request; above, it goes up in parts.
pub(super) const ONE_REQUEST: u64 = 16 << 20;

/// How values are kept in objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Layout {
    /// As they are, with what else is known as metadata: other tools can read them. Versions are S3's ETags, which
    /// identical bytes may share.
    #[default]
    Plain,
    /// As Larder's records: versions per write, and every byte checked against what was written, in ranges too.
    Record,
}

impl Layout {
    /// Its name in a URL and in the store's id.
    pub(super) fn name(self) -> &'static str {
        match self {
            Layout::Plain => "plain",
            Layout::Record => "record",
        }
    }
}

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

/// An `s3:` store's configuration.
///
/// ```
/// use larder_store_backends::s3::{Layout, S3Config};
/// use larder_store_core::config::StoreConfig;
/// let built = S3Config::new("bucket").with_prefix("app").with_region("eu-west-1").with_layout(Layout::Record);
/// let url = StoreConfig::parse("s3://bucket/app?region=eu-west-1&layout=record")?;
/// assert_eq!(S3Config::try_from(&url)?, built);
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct S3Config {
    pub(super) bucket: String,
    pub(super) prefix: String,
    pub(super) access: Access,
    pub(super) path_style: Option<bool>,
    pub(super) layout: Layout,
    pub(super) conditions: Conditions,
    pub(super) checksums: bool,
    pub(super) attempt_timeout: Duration,
    pub(super) attempts: u32,
    pub(super) patience: Duration,
    pub(super) concurrency: usize,
    pub(super) part_size: u64,
    pub(super) parts_at_once: usize,
    pub(super) stored: Stored,
}

impl S3Config {
    /// The whole bucket, everything else as by default.
    pub fn new(bucket: impl Into<String>) -> S3Config {
        S3Config {
            bucket: bucket.into(),
            prefix: String::new(),
            access: Access::default(),
            path_style: None,
            layout: Layout::Plain,
            conditions: Conditions::Trusted,
            checksums: true,
            attempt_timeout: Duration::from_secs(10),
            attempts: 10,
            patience: Duration::from_secs(60),
            concurrency: 256,
            part_size: 8 << 20,
            parts_at_once: 4,
            stored: Stored::default(),
        }
    }

    /// The objects behind `prefix` and a slash.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> S3Config {
        self.prefix = prefix.into();
        self
    }

    /// The bucket's region.
    pub fn with_region(mut self, region: impl Into<String>) -> S3Config {
        self.access.region = Some(region.into());
        self
    }

    /// Another service than AWS: `http://` or `https://`, and its host.
    pub fn with_endpoint(mut self, endpoint: impl Into<String>) -> S3Config {
        self.access.endpoint = Some(endpoint.into());
        self
    }

    /// Whether the bucket stands in the path of a request or in the host's name.
    pub fn with_path_style(mut self, path: bool) -> S3Config {
        self.path_style = Some(path);
        self
    }

    /// An access key, instead of what AWS's chain of providers finds.
    pub fn with_keys(mut self, access_key: impl Into<Secret>, secret_key: impl Into<Secret>) -> S3Config {
        self.access.set_keys(access_key.into(), secret_key.into());
        self
    }

    /// The session token of temporary keys, after [`S3Config::with_keys`].
    pub fn with_session_token(mut self, token: impl Into<Secret>) -> S3Config {
        self.access.set_session_token(token.into());
        self
    }

    /// Sends requests that nobody signed, for public buckets.
    pub fn with_anonymous(mut self) -> S3Config {
        self.access.signer = Signer::Nobody;
        self
    }

    /// How values are kept.
    pub fn with_layout(mut self, layout: Layout) -> S3Config {
        self.layout = layout;
        self
    }

    /// Whether the service is believed to honour conditions on writes.
    pub fn with_conditions(mut self, conditions: Conditions) -> S3Config {
        self.conditions = conditions;
        self
    }

    /// Whether a CRC goes with each body (the default), or only where S3 insists.
    pub fn with_checksums(mut self, on: bool) -> S3Config {
        self.checksums = on;
        self
    }

    /// How long a request may go without progress; one second more for each 256 KiB that are sent.
    pub fn with_attempt_timeout(mut self, time: Duration) -> S3Config {
        self.attempt_timeout = time;
        self
    }

    /// How many times a request is sent at most, and how long all attempts of a call may take together.
    pub fn with_attempts(mut self, attempts: u32, patience: Duration) -> S3Config {
        (self.attempts, self.patience) = (attempts.clamp(1, 100), patience);
        self
    }

    /// How many requests are under way at once; others wait for their turn. A stream counts until its first byte.
    pub fn with_concurrency(mut self, requests: usize) -> S3Config {
        self.concurrency = requests.clamp(1, 10_000);
        self
    }

    /// Bytes of a part of a large upload (5 MiB to 1 GiB), and how many parts of one are under way at once. Their
    /// product is the memory that an upload takes.
    pub fn with_parts(mut self, size: u64, at_once: usize) -> S3Config {
        (self.part_size, self.parts_at_once) = (size.clamp(5 << 20, 1 << 30), at_once.clamp(1, 64));
        self
    }

    /// The class of what is written, as in `INTELLIGENT_TIERING`.
    pub fn with_storage_class(mut self, class: impl Into<String>) -> S3Config {
        self.stored.class = Some(class.into());
        self
    }

    /// A tag of what is written. S3 keeps ten of an object.
    pub fn with_tag(mut self, name: impl Into<String>, value: impl Into<String>) -> S3Config {
        self.stored.tags.push((name.into(), value.into()));
        self
    }

    /// How the service encrypts what is written.
    pub fn with_encryption(mut self, encryption: Encryption) -> S3Config {
        self.stored.encryption = Some(encryption);
        self
    }

    pub(super) fn is_anonymous(&self) -> bool {
        self.access.signer == Signer::Nobody
    }

    /// Where it is, for the store's id: never a secret.
    pub(super) fn place(&self) -> String {
        self.access.place(&self.bucket)
    }

    /// Refuses what makes no sense together.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse =
            |why: String, hint: &'static str| Err(Error::new(ErrorKind::Invalid, Op::Open, why).hint(hint));
        let bucket = &self.bucket;
        // General-purpose bucket naming rules, Amazon S3 User Guide; upper case and underscores are older ones'.
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if !(3..=255).contains(&bucket.len()) || !bucket.bytes().all(plain) {
            return refuse("s3: the bucket's name is none".into(), "s3://bucket/prefix?region=eu-west-1");
        }
        self.access.check("s3")?;
        if self.attempt_timeout.is_zero() || self.patience.is_zero() {
            return refuse(
                "s3: attempt_timeout and patience cannot be nothing".into(),
                "attempt_timeout=10s",
            );
        }
        self.stored.check()
    }
}

impl TryFrom<&StoreConfig> for S3Config {
    type Error = Error;

    fn try_from(config: &StoreConfig) -> Result<S3Config, Error> {
        config.check_params(PARAMS)?;
        let wrong =
            |why: &str, hint: &'static str| Err(Error::new(ErrorKind::Invalid, Op::Parse, why).hint(hint));
        if config.authority().is_none() {
            return wrong("s3: no bucket is given", "s3://bucket/prefix?region=eu-west-1");
        }
        let (bucket, prefix) = config.place().split_once('/').unwrap_or((config.place(), ""));
        let mut s3 = S3Config::new(bucket).with_prefix(prefix);
        s3.path_style = config.flag(&PATH_STYLE)?;
        let anonymous = config.flag(&ANONYMOUS)? == Some(true);
        s3.access = Access::read(config, anonymous)?;
        s3.access.region = config.text(&REGION)?.map(str::to_owned);
        if config.choice(&LAYOUT, &["plain", "record"])? == Some("record") {
            s3.layout = Layout::Record;
        }
        s3.conditions = match config.choice(&CONDITIONS, &["trusted", "probed", "none"])? {
            Some("probed") => Conditions::Probed,
            Some("none") => Conditions::None,
            _ => Conditions::Trusted,
        };
        s3.checksums = config.choice(&CHECKSUMS, &["on", "required"])? != Some("required");
        s3.attempt_timeout = config.duration(&ATTEMPT_TIMEOUT)?.unwrap_or(s3.attempt_timeout);
        s3.attempts = config.number(&ATTEMPTS, 1..=100)?.map_or(s3.attempts, |n| n as u32);
        s3.patience = config.duration(&PATIENCE)?.unwrap_or(s3.patience);
        s3.concurrency = config.number(&CONCURRENCY, 1..=10_000)?.map_or(s3.concurrency, |n| n as usize);
        if let Some(size) = config.size(&PART_SIZE)? {
            if !(5 << 20..=1 << 30).contains(&size) {
                return wrong("s3: part_size wants 5MiB to 1GiB", PART_SIZE.about);
            }
            s3.part_size = size;
        }
        s3.parts_at_once = config.number(&PARTS_AT_ONCE, 1..=64)?.map_or(s3.parts_at_once, |n| n as usize);
        s3.stored.class = config.text(&STORAGE_CLASS)?.map(str::to_owned);
        for tag in config.text(&TAGS)?.into_iter().flat_map(|tags| tags.split(',')) {
            let Some((name, value)) = tag.split_once('=') else {
                return wrong("s3: tags wants name=value, and commas between", TAGS.about);
            };
            s3 = s3.with_tag(name, value);
        }
        let key = config.text(&KMS_KEY)?.map(str::to_owned);
        let bucket_key = config.flag(&BUCKET_KEY)?;
        s3.stored.encryption =
            match (config.choice(&ENCRYPTION, &["s3", "kms", "kms-twice"])?, key, bucket_key) {
                (Some("kms"), key, bucket_key) => {
                    Some(Encryption::Kms { key, bucket_key: bucket_key == Some(true) })
                }
                (Some("kms-twice"), key, None) => Some(Encryption::KmsTwice { key }),
                (Some("s3"), None, None) => Some(Encryption::S3),
                (None, None, None) => None,
                (_, _, Some(_)) => return wrong("s3: bucket_key goes with encryption=kms", BUCKET_KEY.about),
                _ => return wrong("s3: kms_key goes with encryption=kms or kms-twice", KMS_KEY.about),
            };
        s3.check().map_err(|e| e.during(Op::Parse))?;
        Ok(s3)
    }
}

impl fmt::Debug for S3Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Config({} under {:?}, {})", self.place(), self.prefix, self.layout.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<S3Config, Error> {
        StoreConfig::parse(text).and_then(|config| S3Config::try_from(&config))
    }

    #[test]
    fn every_parameter_is_read() {
        let url = "s3://bucket/a/b?region=r&endpoint=https://host:9&path_style=false&access_key=ak&secret_key=sk\
                   &session_token=st&layout=record&conditions=probed&checksums=required&attempt_timeout=5s\
                   &attempts=3&patience=20s&concurrency=8&part_size=16MiB&parts_at_once=2";
        let built = S3Config::new("bucket")
            .with_prefix("a/b")
            .with_region("r")
            .with_endpoint("https://host:9")
            .with_path_style(false)
            .with_keys("ak", "sk")
            .with_session_token("st")
            .with_layout(Layout::Record)
            .with_conditions(Conditions::Probed)
            .with_checksums(false)
            .with_attempt_timeout(Duration::from_secs(5))
            .with_attempts(3, Duration::from_secs(20))
            .with_concurrency(8)
            .with_parts(16 << 20, 2);
        assert_eq!(parse(url).unwrap(), built);
        assert_eq!(parse("s3://bucket").unwrap(), S3Config::new("bucket"));
        assert_eq!(parse("s3://bucket?anonymous=true").unwrap(), S3Config::new("bucket").with_anonymous());
        assert_eq!(built.place(), "//host:9/bucket");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for param in PARAMS.iter().filter(|p| !p.secret && !["region", "kms_key"].contains(&p.name)) {
            let error = parse(&format!("s3://bucket?{}=perhaps", param.name)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(param.name), "{error}");
        }
        for bad in [
            "s3:bucket",
            "s3://",
            "s3://b",
            "s3://bu cket",
            "s3://bucket?access_key=a",
            "s3://bucket?secret_key=s3same",
            "s3://bucket?access_key=a&secret_key=b&anonymous=true",
            "s3://bucket?endpoint=ftp://host",
            "s3://bucket?endpoint=http://user@host",
            "s3://bucket?part_size=1MiB",
            "s3://bucket?attempt_timeout=0s",
            "s3://bucket?storage_class=DEEP_ARCHIVE",
            "s3://bucket?tags=a=b,a=c",
            "s3://bucket?kms_key=k",
            "s3://bucket?encryption=s3&kms_key=k",
            "s3://bucket?encryption=kms-twice&bucket_key=true",
        ] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
            assert!(!error.to_string().contains("s3same"), "{error}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let config =
            S3Config::new("bucket").with_keys("ak-secret", "sk-secret").with_session_token("st-secret");
        assert!(!format!("{config:?}").contains("secret"));
    }
}
