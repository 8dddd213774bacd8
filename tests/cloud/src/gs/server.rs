//! What all connections share.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};

use tokio::sync::broadcast;
use tokio::time::Instant;

use super::bucket::Bucket;
use super::faults::Faults;
use super::options::DoubleOptions;
use super::refusal::Refusal;
use super::rewrite::Rewrite;
use super::serve::Half;
use super::session::Session;
use super::settings::Settings;
use super::time;
use crate::content::Spool;
use crate::lock::locked;
use crate::traffic::Traffic;

#[derive(Debug)]
pub(super) struct Server {
    pub(super) options: DoubleOptions,
    pub(super) spool: Spool,
    settings: Mutex<Settings>,
    /// Every decision and every effect happens under this one lock: the server is linearizable.
    state: Mutex<State>,
    pub(super) traffic: Traffic,
    pub(super) faults: Faults,
    /// Which half takes nobody until when.
    pub(super) refusals: broadcast::Sender<(Half, Instant)>,
    ids: AtomicU64,
    /// Where REST is.
    pub(super) address: OnceLock<SocketAddr>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) buckets: BTreeMap<String, Bucket>,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) rewrites: BTreeMap<String, Rewrite>,
    /// The last one that was given: they only grow.
    generation: i64,
}

impl State {
    /// Works on a bucket.
    pub(super) fn bucket(&mut self, name: &str) -> Result<&mut Bucket, Refusal> {
        self.buckets.get_mut(name).ok_or(Refusal::NoBucket)
    }

    /// A generation that nothing had before; they look like microseconds since 1970.
    pub(super) fn next_generation(&mut self, now: i64) -> i64 {
        self.generation = now.max(self.generation + 1);
        self.generation
    }
}

impl Server {
    pub(super) fn new(options: DoubleOptions) -> std::io::Result<Self> {
        let now = time::now(0);
        let buckets = options.buckets.iter().map(|name| (name.clone(), Bucket::new(now))).collect();
        Ok(Self {
            spool: Spool::new(options.bodies.as_deref())?,
            settings: Mutex::default(),
            state: Mutex::new(State { buckets, ..State::default() }),
            traffic: Traffic::default(),
            faults: Faults::default(),
            refusals: broadcast::Sender::new(64),
            ids: AtomicU64::new(1),
            address: OnceLock::new(),
            options,
        })
    }

    pub(super) fn settings(&self) -> Settings {
        locked(&self.settings).clone()
    }

    pub(super) fn change<R>(&self, with: impl FnOnce(&mut Settings) -> R) -> R {
        with(&mut locked(&self.settings))
    }

    /// Microseconds since 1970 by the server's clock.
    pub(super) fn now(&self) -> i64 {
        time::now(locked(&self.settings).clock_offset)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// Where REST is for clients, as `http://127.0.0.1:PORT`.
    pub(super) fn endpoint(&self) -> String {
        if let Some(before) = self.settings().before {
            return before;
        }
        self.address.get().map(|address| format!("http://{address}")).unwrap_or_default()
    }

    /// An id of a session or of an unfinished rewrite.
    pub(super) fn new_id(&self) -> String {
        format!("id-{:012x}", self.ids.fetch_add(1, Ordering::Relaxed))
    }
}
