//! How long each kind of call may take.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Op, Result};

/// How long each kind of call may take; `None` for as long as the caller says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TimeoutOptions {
    /// A get, a head or a `get_many` as a whole (10 s).
    pub reads: Option<Duration>,
    /// A put, delete, copy, transaction or batch of them as a whole (30 s).
    pub writes: Option<Duration>,
    /// A stream: from one piece to the next, the opening and the end included (30 s).
    pub progress: Option<Duration>,
    /// A listing: from one item to the next, which may take the request of a page (30 s).
    pub page: Option<Duration>,
}

impl Default for TimeoutOptions {
    fn default() -> TimeoutOptions {
        let long = Some(Duration::from_secs(30));
        TimeoutOptions { reads: Some(Duration::from_secs(10)), writes: long, progress: long, page: long }
    }
}

impl TimeoutOptions {
    /// The default ones.
    pub fn new() -> TimeoutOptions {
        TimeoutOptions::default()
    }

    /// A read as a whole.
    pub fn with_reads(mut self, reads: Option<Duration>) -> TimeoutOptions {
        self.reads = reads;
        self
    }

    /// A write as a whole.
    pub fn with_writes(mut self, writes: Option<Duration>) -> TimeoutOptions {
        self.writes = writes;
        self
    }

    /// A stream from one piece to the next.
    pub fn with_progress(mut self, progress: Option<Duration>) -> TimeoutOptions {
        self.progress = progress;
        self
    }

    /// A listing from one item to the next.
    pub fn with_page(mut self, page: Option<Duration>) -> TimeoutOptions {
        self.page = page;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        if [self.reads, self.writes, self.progress, self.page].contains(&Some(Duration::ZERO)) {
            let error = Error::new(ErrorKind::Invalid, Op::Open, "a timeout of nothing lets nothing through");
            return Err(error.hint("None is without a timeout"));
        }
        Ok(())
    }
}
