//! What a `redis:` store can be told.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use larder_store_core::config::{Param, StoreConfig};
use larder_store_core::{Error, ErrorKind, Op, Secret};

use super::name::{MAX_SHARDS, Names};

pub(super) const USER: Param =
    Param { name: "user", about: "the ACL user; by default Redis's own, `default`", secret: true };
pub(super) const PASSWORD: Param =
    Param { name: "password", about: "the user's password; by default none is given", secret: true };
pub(super) const TLS: Param = Param {
    name: "tls",
    about: "true: the connection is encrypted; by default true for rediss:, false for redis:",
    secret: false,
};
pub(super) const CA_FILE: Param = Param {
    name: "ca_file",
    about: "a PEM file with the authorities that sign the server's certificate; by default those of the system",
    secret: false,
};
pub(super) const CERT_FILE: Param = Param {
    name: "cert_file",
    about: "a PEM file with this client's certificate, where the server wants one, together with key_file",
    secret: false,
};
pub(super) const KEY_FILE: Param = Param {
    name: "key_file",
    about: "a PEM file with the key of this client's certificate, together with cert_file",
    secret: false,
};
pub(super) const CLUSTER: Param = Param {
    name: "cluster",
    about: "true: the server is a node of a Redis Cluster; false (default)",
    secret: false,
};
pub(super) const NODES: Param = Param {
    name: "nodes",
    about: "host:port,host:port…: more nodes of the cluster to ask for the others; by default only the URL's own",
    secret: false,
};
pub(super) const SHARDS: Param = Param {
    name: "shards",
    about: "how many hash tags the keys are spread over, 1 to 1024 (default 1); the same for all who open the namespace, and transactions need 1",
    secret: false,
};
pub(super) const DURABILITY: Param = Param {
    name: "durability",
    about: "host (default): a write outlives the process that made it; probed: the server's settings are asked at open, and may say more",
    secret: false,
};
pub(super) const ATTEMPT_TIMEOUT: Param = Param {
    name: "attempt_timeout",
    about: "how long a request may go without an answer (default 10s); one second more for each 256 KiB that are sent",
    secret: false,
};
pub(super) const ATTEMPTS: Param = Param {
    name: "attempts",
    about: "how many times a request is sent at most, 1 to 100 (default 30)",
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

/// Every parameter of `redis:`.
pub(super) const PARAMS: &[Param] = &[
    USER,
    PASSWORD,
    TLS,
    CA_FILE,
    CERT_FILE,
    KEY_FILE,
    CLUSTER,
    NODES,
    SHARDS,
    DURABILITY,
    ATTEMPT_TIMEOUT,
    ATTEMPTS,
    PATIENCE,
    CONCURRENCY,
];

const FORM: &str = "redis://HOST:PORT/DB/NAMESPACE, as in redis://127.0.0.1:6379/0/app";
const DEFAULT_PORT: u16 = 6379;

/// A server: a host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Node {
    /// Reads `host`, `host:port` or `[address]:port`.
    pub(super) fn parse(text: &str) -> Option<Node> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, behind) = rest.split_once(']')?;
                (host, behind.strip_prefix(':').or(behind.is_empty().then_some("")))
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, Some("")),
            },
        };
        let port = match port? {
            "" => DEFAULT_PORT,
            port => port.parse().ok().filter(|port| *port != 0)?,
        };
        let odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '@' | '?' | '#' | ',');
        (!host.is_empty() && !host.contains(odd)).then(|| Node { host: host.to_owned(), port })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// What is said about how long a write lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DurabilityClaim {
    /// It outlives the process that made it: what every Redis keeps.
    #[default]
    Host,
    /// What the server's settings make it, asked when the store is opened.
    Probed,
}

