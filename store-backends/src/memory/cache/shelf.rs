//! moka under our own bound.
//!
//! moka evicts late: an insert is seen at once, and weighed when somebody finds the time. So its capacity is not the
//! bound. Here an entry takes its bytes first ([`Budget`]); where there are not enough, moka is made to evict, by a
//! ballast that weighs as much as is wanted, until there are, or the entry is not admitted. What moka has evicted is
//! freed at once, by its listener; should that not be possible, it counts until it is.

use std::hash::BuildHasher;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use larder_store_core::{Key, Usage};
use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::budget::{Budget, Charge};
use super::held::{Held, What, all_units};
use super::name::{Kind, Name, Probe};

/// Locks of those who look before they write.
const STRIPES: usize = 64;
/// The part of the bound that moka leaves free, so that most inserts find room at once.
const SLACK: u64 = 32;
/// How often moka is asked to evict.
const ROUNDS: usize = 200;
/// Rounds before the ballast: most often moka only has not found the time.
const EASY_ROUNDS: usize = 4;

/// What came and went, ballast apart.
#[derive(Debug, Default)]
struct Counts {
    added: AtomicU64,
    removed: AtomicU64,
    evicted: AtomicU64,
}

impl Counts {
    fn removed(&self, held: &Held, cause: RemovalCause) {
        if held.is_ballast() {
            return;
        }
        self.removed.fetch_add(1, Relaxed);
        if cause == RemovalCause::Size {
            self.evicted.fetch_add(1, Relaxed);
        }
        held.empty();
    }

    fn entries(&self) -> u64 {
        self.added.load(Relaxed).saturating_sub(self.removed.load(Relaxed))
    }
}

/// Entries under a bound.
#[derive(Debug)]
pub(super) struct Shelf {
    cache: Cache<Name, Arc<Held>, RandomState>,
    budget: Arc<Budget>,
    counts: Arc<Counts>,
    stripes: [Mutex<()>; STRIPES],
    hasher: RandomState,
    /// The handles that are not closed.
    pub(super) handles: AtomicUsize,
    serial: AtomicU64,
}

impl Shelf {
    pub(super) fn new(capacity: u64) -> Shelf {
        let hasher = RandomState::default();
        let counts = Arc::new(Counts::default());
        let kept = counts.clone();
        let cache = Cache::builder()
            .max_capacity(all_units(capacity - capacity / SLACK))
            .weigher(|_: &Name, held: &Arc<Held>| held.weight())
            // Better than moka's own policy on traces of databases: see `tests/memory_cache.rs`.
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |_, held: Arc<Held>, cause| counts.removed(&held, cause))
            .build_with_hasher(hasher.clone());
        Shelf {
            cache,
            budget: Budget::new(capacity),
            counts: kept,
            stripes: std::array::from_fn(|_| Mutex::new(())),
            hasher,
            handles: AtomicUsize::new(0),
            serial: AtomicU64::new(0),
        }
    }

    /// The bound, in bytes.
    pub(super) fn capacity(&self) -> u64 {
        self.budget.most()
    }

    /// The most that one entry may cost.
    pub(super) fn largest(&self) -> u64 {
        self.budget.most() - self.budget.most() / SLACK
    }

    /// Keeps others from writing under a key, for as long as the guard lives.
    pub(super) fn lock(&self, key: &Key) -> MutexGuard<'_, ()> {
        let hash = self.hasher.hash_one(Probe { key, kind: Kind::Value });
        // The bits that moka's table does not use first.
        let stripe = (hash >> 40) as usize % STRIPES;
        self.stripes[stripe].lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(super) fn get(&self, probe: Probe<'_>) -> Option<Arc<Held>> {
        self.cache.get(&probe)
    }

    /// Takes bytes for an entry, or for a part of a value to come. `None` if there is no room for them.
    pub(super) fn room(&self, bytes: u64) -> Option<Charge> {
        if let Some(charge) = self.budget.take(bytes) {
            return Some(charge);
        }
        self.make_room(bytes)
    }

    #[cold]
    fn make_room(&self, bytes: u64) -> Option<Charge> {
        let mut ballast = None;
        let mut charge = None;
        for round in 0..ROUNDS {
            // What belongs to no entry moka does not know of.
            let wanted = bytes.saturating_add(self.budget.loose());
            if wanted > self.largest() {
                break;
            }
            if round >= EASY_ROUNDS && round.is_multiple_of(16) || round == EASY_ROUNDS {
                self.drop_ballast(ballast.take());
                ballast = Some(self.add_ballast(wanted));
            }
            self.cache.run_pending_tasks();
            charge = self.budget.take(bytes);
            if charge.is_some() {
                break;
            }
            if round > EASY_ROUNDS {
                std::thread::yield_now();
            }
        }
        self.drop_ballast(ballast);
        charge
    }

    fn add_ballast(&self, bytes: u64) -> Kind {
        let kind = Kind::Ballast(self.serial.fetch_add(1, Relaxed));
        self.cache.insert(Probe { key: ballast_key(), kind }.name(), Arc::new(Held::ballast(bytes)));
        kind
    }

    fn drop_ballast(&self, kind: Option<Kind>) {
        if let Some(kind) = kind {
            self.cache.invalidate(&Probe { key: ballast_key(), kind });
        }
    }

    /// Keeps an entry, in the place of what is there.
    pub(super) fn insert(&self, probe: Probe<'_>, what: What, charge: Charge) {
        self.counts.added.fetch_add(1, Relaxed);
        self.cache.insert(probe.name(), Arc::new(Held::new(what, charge)));
    }

    /// Forgets an entry.
    pub(super) fn remove(&self, probe: Probe<'_>) {
        self.cache.invalidate(&probe);
    }

    /// Every entry once, in no order; one that comes or goes meanwhile is seen or not.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Arc<Name>, Arc<Held>)> {
        self.cache.iter()
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.cache.invalidate_all();
        self.cache.run_pending_tasks();
    }

    pub(super) fn usage(&self) -> Usage {
        let mut usage = Usage::UNKNOWN;
        usage.entries = Some(self.counts.entries());
        usage.bytes = Some(self.budget.used());
        usage.capacity = Some(self.budget.most());
        usage.evictions = Some(self.counts.evicted.load(Relaxed));
        usage
    }
}

/// The key of every ballast: they differ by their serial numbers.
fn ballast_key() -> &'static Key {
    static KEY: std::sync::OnceLock<Key> = std::sync::OnceLock::new();
    KEY.get_or_init(|| Key::new("ballast").unwrap_or_else(|_| unreachable!("a word is a key")))
}
