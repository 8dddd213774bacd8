//! What a `dynamodb:` store can be told.

use std::fmt;
use std::time::Duration;

use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{Error, ErrorKind, Op, Secret};

use super::name::{MAX_SHARDS, Names};
use crate::aws::Access;
use crate::aws::access::{
    ACCESS_KEY, ATTEMPT_TIMEOUT, ATTEMPTS, CONCURRENCY, ENDPOINT, PATIENCE, SECRET_KEY, SESSION_TOKEN,
};

pub(super) const REGION: Param = Param {
    name: "region",
    about: "the table's region, as in eu-west-1; by default what AWS_REGION and the profile say, and us-east-1 with an endpoint",
    secret: false,
};
pub(super) const CREATE: Param = Param {
    name: "create",
    about: "true: a table that is missing is made when the store is opened, billed on demand, with TTL; false (default): it is an error",
    secret: false,
};
pub(super) const SHARDS: Param = Param {
    name: "shards",
    about: "write shards of a namespace that is new, 1 to 256 (default 1); a listing asks each of them. One that is there has its own",
    secret: false,
};
pub(super) const TRANSACTIONS: Param = Param {
    name: "transactions",
    about: "true (default); false: the service has no TransactWriteItems, as some look-alikes, and transactions are refused",
    secret: false,
};
pub(super) const PARTS_AT_ONCE: Param = Param {
    name: "parts_at_once",
    about: "chunks of one large value under way at once, 1 to 64 (default 8)",
    secret: false,
};

/// Every parameter of `dynamodb:`.
pub(super) const PARAMS: &[Param] = &[
    REGION,
    ENDPOINT,
    ACCESS_KEY,
    SECRET_KEY,
    SESSION_TOKEN,
    CREATE,
    SHARDS,
    TRANSACTIONS,
    ATTEMPT_TIMEOUT,
    ATTEMPTS,
    PATIENCE,
    CONCURRENCY,
    PARTS_AT_ONCE,
];

/// Up to this, a value stands in the item of its key; above, in chunks of their own.
pub(super) const INLINE: usize = 4096;

/// A `dynamodb:` store's configuration.
///
/// ```
/// use larder_store_backends::dynamodb::DynamoConfig;
/// use larder_store_core::config::StoreConfig;
/// let built = DynamoConfig::new("table").with_namespace("app").with_region("eu-west-1").with_shards(4);
/// let url = StoreConfig::parse("dynamodb://table/app?region=eu-west-1&shards=4")?;
/// assert_eq!(DynamoConfig::try_from(&url)?, built);
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DynamoConfig {
    pub(super) table: String,
    pub(super) namespace: String,
    pub(super) access: Access,
    pub(super) create: bool,
    pub(super) shards: Option<u16>,
    pub(super) transactions: bool,
    pub(super) attempt_timeout: Duration,
    pub(super) attempts: u32,
    pub(super) patience: Duration,
    pub(super) concurrency: usize,
    pub(super) parts_at_once: usize,
}

impl DynamoConfig {
    /// The namespace without a name in `table`, everything else as by default.
    pub fn new(table: impl Into<String>) -> DynamoConfig {
        DynamoConfig {
            table: table.into(),
            namespace: String::new(),
            access: Access::default(),
            create: false,
            shards: None,
            transactions: true,
            attempt_timeout: Duration::from_secs(10),
            attempts: 10,
            patience: Duration::from_secs(60),
            concurrency: 256,
            parts_at_once: 8,
        }
    }

    /// The namespace of this name: one of many stores that share a table and know nothing of each other.
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> DynamoConfig {
        self.namespace = namespace.into();
        self
    }

    /// The table's region.
    pub fn with_region(mut self, region: impl Into<String>) -> DynamoConfig {
        self.access.region = Some(region.into());
        self
    }

    /// Another service than AWS: `http://` or `https://`, and its host.
    pub fn with_endpoint(mut self, endpoint: impl Into<String>) -> DynamoConfig {
        self.access.endpoint = Some(endpoint.into());
        self
    }

    /// An access key, instead of what AWS's chain of providers finds.
    pub fn with_keys(mut self, access_key: impl Into<Secret>, secret_key: impl Into<Secret>) -> DynamoConfig {
        self.access.set_keys(access_key.into(), secret_key.into());
        self
    }

    /// The session token of temporary keys, after [`DynamoConfig::with_keys`].
    pub fn with_session_token(mut self, token: impl Into<Secret>) -> DynamoConfig {
        self.access.set_session_token(token.into());
        self
    }

    /// Whether a table that is missing is made when the store is opened.
    pub fn with_create(mut self, create: bool) -> DynamoConfig {
        self.create = create;
        self
    }

    /// Among how many partitions the keys of a namespace are spread that is new. One that is there has its own number,
    /// and opening it with another one is refused.
    pub fn with_shards(mut self, shards: u16) -> DynamoConfig {
        self.shards = Some(shards.clamp(1, MAX_SHARDS));
        self
    }

    /// Whether the service has transactions. Some look-alikes have none; they are refused then.
    pub fn with_transactions(mut self, offered: bool) -> DynamoConfig {
        self.transactions = offered;
        self
    }

    /// How long a request may go without progress; one second more for each 256 KiB that are sent.
    pub fn with_attempt_timeout(mut self, time: Duration) -> DynamoConfig {
        self.attempt_timeout = time;
        self
    }

    /// How many times a request is sent at most, and how long all attempts of a call may take together.
    pub fn with_attempts(mut self, attempts: u32, patience: Duration) -> DynamoConfig {
        (self.attempts, self.patience) = (attempts.clamp(1, 100), patience);
        self
    }

