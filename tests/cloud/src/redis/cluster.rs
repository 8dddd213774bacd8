//! Three primaries, a replica each.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::server::{Programs, Server};
use crate::Failure;

/// Nodes of a cluster.
const NODES: usize = 6;
/// How long the nodes may take to find together.
const PATIENCE: Duration = Duration::from_secs(60);

/// A Redis Cluster.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts one for a test, or says that the test is skipped. A primary that does not answer for `timeout` is replaced.
    ///
    /// # Panics
    /// If it is not installed and `CI` is set, or if it does not start.
    pub fn for_test(test: &str, timeout: Duration) -> Option<Cluster> {
        let programs = Programs::for_test(test)?;
        Some(Cluster::start(&programs, timeout).unwrap_or_else(|e| panic!("{test}: no cluster: {e}")))
    }

    /// Starts one, and returns when every slot has a primary and every primary a replica that follows it.
    ///
    /// # Errors
    /// If a server does not start, or they do not find together within a minute.
    pub fn start(programs: &Programs, timeout: Duration) -> Result<Cluster, Failure> {
        let timeout = format!("cluster-node-timeout {}", timeout.as_millis());
        let settings = ["cluster-enabled yes", "cluster-config-file nodes.conf", "appendonly yes", &timeout];
        let nodes: Vec<_> =
            (0..NODES).map(|_| Server::start(programs, &settings)).collect::<Result<_, _>>()?;
        let mut create = Command::new(&programs.cli);
        create.args(["--cluster", "create"]);
        create.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())));
        let done = create.args(["--cluster-replicas", "1", "--cluster-yes"]).stdin(Stdio::null()).output()?;
        if !done.status.success() {
            let said = [done.stdout, done.stderr].concat();
            return Err(String::from_utf8_lossy(&said).into_owned().into());
        }
        let cluster = Cluster { nodes };
        let begun = Instant::now();
        while !cluster.is_whole() {
            if begun.elapsed() > PATIENCE {
                return Err("the nodes do not find together".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(cluster)
    }

    /// Whether every node that runs sees all slots served, and every replica follows its primary.
    pub fn is_whole(&self) -> bool {
        self.nodes.iter().filter(|node| node.pid().is_some()).all(|node| {
            let whole = node.cli(&["CLUSTER", "INFO"]).is_ok_and(|said| said.contains("cluster_state:ok"));
            let follows = node
                .cli(&["INFO", "replication"])
                .is_ok_and(|said| said.contains("role:master") || said.contains("master_link_status:up"));
            whole && follows
        })
    }

    /// The nodes.
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// A node, to be killed or started again.
    pub fn node(&mut self, at: usize) -> &mut Server {
        &mut self.nodes[at]
    }

    /// The node that serves a Redis key now, as one that runs sees it.
    ///
    /// # Errors
    /// If nobody can be asked, or nobody serves it.
    pub fn primary_of(&self, key: &str) -> Result<usize, Failure> {
        let asked = self.nodes.iter().find(|node| node.pid().is_some()).ok_or("no node runs")?;
        let slot: u32 = asked.cli(&["CLUSTER", "KEYSLOT", key])?.parse()?;
        for line in asked.cli(&["CLUSTER", "NODES"])?.lines() {
            let fields: Vec<_> = line.split(' ').collect();
            let [_, address, flags, ..] = fields[..] else { continue };
            let serves = fields.iter().skip(8).any(|range| {
                let (first, last) = range.split_once('-').unwrap_or((range, range));
                matches!((first.parse(), last.parse()), (Ok(first), Ok(last)) if (first..=last).contains(&slot))
            });
            if !serves || flags.contains("fail") {
                continue;
            }
            let port =
                address.split('@').next().and_then(|place| place.rsplit(':').next()).unwrap_or_default();
            let found = self.nodes.iter().position(|node| node.port().to_string() == port);
            return found.ok_or_else(|| format!("{address} is none of ours").into());
        }
        Err(format!("nobody serves slot {slot}").into())
    }

    /// A store's URL for a namespace, by the first node that runs; the others are named too.
    pub fn url(&self, namespace: &str, shards: u16) -> String {
        let ports: Vec<_> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
        let others = ports[1..].join(",");
        format!("redis://{}/0/{namespace}?cluster=true&nodes={others}&shards={shards}", ports[0])
    }
}
