//! Asking the live server whether it keeps its word, and for how long it keeps what it is given.

use std::collections::HashMap;
use std::fmt;

use ::redis::Value;
use larder_store_core::probe::{Conditions, conditions};
use larder_store_core::{Call, Durability, ErrorKind, Guarantees, Op, Result, Retention};

use super::client::{Lane, To};
use super::command::plain;
use super::store::RedisStore;
use super::wire::Wire;

/// What one server's settings are. `None`: it does not tell, most often because an ACL forbids to ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Server {
    /// Host and port.
    pub name: String,
    /// Its version.
    pub version: Option<String>,
    /// Whether writes go to an append-only file (`appendonly`).
    pub append_only: Option<bool>,
    /// When that file is made durable: `always`, `everysec` or `no` (`appendfsync`).
    pub append_fsync: Option<String>,
    /// When snapshots are taken; empty for never (`save`).
    pub save: Option<String>,
    /// What is evicted when memory is short (`maxmemory-policy`).
    pub eviction: Option<String>,
    /// From how many bytes on memory is short; 0 for never (`maxmemory`).
    pub max_memory: Option<u64>,
    /// How many replicas follow it now.
    pub replicas: Option<u64>,
    /// How many must follow for it to take writes (`min-replicas-to-write`).
    pub min_replicas: Option<u64>,
    /// Whether it is a node of a cluster.
    pub cluster: Option<bool>,
}

impl Server {
    /// Whether it may drop values when memory is short; `None` where that is not told.
    pub fn evicts(&self) -> Option<bool> {
        Some(self.eviction.as_ref()? != "noeviction" && self.max_memory.is_none_or(|bytes| bytes > 0))
    }

    /// How long a write lasts there, as far as its settings say.
    ///
    /// [`Durability::Durable`] needs every write to be synced before it is answered, and nobody to take over without it:
    /// with replicas a crash makes one of them the primary, which may lack the last writes.
    pub fn durability(&self) -> Durability {
        let synced = self.append_only == Some(true) && self.append_fsync.as_deref() == Some("always");
        match synced && self.replicas == Some(0) && self.cluster == Some(false) {
            true => Durability::Durable,
            false => Durability::Host,
        }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or = |told: Option<&str>| told.unwrap_or("not told").to_owned();
        write!(f, "{} (Redis {}): ", self.name, or(self.version.as_deref()))?;
        match (self.append_only, self.append_fsync.as_deref(), self.save.as_deref()) {
            (None, ..) => f.write_str("its persistence is not told")?,
            (Some(true), Some("always"), _) => {
                f.write_str("every write is synced to disk before it is answered")?
            }
            (Some(true), Some("everysec"), _) => {
                f.write_str(
                    "writes are synced to disk each second: a crash of its machine loses about the last one",
                )?;
            }
            (Some(true), Some(_), _) => f.write_str("writes are logged, and synced when the system likes")?,
            (Some(true), None, _) => f.write_str("writes are logged; when they are synced is not told")?,
            (Some(false), _, Some("")) => {
                f.write_str("nothing is written to disk: a restart loses everything")?
            }
            (Some(false), ..) => {
                f.write_str(
                    "only snapshots are written to disk: a restart loses what is younger than the last one",
                )?;
            }
        }
        match (self.evicts(), self.eviction.as_deref()) {
            (None, _) => f.write_str("; whether it evicts is not told")?,
            (Some(true), policy) => write!(f, "; it EVICTS VALUES when memory is short ({})", or(policy))?,
            (Some(false), Some("noeviction")) => f.write_str("; it evicts nothing")?,
            (Some(false), policy) => {
                write!(f, "; it evicts nothing as maxmemory is 0 (else {})", or(policy))?
            }
        }
        match self.replicas {
            None => Ok(()),
            Some(0) => f.write_str("; no replica follows it"),
            Some(n) => write!(
                f,
                "; {n} follow it: a failover loses what they lack (min-replicas-to-write {})",
                or(self.min_replicas.map(|n| n.to_string()).as_deref())
            ),
        }
    }
}

/// What a live service was found to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// What conditions on writes were found to do.
    pub conditions: Conditions,
    /// The server, or each primary of the cluster.
    pub servers: Vec<Server>,
}

impl Probe {
    /// Whether some server may drop values when memory is short. One that does not tell counts as one that does not.
    pub fn evicts(&self) -> bool {
        self.servers.iter().any(|server| server.evicts() == Some(true))
    }

    /// How long a write lasts, as far as the settings of all servers say.
    pub fn durability(&self) -> Durability {
        durability(&self.servers)
    }
}

fn durability(servers: &[Server]) -> Durability {
    servers.iter().map(Server::durability).min().unwrap_or(Durability::Host)
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.conditions)?;
        self.servers.iter().try_for_each(|server| write!(f, "\n{server}"))
    }
}

/// Puts what the servers' settings say into the guarantees.
pub(super) fn apply(servers: &[Server], guarantees: &mut Guarantees) {
    guarantees.durability = durability(servers);
    if servers.iter().any(|server| server.evicts() == Some(true)) {
        guarantees.retention = Retention::MayEvict;
    }
}

