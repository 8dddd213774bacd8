//! A shortcut to the entries of a front that were used of late.
//!
//! A front that keeps objects has a policy to serve at each hit: which entry was used when, and which goes next. That
//! costs more than the look at the fence. So the last entry of each place in a table is remembered here, weakly: the front
//! alone keeps it alive, and what it evicts is forgotten at once. The front still hears of each use that could matter: the
//! first one since it has taken in a sixteenth of what it holds.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use larder_store_core::Key;

use crate::entry::Entry;

/// Places that are made at once, when the first of them is used.
const PART: usize = 1024;
/// The most places: 24 MiB.
const MOST: u64 = 1 << 20;
/// The fewest.
const LEAST: u64 = 1 << 12;
/// Bytes of the front for each place: fewer entries than places, so that most have one for themselves.
const BYTES_A_PLACE: u64 = 1024;
/// A front hears of an entry's use once in the time in which it takes in this part of what it holds.
const GENERATIONS: u64 = 16;

#[derive(Default)]
struct Place {
    entry: Weak<Entry>,
    /// When the front last heard of a use.
    generation: u32,
}

/// A part of the table, made when something first falls into it.
type Part = OnceLock<Box<[Mutex<Place>]>>;

/// The table.
pub(crate) struct Recent {
    parts: Box<[Part]>,
    mask: u64,
    /// How many entries the front has taken, and at how many of them a generation ends.
    taken: AtomicU64,
    step: AtomicU64,
}

/// Where an entry is remembered, so that it is forgotten with it.
#[derive(Debug)]
pub(crate) struct Remembered {
    table: Weak<Recent>,
    hash: u64,
}

impl Drop for Remembered {
    fn drop(&mut self) {
        if let Some(table) = self.table.upgrade() {
            table.forget(self.hash);
        }
    }
}

impl Recent {
    /// A table for a front of so many bytes.
    pub(crate) fn new(capacity: u64) -> Arc<Recent> {
        let places = (capacity / BYTES_A_PLACE).clamp(LEAST, MOST).next_power_of_two();
        let parts = places as usize / PART;
        Arc::new(Recent {
            parts: (0..parts).map(|_| OnceLock::new()).collect(),
            mask: places - 1,
            taken: AtomicU64::new(0),
            step: AtomicU64::new(1),
        })
    }

    /// The place of a hash. Its low bits have chosen the slot in the fence.
    #[inline]
    fn at(&self, hash: u64) -> (usize, usize) {
        let at = (hash >> 32 ^ hash) & self.mask;
        (at as usize / PART, at as usize % PART)
    }

    fn generation(&self) -> u32 {
        (self.taken.load(Ordering::Relaxed) / self.step.load(Ordering::Relaxed)) as u32
    }

    /// The entry of a key, and whether the front is to hear of this use. Gives nothing while another thread is at the same
    /// place.
    #[inline]
    pub(crate) fn get(&self, hash: u64, key: &Key) -> Option<(Arc<Entry>, bool)> {
        let (part, at) = self.at(hash);
        // The entry leaves the lock alive: were it the last one, its end would want the same lock.
        let (entry, fits, due) = {
            let mut place = self.parts[part].get()?[at].try_lock().ok()?;
            let entry = place.entry.upgrade()?;
            let fits = entry.key == *key;
            let now = self.generation();
            let due = fits && place.generation != now;
            if due {
                place.generation = now;
            }
            (entry, fits, due)
        };
        fits.then_some((entry, due))
    }

    /// Remembers an entry that the front has.
    pub(crate) fn remember(self: &Arc<Self>, hash: u64, entry: &Arc<Entry>) {
        let (part, at) = self.at(hash);
        let part = self.parts[part].get_or_init(|| (0..PART).map(|_| Mutex::default()).collect());
        // Once for each entry: it never changes its key, nor its place while the table of the fence is the same.
        let home = entry.home.get_or_init(|| Remembered { table: Arc::downgrade(self), hash });
        if home.hash != hash || !std::ptr::eq(home.table.as_ptr(), Arc::as_ptr(self)) {
            return;
        }
        let old = {
            let mut place = part[at].lock().unwrap_or_else(PoisonError::into_inner);
            place.generation = self.generation();
            std::mem::replace(&mut place.entry, Arc::downgrade(entry))
        };
        // Outside of the lock: it may be what frees the old entry's memory.
        drop(old);
    }

    /// Forgets what is no more.
    fn forget(&self, hash: u64) {
        let (part, at) = self.at(hash);
        let Some(part) = self.parts[part].get() else { return };
        let mut place = part[at].lock().unwrap_or_else(PoisonError::into_inner);
        if place.entry.strong_count() == 0 {
            place.entry = Weak::new();
        }
    }

    /// The front took an entry; it holds so many.
    pub(crate) fn taken(&self, entries: impl FnOnce() -> u64) {
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        if taken.is_multiple_of(256) {
            self.step.store((entries() / GENERATIONS).max(1), Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Recent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recent({} places)", self.mask + 1)
    }
}