/// A `redis:` store's configuration.
///
/// ```
/// use larder_store_backends::redis::RedisConfig;
/// use larder_store_core::config::StoreConfig;
/// let built = RedisConfig::new("127.0.0.1:6379").with_database(2).with_namespace("app").with_login("anna", "secret");
/// let url = StoreConfig::parse("redis://anna:secret@127.0.0.1:6379/2/app")?;
/// assert_eq!(RedisConfig::try_from(&url)?, built);
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RedisConfig {
    pub(super) server: String,
    pub(super) database: u32,
    pub(super) namespace: String,
    pub(super) user: Option<Secret>,
    pub(super) password: Option<Secret>,
    pub(super) tls: bool,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) client_files: Option<(PathBuf, PathBuf)>,
    pub(super) cluster: bool,
    pub(super) nodes: Vec<String>,
    pub(super) shards: u16,
    pub(super) durability: DurabilityClaim,
    pub(super) attempt_timeout: Duration,
    pub(super) attempts: u32,
    pub(super) patience: Duration,
    pub(super) concurrency: usize,
}

impl RedisConfig {
    /// The empty namespace of database 0 of a server, given as `host` or `host:port`; everything else as by default.
    pub fn new(server: impl Into<String>) -> RedisConfig {
        RedisConfig {
            server: server.into(),
            database: 0,
            namespace: String::new(),
            user: None,
            password: None,
            tls: false,
            ca_file: None,
            client_files: None,
            cluster: false,
            nodes: Vec::new(),
            shards: 1,
            durability: DurabilityClaim::Host,
            attempt_timeout: Duration::from_secs(10),
            attempts: 30,
            patience: Duration::from_secs(60),
            concurrency: 256,
        }
    }

    /// The number of the database. A cluster has only 0.
    pub fn with_database(mut self, number: u32) -> RedisConfig {
        self.database = number;
        self
    }

    /// The namespace: at most 256 bytes, of whatever. Stores in different namespaces never meet.
    pub fn with_namespace(mut self, namespace: impl Into<String>) -> RedisConfig {
        self.namespace = namespace.into();
        self
    }

    /// An ACL user and the password.
    pub fn with_login(mut self, user: impl Into<Secret>, password: impl Into<Secret>) -> RedisConfig {
        (self.user, self.password) = (Some(user.into()), Some(password.into()));
        self
    }

    /// The password of the default user.
    pub fn with_password(mut self, password: impl Into<Secret>) -> RedisConfig {
        self.password = Some(password.into());
        self
    }

    /// Whether the connection is encrypted.
    pub fn with_tls(mut self, on: bool) -> RedisConfig {
        self.tls = on;
        self
    }

    /// A PEM file with the authorities that sign the server's certificate, in place of the system's.
    pub fn with_ca_file(mut self, path: impl Into<PathBuf>) -> RedisConfig {
        self.ca_file = Some(path.into());
        self
    }

    /// PEM files with this client's certificate and its key.
    pub fn with_client_files(mut self, cert: impl Into<PathBuf>, key: impl Into<PathBuf>) -> RedisConfig {
        self.client_files = Some((cert.into(), key.into()));
        self
    }

    /// The server is a node of a cluster; these are others, to ask if it is away.
    pub fn with_cluster<N: Into<String>>(mut self, others: impl IntoIterator<Item = N>) -> RedisConfig {
        self.cluster = true;
        self.nodes = others.into_iter().map(Into::into).collect();
        self
    }

    /// How many hash tags the keys are spread over, 1 to 1024. The same for all who open the namespace. With more than one
    /// there are no transactions of several keys.
    pub fn with_shards(mut self, shards: u16) -> RedisConfig {
        self.shards = shards;
        self
    }

    /// What is said about how long a write lasts.
    pub fn with_durability(mut self, claim: DurabilityClaim) -> RedisConfig {
        self.durability = claim;
        self
    }

    /// How long a request may go without an answer; one second more for each 256 KiB that are sent.
    pub fn with_attempt_timeout(mut self, time: Duration) -> RedisConfig {
        self.attempt_timeout = time;
        self
    }

    /// How many times a request is sent at most, and how long all attempts of a call may take together.
    pub fn with_attempts(mut self, attempts: u32, patience: Duration) -> RedisConfig {
        (self.attempts, self.patience) = (attempts.clamp(1, 100), patience);
        self
    }

