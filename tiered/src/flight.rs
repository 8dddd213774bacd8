//! Reads of the origin that several callers wait for.
//!
//! A flight runs as a task of its own, so nobody who waits can hold it up, and whoever goes away takes nothing with him.
//! If the task itself goes away (a panic, a runtime that ends) those who wait begin again.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use larder_store_core::{ByteRange, Consistency, Error, Got, Key};
use tokio::sync::Notify;

use crate::clocks::Asked;
use crate::fence::Lease;

/// What a flight asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The whole value.
    Whole,
    /// A part of it.
    Part(ByteRange),
    /// What is known about it.
    Head,
}

/// How a flight ended.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "most are answers, and none is kept for long")]
pub(crate) enum Landed {
    /// With an answer.
    Answer(Got<Bytes>),
    /// With an error of the origin.
    Failed(Error),
    /// Nobody knows: the read begins again.
    HandedOver,
}

#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "most are answers, and none is kept for long")]
enum State {
    /// Nothing was sent: whoever comes can still join.
    Waiting,
    /// It was sent under this lease, asked then.
    Sent(Lease, Asked),
    /// It is over.
    Over(Option<(Lease, Asked)>, Landed),
}

/// One read of the origin.
pub(crate) struct Flight {
    key: Key,
    kind: Kind,
    /// How the origin is asked.
    below: Consistency,
    state: Mutex<State>,
    over: Notify,
}

/// Whether a flight will do for who wants to join.
pub(crate) trait Joins {
    /// How the origin must be asked.
    fn below(&self) -> Consistency;

    /// One that was sent under a lease, when the origin was asked then.
    fn joins(&self, sent: &Lease, asked: &Asked) -> bool;

    /// Whether what a flight has brought already still stands: it may have expired since.
    fn still_stands(&self, got: &Got<Bytes>) -> bool;
}

/// What became of somebody who wants an answer.
pub(crate) enum Boarded {
    /// A flight ended since he began to look into the fronts, which have its answer by now: he looks again.
    TooLate,
    /// He waits for this flight.
    Joined(Arc<Flight>),
    /// He begins it.
    Leads(Arc<Flight>),
}

impl Flight {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn below(&self) -> Consistency {
        self.below
    }

    /// The origin is asked from now on, under this lease.
    pub(crate) fn sent(&self, lease: Lease, asked: Asked) {
        *self.state() = State::Sent(lease, asked);
    }

    /// Tells everybody who waits.
    pub(crate) fn land(&self, landed: Landed) {
        let mut state = self.state();
        let sent = match *state {
            State::Waiting => None,
            State::Sent(lease, asked) => Some((lease, asked)),
            State::Over(..) => return,
        };
        *state = State::Over(sent, landed);
        drop(state);
        self.over.notify_waiters();
    }

    /// Waits for the end.
    pub(crate) async fn landed(&self) -> Landed {
        loop {
            let over = self.over.notified();
            if let State::Over(_, landed) = &*self.state() {
                return landed.clone();
            }
            over.await;
        }
    }

    /// Whether somebody who wants `kind` can join.
    fn takes(&self, kind: Kind, reader: &impl Joins) -> bool {
        if self.kind != kind && self.kind != Kind::Whole || self.below != reader.below() {
            return false;
        }
        match &*self.state() {
            State::Waiting => true,
            State::Sent(lease, asked) => reader.joins(lease, asked),
            State::Over(Some((lease, asked)), Landed::Answer(got)) => {
                reader.joins(lease, asked) && reader.still_stands(got)
            }
            State::Over(..) => false,
        }
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flight({:?}, {:?})", self.key, self.kind)
    }
}

type Shard = Mutex<HashMap<Key, Vec<Arc<Flight>>>>;

/// How many counters of ended flights there are: enough that two busy keys hardly share one.
const ENDED: usize = 4096;

/// The flights of a stack.
pub(crate) struct Flights {
    hasher: RandomState,
    shards: [Shard; 32],
    /// How many flights have ended, by hashes of their keys.
    ended: Box<[AtomicU64]>,
}

impl Flights {
    pub(crate) fn new() -> Flights {
        Flights {
            hasher: RandomState::new(),
            shards: Default::default(),
            ended: (0..ENDED).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, HashMap<Key, Vec<Arc<Flight>>>> {
        let shard = &self.shards[hash as usize % self.shards.len()];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ended_at(&self, hash: u64) -> &AtomicU64 {
        &self.ended[(hash >> 32) as usize % ENDED]
    }

    /// How many flights for a key have ended so far. To be asked before the fronts are: what a flight brought is in them
    /// before it counts as ended.
    pub(crate) fn ended(&self, key: &Key) -> u64 {
        self.ended_at(self.hasher.hash_one(key)).load(Ordering::SeqCst)
    }

    /// Joins a flight that will do, or begins one if none has ended since there were `ended`.
    pub(crate) fn board(&self, key: &Key, kind: Kind, reader: &impl Joins, ended: u64) -> Boarded {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        if let Some(flight) = shard.get(key).and_then(|all| all.iter().find(|one| one.takes(kind, reader))) {
            return Boarded::Joined(flight.clone());
        }
        if self.ended_at(hash).load(Ordering::SeqCst) != ended {
            return Boarded::TooLate;
        }
        let flights = shard.entry(key.clone()).or_default();
        let flight = Arc::new(Flight {
            key: key.clone(),
            kind,
            below: reader.below(),
            state: Mutex::new(State::Waiting),
            over: Notify::new(),
        });
        flights.push(flight.clone());
        Boarded::Leads(flight)
    }

    /// Nobody can join it any more.
    pub(crate) fn remove(&self, flight: &Arc<Flight>) {
        let hash = self.hasher.hash_one(&flight.key);
        let mut shard = self.shard(hash);
        if let Some(flights) = shard.get_mut(&flight.key) {
            let before = flights.len();
            flights.retain(|other| !Arc::ptr_eq(other, flight));
            if flights.len() < before {
                self.ended_at(hash).fetch_add(1, Ordering::SeqCst);
            }
            if flights.is_empty() {
                shard.remove(&flight.key);
            }
        }
    }
}

impl fmt::Debug for Flights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Flights")
    }
}
