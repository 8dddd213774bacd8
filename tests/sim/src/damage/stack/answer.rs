//! What a child says about a stack over a damaged cache.

use crate::damage::answer::counts;

counts! { Answer:
    /// The stack was not opened.
    refused,
    /// Reads that gave what the origin has.
    right,
    /// Reads that gave something else, or that nothing is there.
    wrong,
    /// Reads that failed.
    reads_failed,
    /// Writes that were done.
    written,
    /// Writes that were refused since the fence file was cut or replaced under the stack.
    writes_refused,
    /// Writes that failed otherwise.
    writes_failed,
    /// Hits of the cache.
    hits,
    /// Entries that the cache found damaged.
    corrupt,
    /// Other errors of the cache.
    errors,
    /// Requests to the origin.
    asked,
    /// Those of the last round of reads: what the cache did not have by then.
    asked_last,
    /// The cache's file was thrown away and made anew.
    cache_anew,
    /// The fence was made anew.
    fence_anew,
}

impl Answer {
    /// What must never be.
    pub(super) fn is_wrong(&self) -> bool {
        self.wrong + self.reads_failed + self.writes_failed > 0
    }
}