    /// How many requests are under way at once; others wait for their turn.
    pub fn with_concurrency(mut self, requests: usize) -> RedisConfig {
        self.concurrency = requests.clamp(1, 10_000);
        self
    }

    /// The servers to ask first.
    pub(super) fn seeds(&self) -> Result<Vec<Node>, Error> {
        let all = std::iter::once(&self.server).chain(&self.nodes);
        let wrong = |text: &String| {
            let why = format!("redis: {text:?} is no server");
            Error::new(ErrorKind::Invalid, Op::Open, why).hint(FORM)
        };
        let mut seeds: Vec<Node> = Vec::new();
        for text in all {
            let node = Node::parse(text).ok_or_else(|| wrong(text))?;
            if !seeds.contains(&node) {
                seeds.push(node);
            }
        }
        Ok(seeds)
    }

    /// Where it is, for the store's id: never a secret. The order of a cluster's nodes says nothing. A namespace is no
    /// prefix: that of one store that begins like another's has nothing in common with it.
    pub(super) fn place(&self) -> String {
        let mut nodes: Vec<_> = match self.seeds() {
            Ok(seeds) => seeds.iter().map(ToString::to_string).collect(),
            Err(_) => vec![self.server.clone()],
        };
        nodes.sort();
        format!("//{}/{}/{}", nodes.join(","), self.database, self.namespace)
    }

    /// Refuses what makes no sense together.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse =
            |why: &str, hint: &'static str| Err(Error::new(ErrorKind::Invalid, Op::Open, why).hint(hint));
        self.seeds()?;
        Names::new(&self.namespace, self.shards)?;
        if self.shards == 0 || u64::from(self.shards) > MAX_SHARDS {
            return refuse("redis: shards wants 1 to 1024", SHARDS.about);
        }
        if !self.nodes.is_empty() && !self.cluster {
            return refuse("redis: nodes are given, and cluster=true is not", NODES.about);
        }
        if self.cluster && self.database != 0 {
            return refuse("redis: a cluster has only the database 0", FORM);
        }
        if self.user.is_some() && self.password.is_none() {
            return refuse("redis: a user is given, and no password", PASSWORD.about);
        }
        if !self.tls && (self.ca_file.is_some() || self.client_files.is_some()) {
            return refuse("redis: files for TLS are given, and no TLS", "use rediss://…, or tls=true");
        }
        if self.attempt_timeout.is_zero() || self.patience.is_zero() {
            return refuse("redis: attempt_timeout and patience cannot be nothing", "attempt_timeout=10s");
        }
        Ok(())
    }
}

impl TryFrom<&StoreConfig> for RedisConfig {
    type Error = Error;

