//! Which segment is in which tier: decided by use, under hard budgets of bytes.
//!
//! Every segment has codes that the first pass of a search scans. A [`Tier`] is where, and how precise, the column is that rescores
//! the candidates. A search scans every segment, so that a scan says nothing of use: what counts is a *contribution*, a row that
//! reached rescoring or the answer.
//!
//! - [`Tracker`]: how often each segment contributes, a [`Rate`] for each.
//! - [`Costs`]: what a row costs in each tier and a byte on its way to another, as measured.
//! - [`Budget`]: bytes that are reserved before they are allocated.
//! - [`Bucket`]: bytes a second for moving.
//! - [`Policy`]: from all of these a [`Plan`], steps in their order, and for every segment the [`Reason`] why it is where it is.
//!
//! Nothing here reads or writes, nor reads a clock: the time is what the caller says, as a [`Duration`](std::time::Duration) since a
//! moment of its choice.
//!
//! ```
//! use larder_vector::tier::*;
//! use std::time::Duration;
//!
//! let tracker = Tracker::new(TrackerOptions::default());
//! let budgets = Budgets {
//!     memory: Room { limit: 256 << 20, used: 3 << 20 },
//!     disk: Room { limit: 1 << 30, used: 48 << 20 },
//! };
//! let segment = SegmentState {
//!     id: 7,
//!     tier: Tier::Warm,
//!     pinned: None,
//!     since: Duration::ZERO,
//!     codes: Footprint { memory: 3 << 20, disk: 0 },
//!     columns: [
//!         Footprint::default(),
//!         Footprint::default(),
//!         Footprint { memory: 0, disk: 48 << 20 },
//!         Footprint { memory: 96 << 20, disk: 0 },
//!     ],
//!     vetoed: Vec::new(),
//! };
//! let mut policy = Policy::new(PolicyOptions::default());
//! let mut moved = None;
//! for minute in 0..12 * 60 {
//!     let now = Duration::from_secs(minute * 60);
//!     tracker.touch(7, now, 60_000.0); // a thousand rows a second
//!     let plan = policy.plan(now, std::slice::from_ref(&segment), &budgets, &Costs::default(), &tracker.rates(now));
//!     if let Some(step) = plan.steps.first() {
//!         assert_eq!((step.id, step.from, step.to), (7, Tier::Warm, Tier::Hot));
//!         moved = Some(step.reason.to_string());
//!         break;
//!     }
//! }
//! assert!(moved.unwrap().starts_with("moves up"));
//! ```

mod bucket;
mod budget;
mod costs;
mod credit;
mod fit;
mod ledger;
mod options;
mod plan;
mod policy;
mod rate;
mod reason;
mod room;
mod state;
mod tracker;

#[cfg(test)]
mod tests;

pub use bucket::Bucket;
pub use budget::{Budget, Reservation};
pub use costs::Costs;
pub use options::PolicyOptions;
pub use plan::{Decision, Plan, Step};
pub use policy::Policy;
pub use rate::{Rate, Rates, SavedRate, WINDOWS};
pub use reason::{Reason, Resource};
pub use state::{Budgets, Footprint, Room, SegmentState, Veto};
pub use tracker::{Access, Tracker, TrackerOptions};

use std::fmt;
use std::str::FromStr;

use larder_store_core::{Error, ErrorKind, Op, Result};

/// Where, and how precise, the column is that rescores a segment's candidates. The hotter is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// The codes are remote as well.
    Frozen,
    /// Codes are local, the column is fetched from the store by ranges.
    Cold,
    /// Half precision in a local file that is mapped. Its resident pages are not charged to the memory's budget, its bytes are to
    /// the disk's.
    Warm,
    /// Single precision in memory.
    Hot,
}

impl Tier {
    /// All of them, the coldest first; `tier as usize` is a tier's place in it.
    pub const ALL: [Tier; 4] = [Tier::Frozen, Tier::Cold, Tier::Warm, Tier::Hot];

    /// Its name, as [`FromStr`] reads it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Tier::Frozen => "frozen",
            Tier::Cold => "cold",
            Tier::Warm => "warm",
            Tier::Hot => "hot",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Tier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Tier> {
        let wrong =
            || Error::new(ErrorKind::Invalid, Op::Parse, "a tier is one of hot, warm, cold and frozen");
        Tier::ALL.into_iter().find(|tier| tier.name() == text).ok_or_else(wrong)
    }
}
