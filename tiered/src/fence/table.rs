//! The table: what a reader asks of it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_store_core::Env;

use super::word::{EPOCH_MASK, Until, Word};
use super::{Layout, Lease, Memory, Rule, Stamp};

/// How long a slot stays in doubt, unless told otherwise: the time within which a write that got no answer can land.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(300);

/// The longest that processes are thought to have set, where they were not set alike.
const LONGEST_WINDOW: Duration = Duration::from_secs(24 * 3600);

/// What a table is made with.
#[derive(Debug)]
pub struct Setup {
    /// Its size.
    pub layout: Layout,
    /// Which table it is, at random: entries of another one are never served.
    pub incarnation: u64,
    /// Which bit belongs to this process, below [`OWNERS`](super::OWNERS).
    pub owner: u8,
    /// How long doubt lasts.
    pub window: Duration,
    /// Until when the whole table is in doubt, in microseconds of the monotonic clock; 0 for not at all.
    pub all_until: u64,
    /// Clock and randomness.
    pub env: Env,
}

/// A fence table as one process has it.
///
/// Every method is safe to be stopped at for any time, or killed in: what is half done is never less than a doubt.
pub struct Table<M> {
    pub(super) memory: M,
    pub(super) layout: Layout,
    pub(super) incarnation: u64,
    pub(super) owner: u8,
    window: Duration,
    /// Only ever set back to 0, when that time has passed.
    all_until: AtomicU64,
    pub(super) env: Env,
}

impl<M: Memory> Table<M> {
    /// A table in a memory, whose blank words make an empty table.
    pub fn new(memory: M, setup: Setup) -> Table<M> {
        let Setup { layout, incarnation, owner, window, all_until, env } = setup;
        assert!(usize::from(owner) < super::OWNERS, "an owner has one bit of a word");
        Table { memory, layout, incarnation, owner, window, all_until: AtomicU64::new(all_until), env }
    }

    /// Its memory.
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Its size.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Which table it is. The fronts' own data keep it too, so that a front and a table that do not belong together
    /// are told apart.
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// The slot of a key. Two keys may share one: that costs misses, never a wrong answer.
    #[inline]
    pub fn slot_of(&self, key: &str) -> u32 {
        self.slot_of_hash(self.hash(key))
    }

    /// The hash of a key in this table. Another table hashes otherwise.
    #[inline]
    pub fn hash(&self, key: &str) -> u64 {
        super::layout::hash(key, self.incarnation)
    }

    /// The slot of a hash.
    #[inline]
    pub fn slot_of_hash(&self, hash: u64) -> u32 {
        self.layout.slot_of_hash(hash)
    }

    /// Reads a slot: the first thing that a read does, before it looks at any front.
    ///
    /// It takes no lock and makes no system call, but for the clock of a slot that was in doubt not long ago.
    #[inline]
    pub fn lease(&self, slot: u32) -> Lease {
        let mut raw = self.memory.load(self.layout.word(slot));
        if raw == 0 {
            raw = self.first_use(slot);
        }
        // The word first: whoever clears a bit has set the doubt before.
        let doubted = self.in_doubt(self.memory.load(self.layout.doubt(slot)));
        let word = Word::decode(raw);
        Lease {
            slot,
            incarnation: self.incarnation,
            raw,
            epoch: word.map(|word| word.epoch),
            owners: word.map_or(0, |word| word.owners),
            doubted,
        }
    }

    /// Whether an entry with this stamp may be served under this lease.
    #[inline]
    pub fn serves(&self, lease: &Lease, stamp: &Stamp) -> bool {
        stamp.incarnation == lease.incarnation
            && (Some(stamp.epoch) == lease.epoch || self.memory.breaks(Rule::EpochChecked))
    }

    /// The stamp for what a read under this lease brought from the origin; `None` if it must not be kept.
    #[inline]
    pub fn fill(&self, lease: &Lease) -> Option<Stamp> {
        if lease.owners != 0 && !self.memory.breaks(Rule::NoFillWhileOpen) {
            return None;
        }
        if lease.doubted && !self.memory.breaks(Rule::NoFillInDoubt) {
            return None;
        }
        if self.memory.breaks(Rule::FillWithLease) {
            return self.lease(lease.slot).stamp();
        }
        lease.stamp()
    }

    /// Whether a reader with the lease `mine` may wait for the answer to a request that was sent to the origin under
    /// the lease `flight`. One that has not been sent yet can be joined by everybody.
    #[inline]
    pub fn joins(&self, mine: &Lease, flight: &Lease) -> bool {
        let equal = mine.raw == flight.raw && mine.incarnation == flight.incarnation;
        let clean = mine.is_clean() && flight.is_clean();
        (equal || self.memory.breaks(Rule::JoinSameLease))
            && (clean || self.memory.breaks(Rule::JoinCleanLease))
    }

    /// Now, in microseconds of the monotonic clock, which stands still while the machine is suspended.
    pub(super) fn now(&self) -> u64 {
        micros(self.env.monotonic())
    }

    /// A new epoch: at random, so that none is ever recalled; never 0; never `old`.
    pub(super) fn new_epoch(&self, old: u64) -> u64 {
        loop {
            let epoch = self.env.random_u64() & EPOCH_MASK;
            if epoch != 0 && epoch != old {
                return epoch;
            }
        }
    }

    #[inline]
    pub(super) fn in_doubt(&self, raw: u64) -> bool {
        let all = self.all_until.load(Ordering::Relaxed);
        if raw == Until::NEVER.encode() && all == 0 {
            return false;
        }
        self.in_doubt_by_the_clock(raw, all)
    }

    #[cold]
    fn in_doubt_by_the_clock(&self, raw: u64, all: u64) -> bool {
        let now = self.now();
        if all != 0 && now >= all {
            self.all_until.store(0, Ordering::Relaxed);
        }
        now < all || Until::decode(raw).is_none_or(|until| now < until.0)
    }

    /// The end of a doubt that begins now.
    pub(super) fn until_after_the_window(&self) -> Until {
        Until(self.now().saturating_add(micros(self.window)))
    }

    /// No doubt lasts longer than this, whatever the window of who raised it, in microseconds.
    pub(super) fn longest_doubt(&self) -> u64 {
        micros(self.window.max(LONGEST_WINDOW))
    }

    /// Puts a slot in doubt from now on for the window. Whatever tells others that a write has ended comes after it.
    pub(super) fn raise_doubt(&self, slot: u32) {
        let at = self.layout.doubt(slot);
        let until = self.until_after_the_window();
        self.memory.note_doubt(until.0);
        let mut raw = self.memory.load(at);
        while Until::decode(raw).is_none_or(|old| old < until) {
            match self.memory.exchange(at, raw, until.encode()) {
                Ok(()) => return,
                Err(now) => raw = now,
            }
        }
    }
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl<M> fmt::Debug for Table<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("slots", &self.layout.slots())
            .field("incarnation", &format_args!("{:016x}", self.incarnation))
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}
