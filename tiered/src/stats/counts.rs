//! Counters. Each is also a metric of the recorder that is installed when the stack is opened.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_store_core::StoreId;

/// One counter.
pub(crate) struct Count {
    value: AtomicU64,
    metric: metrics::Counter,
}

impl Count {
    fn new(metric: metrics::Counter) -> Count {
        Count { value: AtomicU64::new(0), metric }
    }

    #[inline]
    pub(crate) fn add(&self) {
        self.add_many(1);
    }

    #[inline]
    pub(crate) fn add_many(&self, many: u64) {
        self.value.fetch_add(many, Ordering::Relaxed);
        self.metric.increment(many);
    }

    /// Somebody else counts, and stands at `now`.
    pub(crate) fn follow(&self, now: u64) {
        let before = self.value.fetch_max(now, Ordering::Relaxed);
        self.metric.increment(now.saturating_sub(before));
    }

    pub(crate) fn get(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.get())
    }
}

macro_rules! counts {
    ($(#[$doc:meta])* $type:ident { $($(#[$about:meta])* $name:ident = $metric:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $type { $($(#[$about])* pub(crate) $name: Count,)* }

        impl $type {
            fn with(labels: &[(&'static str, String)]) -> $type {
                $type { $($name: Count::new(metrics::counter!($metric, labels)),)* }
            }
        }
    };
}

counts! {
    /// Of one front.
    FrontCounts {
        /// Answers that it gave.
        hits = "larder_tier_hits_total",
        /// Reads that it had no answer for that could be served.
        misses = "larder_tier_misses_total",
        /// Entries that it took.
        fills = "larder_tier_fills_total",
        /// Answers that were not offered to it, as a write was under way, in doubt, or had come in between.
        fills_lost = "larder_tier_fills_lost_total",
        /// Entries that it had no room for.
        not_admitted = "larder_tier_not_admitted_total",
        /// Calls of it that failed or took too long.
        errors = "larder_tier_errors_total",
        /// Entries that were damaged, and count as misses.
        corrupt = "larder_tier_corrupt_total",
        /// What it has evicted: it counts that itself, and is looked at now and then.
        evictions = "larder_tier_evictions_total",
    }
}

counts! {
    /// Of the stack as a whole.
    StackCounts {
        /// Reads sent to the origin.
        origin_reads = "larder_origin_reads_total",
        /// Those that asked whether a version still stands.
        origin_revalidations = "larder_origin_revalidations_total",
        /// Writes sent to the origin.
        origin_writes = "larder_origin_writes_total",
        /// Listings begun at the origin.
        origin_lists = "larder_origin_lists_total",
        /// Calls of the origin that failed, conflicts apart.
        origin_errors = "larder_origin_errors_total",
        /// Reads that waited for the same read of another caller.
        joined = "larder_reads_joined_total",
        /// Writes of which an attempt got no answer.
        doubts = "larder_doubts_total",
    }
}

impl FrontCounts {
    /// Those of the front with this number before an origin.
    pub(crate) fn new(number: u8, origin: &StoreId) -> FrontCounts {
        FrontCounts::with(&[("tier", number.to_string()), ("origin", origin.to_string())])
    }
}

impl StackCounts {
    /// Those of a stack over an origin.
    pub(crate) fn new(origin: &StoreId) -> StackCounts {
        StackCounts::with(&[("origin", origin.to_string())])
    }
}