    fn try_from(config: &StoreConfig) -> Result<RedisConfig, Error> {
        config.check_params(PARAMS)?;
        let wrong =
            |why: &str, hint: &'static str| Err(Error::new(ErrorKind::Invalid, Op::Parse, why).hint(hint));
        let Some(server) = config.authority() else {
            return wrong("redis: no server is given", FORM);
        };
        let path = config.place()[server.len()..].trim_start_matches('/');
        let (database, namespace) = path.split_once('/').unwrap_or((path, ""));
        let mut redis = RedisConfig::new(server).with_namespace(namespace);
        if !database.is_empty() {
            let digits = database.bytes().all(|b| b.is_ascii_digit());
            match database.parse().ok().filter(|_| digits) {
                Some(number) => redis.database = number,
                None => return wrong("redis: the number of the database is missing or no number", FORM),
            }
        }
        redis.user = config.text(&USER)?.map(Secret::new);
        redis.password = config.text(&PASSWORD)?.map(Secret::new);
        let encrypted = config.scheme() == "rediss";
        redis.tls = match config.flag(&TLS)? {
            Some(false) if encrypted => {
                return wrong("redis: rediss: is encrypted, and tls=false is given", "use redis://…");
            }
            told => told.unwrap_or(encrypted),
        };
        redis.ca_file = config.text(&CA_FILE)?.map(PathBuf::from);
        redis.client_files = match (config.text(&CERT_FILE)?, config.text(&KEY_FILE)?) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((cert.into(), key.into())),
            _ => return wrong("redis: cert_file and key_file go together", "give both, or neither"),
        };
        redis.cluster = config.flag(&CLUSTER)? == Some(true);
        if let Some(nodes) = config.text(&NODES)? {
            redis.nodes = nodes.split(',').map(|node| node.trim().to_owned()).collect();
        }
        redis.shards = config.number(&SHARDS, 1..=MAX_SHARDS)?.map_or(redis.shards, |n| n as u16);
        if config.choice(&DURABILITY, &["host", "probed"])? == Some("probed") {
            redis.durability = DurabilityClaim::Probed;
        }
        redis.attempt_timeout = config.duration(&ATTEMPT_TIMEOUT)?.unwrap_or(redis.attempt_timeout);
        redis.attempts = config.number(&ATTEMPTS, 1..=100)?.map_or(redis.attempts, |n| n as u32);
        redis.patience = config.duration(&PATIENCE)?.unwrap_or(redis.patience);
        redis.concurrency =
            config.number(&CONCURRENCY, 1..=10_000)?.map_or(redis.concurrency, |n| n as usize);
        redis.check().map_err(|e| e.during(Op::Parse))?;
        Ok(redis)
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisConfig({}, {} shards)", self.place(), self.shards)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RedisConfig, Error> {
        StoreConfig::parse(text).and_then(|config| RedisConfig::try_from(&config))
    }

    #[test]
    fn every_parameter_is_read() {
        let url = "rediss://u:p@host:7000/0/a/b%7B?ca_file=/ca&cert_file=/c&key_file=/k&cluster=true\
                   &nodes=other:7001,%20third&shards=16&durability=probed&attempt_timeout=5s&attempts=3&patience=20s\
                   &concurrency=8";
        let built = RedisConfig::new("host:7000")
            .with_namespace("a/b{")
            .with_login("u", "p")
            .with_tls(true)
            .with_ca_file("/ca")
            .with_client_files("/c", "/k")
            .with_cluster(["other:7001", "third"])
            .with_shards(16)
            .with_durability(DurabilityClaim::Probed)
            .with_attempt_timeout(Duration::from_secs(5))
            .with_attempts(3, Duration::from_secs(20))
            .with_concurrency(8);
        assert_eq!(parse(url).unwrap(), built);
        assert_eq!(built.place(), "//host:7000,other:7001,third:6379/0/a/b{");
        assert_eq!(parse("redis://host").unwrap(), RedisConfig::new("host"));
        assert_eq!(parse("redis://host/").unwrap(), RedisConfig::new("host"));
        let nine = RedisConfig::new("[::1]:6380").with_database(9).with_tls(true).with_password("p");
        assert_eq!(parse("redis://[::1]:6380/9?tls=true&password=p").unwrap(), nine);
        assert_eq!(nine.place(), "//[::1]:6380/9/");
        assert_eq!(
            parse("redis://user@host?password=p").unwrap(),
            RedisConfig::new("host").with_login("user", "p")
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for param in PARAMS.iter().filter(|p| !p.secret && !p.name.ends_with("_file")) {
            let error = parse(&format!("redis://host?{}=per/haps", param.name)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(param.name) || param.name == "nodes", "{error}");
        }
        for bad in [
            "redis:host",
            "redis://",
            "redis://host/app",
            "redis://host/0x1/app",
            "redis://host/99999999999",
            "redis://host:0",
            "redis://host?user=s3same",
            "redis://host?nodes=other",
            "redis://host?cluster=true&nodes=a/b",
            "redis://host/1?cluster=true",
            "redis://host?ca_file=/ca",
            "rediss://host?tls=false",
            "rediss://host?cert_file=/c",
            "redis://host?shards=0",
            "redis://host?shards=1025",
            "redis://host?attempt_timeout=0s",
        ] {
            let error = parse(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{bad}");
            assert!(!error.to_string().contains("s3same"), "{error}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let config = RedisConfig::new("host").with_login("u-secret", "p-secret");
        assert!(!format!("{config:?} {}", config.place()).contains("secret"));
    }
}
