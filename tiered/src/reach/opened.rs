//! A write to one key, open in every fence of its origin.

use std::fmt;
use std::sync::Arc;

use super::Reach;
use crate::fence::Stamp;

/// A write that is open. Dropped, it is unanswered.
#[must_use = "dropped at once it only raises a doubt"]
pub(crate) struct Opened {
    reach: Arc<Reach>,
    number: u64,
}

/// With what a writer may install, one for each table that allows it.
#[derive(Debug, Default)]
pub(crate) struct Stamps(Vec<Stamp>);

impl Stamps {
    /// The stamp of the table with this incarnation.
    pub(crate) fn of(&self, incarnation: u64) -> Option<Stamp> {
        self.0.iter().find(|stamp| stamp.incarnation == incarnation).copied()
    }
}

impl Opened {
    pub(super) fn new(reach: Arc<Reach>, number: u64) -> Opened {
        Opened { reach, number }
    }

    /// Ends it: every attempt that was sent got an answer, or none was sent.
    pub(crate) fn answered(self) -> Stamps {
        // Taken out first: a table that joins in between finds the write in the tables, or not at all.
        let writes = self.reach.take(self.number);
        Stamps(writes.into_iter().filter_map(|write| write.answered()).collect())
    }

    /// Ends it: an attempt got no answer and may land later.
    pub(crate) fn unanswered(self) {
        drop(self);
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // None are left if it was answered.
        drop(self.reach.take_doubted(self.number));
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opened({})", self.number)
    }
}