/// Asks every primary for its settings.
pub(super) async fn servers(wire: &Wire, call: &Call) -> Result<Vec<Server>> {
    let op = Op::Open;
    let mut servers = Vec::new();
    for node in call.guard(&wire.env, op, wire.client.primaries(op)).await? {
        let to = To::Node(node.clone());
        let commands = vec![
            plain("INFO", &[]),
            plain("CONFIG", &[b"GET", b"appendfsync"]),
            plain("CONFIG", &[b"GET", b"save"]),
            plain("CONFIG", &[b"GET", b"min-replicas-to-write"]),
        ];
        let mut answers = wire.ask(op, call, Lane::Small, &to, commands).await?.into_iter();
        let mut next = || answers.next().unwrap_or(Value::Nil);
        let info = told(wire, next())?.map(|info| read_info(&info)).unwrap_or_default();
        let number = |name| info.get(name).and_then(|text| text.parse::<u64>().ok());
        let flag = |name| number(name).map(|n| n != 0);
        servers.push(Server {
            name: node.to_string(),
            version: info.get("redis_version").cloned(),
            append_only: flag("aof_enabled"),
            append_fsync: setting(wire, next())?,
            save: setting(wire, next())?,
            min_replicas: setting(wire, next())?.and_then(|n| n.parse().ok()),
            eviction: info.get("maxmemory_policy").cloned(),
            max_memory: number("maxmemory"),
            replicas: number("connected_slaves"),
            cluster: flag("cluster_enabled"),
        });
    }
    Ok(servers)
}

/// An answer, or none where a right to ask is missing.
fn granted(wire: &Wire, answer: Value) -> Result<Option<Value>> {
    match wire.good(Op::Open, answer) {
        Ok(answer) => Ok(Some(answer)),
        // A managed service may not even know the command.
        Err(error)
            if matches!(error.kind(), ErrorKind::Denied | ErrorKind::Unsupported | ErrorKind::Invalid) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn told(wire: &Wire, answer: Value) -> Result<Option<String>> {
    Ok(granted(wire, answer)?.and_then(|answer| text(&answer)))
}

fn text(answer: &Value) -> Option<String> {
    match answer {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) => Some(text.clone()),
        Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// The value in the answer to `CONFIG GET`.
fn setting(wire: &Wire, answer: Value) -> Result<Option<String>> {
    Ok(match granted(wire, answer)? {
        Some(Value::Array(pair)) => pair.get(1).and_then(text),
        Some(Value::Map(pairs)) => pairs.first().and_then(|(_, value)| text(value)),
        _ => None,
    })
}

/// `name:value` in lines.
fn read_info(info: &str) -> HashMap<String, String> {
    let pairs = info.lines().filter_map(|line| line.trim_end().split_once(':'));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Writes, reads and removes a key that nobody else knows, and asks for settings.
pub(super) async fn probe(store: &RedisStore, wire: &Wire, call: &Call) -> Result<Probe> {
    let found = conditions(store, &wire.env, call).await;
    let conditions = found.map_err(|e| e.during(Op::Open).at(&wire.id))?;
    let servers = servers(wire, call).await.map_err(|e| e.during(Op::Open).at(&wire.id))?;
    Ok(Probe { conditions, servers })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(fsync: &str, replicas: u64, cluster: bool) -> Server {
        Server {
            append_only: Some(true),
            append_fsync: Some(fsync.into()),
            replicas: Some(replicas),
            cluster: Some(cluster),
            ..Server::default()
        }
    }

    #[test]
    fn durable_is_what_is_synced_and_not_taken_over() {
        assert_eq!(server("always", 0, false).durability(), Durability::Durable);
        for weaker in [
            server("everysec", 0, false),
            server("always", 1, false),
            server("always", 0, true),
            Server { append_only: Some(false), ..server("always", 0, false) },
            Server { append_fsync: None, ..server("always", 0, false) },
            Server { replicas: None, ..server("always", 0, false) },
            Server::default(),
        ] {
            assert_eq!(weaker.durability(), Durability::Host, "{weaker}");
            let both = [server("always", 0, false), weaker];
            assert_eq!(durability(&both), Durability::Host, "the weakest counts");
        }
    }

    #[test]
    fn who_evicts_says_so() {
        let with = |policy: &str, max: Option<u64>| Server {
            eviction: Some(policy.into()),
            max_memory: max,
            ..Server::default()
        };
        let lru = with("allkeys-lru", Some(1));
        assert_eq!(lru.evicts(), Some(true));
        assert!(lru.to_string().contains("EVICTS VALUES"), "{lru}");
        assert_eq!(with("volatile-ttl", None).evicts(), Some(true), "what is not told may be");
        assert_eq!(with("allkeys-lru", Some(0)).evicts(), Some(false));
        assert_eq!(with("noeviction", Some(1)).evicts(), Some(false));
        assert_eq!(Server::default().evicts(), None);
        let mut guarantees = Guarantees::in_process();
        apply(&[with("noeviction", Some(1)), lru], &mut guarantees);
        assert_eq!((guarantees.retention, guarantees.durability), (Retention::MayEvict, Durability::Host));
    }

    #[test]
    fn info_is_read() {
        let info = read_info("# Server\r\nredis_version:7.0.15\r\nexecutable:/usr/bin/x:y\r\n\r\n");
        assert_eq!(info["redis_version"], "7.0.15");
        assert_eq!(info["executable"], "/usr/bin/x:y");
    }
}
