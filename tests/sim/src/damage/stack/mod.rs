//! The same for a stack over an LMDB cache: its data file and its fence file are damaged, at rest and while they are
//! open. The origin is whole, and is asked for what each answer must be.
//!
//! For each case the cache's folder is laid out again, as it was when the stack was closed. At rest something in it is
//! damaged before a child opens the stack; else a thread of the child does it while the stack is read. The child may die
//! of a file that was cut under it; the next one must find everything right.

mod answer;
mod case;
mod child;
mod command;
mod harm;
mod run;
mod tally;

use std::path::PathBuf;
use std::time::Duration;

pub use crate::damage::harm::Harm;
pub(super) use child::{ROLE, play};
pub(super) use command::command;
pub use harm::Target;
pub use run::run;
pub use tally::Tally;

use crate::process::Program;
use crate::tiers::Tiers;

/// What a campaign does.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder for the stack that holds nothing yet.
    pub folder: PathBuf,
    /// How many times something is damaged.
    pub cases: u64,
    /// What repeats its choices.
    pub seed: u64,
    /// How long a child may take for a case.
    pub patience: Duration,
    /// The program that the children run.
    pub program: Program,
}

/// Slots of the fence: more than there are keys, and few enough to be copied for each case.
const SLOTS: u32 = 1024;
/// Bytes of the cache: the least there is.
const CACHE: u64 = 4 << 20;

/// The stack in a folder. With a front in memory, most reads after the first do not get to the cache.
fn tiers(folder: &std::path::Path, memory: bool) -> Tiers {
    Tiers {
        folder: folder.to_owned(),
        memory: memory.then_some(16 << 20),
        cache: CACHE,
        fresh: larder_store_core::config::Freshness::SoleWriter,
        slots: SLOTS,
    }
}