    /// How many requests are under way at once; others wait for their turn.
    pub fn with_concurrency(mut self, requests: usize) -> DynamoConfig {
        self.concurrency = requests.clamp(1, 10_000);
        self
    }

    /// How many chunks of one large value are under way at once. Each takes about 2 MiB of memory meanwhile.
    pub fn with_parts_at_once(mut self, chunks: usize) -> DynamoConfig {
        self.parts_at_once = chunks.clamp(1, 64);
        self
    }

    /// Where it is, for the store's id: never a secret.
    pub(super) fn place(&self) -> String {
        self.access.place(&self.table)
    }

    /// Refuses what makes no sense together.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse =
            |why: &str, hint: &'static str| Err(Error::new(ErrorKind::Invalid, Op::Open, why).hint(hint));
        // Naming rules of tables, Amazon DynamoDB Developer Guide, "Supported data types and naming rules".
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if !(3..=255).contains(&self.table.len()) || !self.table.bytes().all(plain) {
            return refuse(
                "dynamodb: the table's name is none",
                "dynamodb://table/namespace?region=eu-west-1; 3 to 255 letters, digits, dots, - and _",
            );
        }
        self.access.check("dynamodb")?;
        if self.attempt_timeout.is_zero() || self.patience.is_zero() {
            return refuse("dynamodb: attempt_timeout and patience cannot be nothing", "attempt_timeout=10s");
        }
        Names::new(&self.namespace).map(drop)
    }
}

impl TryFrom<&StoreConfig> for DynamoConfig {
    type Error = Error;

    fn try_from(config: &StoreConfig) -> Result<DynamoConfig, Error> {
        config.check_params(PARAMS)?;
        if config.authority().is_none() {
            let why = "dynamodb: no table is given";
            let hint = "dynamodb://table/namespace?region=eu-west-1";
            return Err(Error::new(ErrorKind::Invalid, Op::Parse, why).hint(hint));
        }
        let (table, namespace) = config.place().split_once('/').unwrap_or((config.place(), ""));
        let mut dynamo = DynamoConfig::new(table).with_namespace(namespace);
        dynamo.access = Access::read(config, false)?;
        dynamo.access.region = config.text(&REGION)?.map(str::to_owned);
        dynamo.create = config.flag(&CREATE)?.unwrap_or_default();
        dynamo.shards = config.number(&SHARDS, 1..=u64::from(MAX_SHARDS))?.map(|n| n as u16);
        dynamo.transactions = config.flag(&TRANSACTIONS)?.unwrap_or(true);
        dynamo.attempt_timeout = config.duration(&ATTEMPT_TIMEOUT)?.unwrap_or(dynamo.attempt_timeout);
        dynamo.attempts = config.number(&ATTEMPTS, 1..=100)?.map_or(dynamo.attempts, |n| n as u32);
        dynamo.patience = config.duration(&PATIENCE)?.unwrap_or(dynamo.patience);
        let at_once =
            |param, most, default| config.number(param, 1..=most).map(|n| n.map_or(default, |n| n as usize));
        dynamo.concurrency = at_once(&CONCURRENCY, 10_000, dynamo.concurrency)?;
        dynamo.parts_at_once = at_once(&PARTS_AT_ONCE, 64, dynamo.parts_at_once)?;
        dynamo.check().map_err(|e| e.during(Op::Parse))?;
        Ok(dynamo)
    }
}

impl fmt::Debug for DynamoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamoConfig({}, namespace {:?})", self.place(), self.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<DynamoConfig, Error> {
        StoreConfig::parse(text).and_then(|config| DynamoConfig::try_from(&config))
    }

    #[test]
    fn every_parameter_is_read() {
        let url = "dynamodb://table/a/b?region=r&endpoint=https://host:9&access_key=ak&secret_key=sk\
                   &session_token=st&create=true&shards=7&transactions=false&attempt_timeout=5s&attempts=3&patience=20s\
                   &concurrency=8&parts_at_once=2";
        let built = DynamoConfig::new("table")
            .with_namespace("a/b")
            .with_region("r")
            .with_endpoint("https://host:9")
            .with_keys("ak", "sk")
            .with_session_token("st")
            .with_create(true)
            .with_shards(7)
            .with_transactions(false)
            .with_attempt_timeout(Duration::from_secs(5))
            .with_attempts(3, Duration::from_secs(20))
            .with_concurrency(8)
            .with_parts_at_once(2);
        assert_eq!(parse(url).unwrap(), built);
        assert_eq!(parse("dynamodb://table").unwrap(), DynamoConfig::new("table"));
        assert_eq!(parse("dynamodb://table/").unwrap(), DynamoConfig::new("table"));
        assert_ne!(parse("dynamodb://table/a").unwrap(), parse("dynamodb://table/a/").unwrap());
        assert_eq!(built.place(), "//host:9/table");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for param in PARAMS.iter().filter(|p| !p.secret && p.name != "region") {
            let error = parse(&format!("dynamodb://table?{}=perhaps", param.name)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(param.name), "{error}");
        }
        for bad in [
            "dynamodb:table",
            "dynamodb://",
            "dynamodb://ab",
            "dynamodb://ta ble",
            "dynamodb://table?access_key=a",
            "dynamodb://table?secret_key=s3same",
            "dynamodb://table?anonymous=true",
            "dynamodb://table?endpoint=ftp://host",
            "dynamodb://table?endpoint=http://user@host",
            "dynamodb://table?shards=0",
            "dynamodb://table?shards=257",
            "dynamodb://table?attempt_timeout=0s",
            "dynamodb://table/a%0Ab",
        ] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
            assert!(!error.to_string().contains("s3same"), "{error}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let config =
            DynamoConfig::new("table").with_keys("ak-secret", "sk-secret").with_session_token("st-secret");
        assert!(!format!("{config:?}").contains("secret"));
    }
}
