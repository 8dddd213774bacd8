//! Writers of a collection of vectors are killed with SIGKILL, and what is there is compared with what they were told.
//!
//! A child opens the collection over a file store or LMDB and upserts, deletes, flushes, optimizes, vacuums and rebalances. It writes
//! into a file what it begins and what became of it. The parent kills it, opens the collection itself, and compares: what was
//! acknowledged is there and once, what was not is there whole or not at all, an exact search finds what brute force finds, and
//! scans, gets and counts agree. In some rounds a second child opens the collection while the first one writes.

mod child;
mod command;
mod log;
mod model;
mod rounds;
mod tally;
mod verify;

use std::path::PathBuf;

pub use command::{command, role};
pub use rounds::run;
pub use tally::Tally;

use crate::process::Program;
use crate::stores::Kind;

/// What a campaign does.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the collection is over.
    pub kind: Kind,
    /// A folder of its own.
    pub folder: PathBuf,
    /// What repeats its choices.
    pub seed: u64,
    /// How many children are killed.
    pub kills: u64,
    /// Says that a write was made before it is: the campaign must notice.
    pub ack_first: bool,
    /// The program that the children run.
    pub program: Program,
}
