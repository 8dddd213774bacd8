//! Tiers of a collection that is open: what is held where, under budgets, and who moves.

mod guard;
mod hold;
mod machine;
mod moves;
mod take;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use larder_store_core::{Call, Op, Result};

use crate::codec::Codec;
use crate::collection::{CollectionOptions, Core, Masks};
use crate::local::Local;
use crate::tier::{Budget, Costs, Decision, Policy, PolicyOptions, Tier, Tracker, TrackerOptions, Veto};

pub use moves::{Explanation, Moved};

/// Queries that a demotion is tried with.
const HELD_OUT: usize = 32;
/// What a budget has at the least if nobody says anything.
const LEAST_MEMORY: u64 = 64 << 20;
const MOST_DISK: u64 = 64 << 30;

/// What the tiers of a collection share.
#[derive(Debug)]
pub(crate) struct Tiers {
    pub(crate) memory: Budget,
    pub(crate) disk: Budget,
    /// Made when it is needed; `None` inside if it could not be.
    local: OnceLock<Option<Arc<Local>>>,
    place: Place,
    pub(crate) tracker: Tracker,
    costs: Mutex<Costs>,
    policy: Mutex<Policy>,
    books: Mutex<Vec<Codec>>,
    pub(crate) masks: Masks,
    states: Mutex<HashMap<u64, State>>,
    decisions: Mutex<Vec<Decision>>,
    /// Queries that were asked lately, `[queries][dims]`, one in some.
    held_out: Mutex<HeldOut>,
    /// Held by whoever moves.
    moving: tokio::sync::Mutex<()>,
    moved: Mutex<Moved>,
}

#[derive(Debug)]
struct Place {
    folder: Option<std::path::PathBuf>,
    collection: String,
    env: larder_store_core::Env,
    disk: Option<u64>,
}

/// What is known of a segment besides what it holds.
#[derive(Debug, Clone, Default)]
struct State {
    since: Duration,
    vetoed: Vec<Veto>,
    pinned: Option<Tier>,
}

#[derive(Debug, Default)]
struct HeldOut {
    queries: Vec<Vec<f32>>,
    seen: u64,
}

impl Tiers {
    pub(crate) fn new(options: &CollectionOptions, collection: &str) -> Result<Tiers> {
        let memory = options.memory.unwrap_or_else(|| (machine::free_memory() / 4).max(LEAST_MEMORY));
        let policy = PolicyOptions { bandwidth: options.bandwidth, ..PolicyOptions::default() };
        Ok(Tiers {
            memory: Budget::new(memory),
            // Known when there is a folder.
            disk: Budget::new(options.disk.unwrap_or(0)),
            local: OnceLock::new(),
            place: Place {
                folder: options.local.clone(),
                collection: collection.to_owned(),
                env: options.env.clone(),
                disk: options.disk,
            },
            tracker: Tracker::new(TrackerOptions::default()),
            costs: Mutex::default(),
            policy: Mutex::new(Policy::new(policy)),
            books: Mutex::default(),
            masks: Masks::default(),
            states: Mutex::default(),
            decisions: Mutex::default(),
            held_out: Mutex::default(),
            moving: Default::default(),
            moved: Mutex::default(),
        })
    }

    /// The folder of files; `None` where there can be none.
    fn local(&self) -> Option<&Arc<Local>> {
        let make = || {
            let place = &self.place;
            match Local::new(place.folder.as_deref(), &place.collection, &place.env) {
                Ok(local) => {
                    let default = || (local.free().unwrap_or(0) / 4).min(MOST_DISK);
                    self.disk.set_limit(place.disk.unwrap_or_else(default));
                    Some(local)
                }
                Err(error) => {
                    tracing::warn!(%error, "nothing is kept in files");
                    self.disk.set_limit(0);
                    None
                }
            }
        };
        self.local.get_or_init(make).as_ref()
    }

    /// A codebook that was read.
    pub(crate) fn book(&self, number: u64) -> Option<Codec> {
        locked(&self.books).iter().find(|codec| codec.book() == Some(number)).cloned()
    }

    pub(crate) fn keep_book(&self, codec: Codec) {
        let mut books = locked(&self.books);
        if !books.iter().any(|there| there.book() == codec.book()) {
            books.push(codec);
        }
    }

    /// Forgets a segment that is no more.
    pub(crate) fn forget(&self, number: u64) {
        self.tracker.remove(number);
        locked(&self.states).remove(&number);
    }

    /// Remembers some of the queries.
    pub(crate) fn hold_out(&self, dims: usize, queries: &[f32]) {
        let Ok(mut held) = self.held_out.try_lock() else { return };
        for query in queries.chunks_exact(dims) {
            held.seen += 1;
            if held.queries.len() < HELD_OUT {
                held.queries.push(query.to_vec());
            } else if held.seen.is_multiple_of(16) {
                let at = (held.seen / 16) as usize % HELD_OUT;
                held.queries[at].copy_from_slice(query);
            }
        }
    }

    /// What has moved.
    pub(crate) fn moved(&self) -> Moved {
        *locked(&self.moved)
    }

    /// What comparing candidates took.
    pub(crate) fn rescored(&self, tier: Tier, rows: u64, took: Duration) {
        if rows > 0 {
            locked(&self.costs).rescored(tier, rows, took);
        }
    }

    /// What reading candidates' vectors took.
    pub(crate) fn fetched(&self, rows: u64, requests: u64, bytes: u64, took: Duration) {
        if requests > 0 {
            locked(&self.costs).fetched(Tier::Cold, rows, requests, bytes, took);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks at the tiers now and then until the collection is closed.
pub(crate) fn start(core: &Arc<Core>) {
    let (env, every, weak) = (core.env.clone(), core.options.rebalance, Arc::downgrade(core));
    core.env.spawn(async move {
        loop {
            env.sleep(every).await;
            let Some(core) = weak.upgrade().filter(|core| core.check_open(Op::Maintain).is_ok()) else {
                return;
            };
            let busy = core.inflight.enter();
            if let Err(error) = core.rebalance(&Call::default()).await {
                tracing::debug!(store = %core.store.id(), %error, "segments stay where they are");
            }
            drop(busy);
        }
    });
}
