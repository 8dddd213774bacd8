//! The numbers, as they are handed out.

use larder_store_core::{StoreId, Usage};

/// Whether a front is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Breaker {
    /// It is.
    Closed,
    /// It failed, and is left alone for a while.
    Open,
    /// It failed, and one call finds out whether it still does.
    HalfOpen,
    /// It could not be opened, or its fence not attached; it is tried again.
    Down,
}

/// What a front did since the stack was opened by this process.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TierStats {
    /// Its place, 0 being the hottest.
    pub tier: u8,
    /// Which store it is; `None` while it could not be opened.
    pub store: Option<StoreId>,
    /// Reads that it answered.
    pub hits: u64,
    /// Reads that it had no answer for that could be served.
    pub misses: u64,
    /// Entries that it took.
    pub fills: u64,
    /// Answers that were not offered to it, as a write was under way, in doubt, or had come in between.
    pub fills_lost: u64,
    /// Entries that it had no room for.
    pub not_admitted: u64,
    /// Calls of it that failed or took too long.
    pub errors: u64,
    /// Damaged entries, which counted as misses.
    pub corrupt: u64,
    /// Whether it is asked.
    pub breaker: Breaker,
    /// What it holds and has evicted.
    pub usage: Usage,
}

/// What was asked of the origin since the stack was opened by this process, in calls.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OriginStats {
    /// Which store it is.
    pub store: StoreId,
    /// Reads, those of `head` and by batch included: each key of a batch counts.
    pub reads: u64,
    /// Those of them that asked whether a version still stands.
    pub revalidations: u64,
    /// Writes: each key of a batch or a transaction counts.
    pub writes: u64,
    /// Listings.
    pub lists: u64,
    /// Calls that failed, conflicts apart.
    pub errors: u64,
}

/// The fence that the stack goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct FenceStats {
    /// Its slots.
    pub slots: u32,
    /// Whether other processes that share a front go by it too.
    pub shared: bool,
    /// Writes of which an attempt got no answer, so that their slots were in doubt for a while.
    pub doubts: u64,
}

/// What a stack did. See [`TieredStore::stats`](crate::TieredStore::stats).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StackStats {
    /// The fronts, the hottest first.
    pub tiers: Vec<TierStats>,
    /// The origin.
    pub origin: OriginStats,
    /// Reads that waited for the same read of another caller.
    pub joined: u64,
    /// The fence.
    pub fence: FenceStats,
}
