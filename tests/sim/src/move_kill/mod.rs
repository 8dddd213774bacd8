//! Exports, imports and copies are killed at random instants, again and again until one run of each ends by itself.
//!
//! A child does the work between a file store and LMDB, or between one of them and a dump: as a file, as parts, as objects
//! of a store. It is killed with SIGKILL anywhere between its first instruction and its last. Then source and target,
//! or source and dump, must be equal, a dump must hold each key once, nothing else may be in the target, and nothing may be
//! left that only a run needs: no state in the target's system space, no beginning of a dump beside it. A campaign in which no run
//! went on behind another proves nothing, and fails.

mod case;
mod child;
mod command;
mod entries;
mod ground;
mod mutant;
mod rounds;
mod tally;
mod verdict;

use std::path::PathBuf;

pub use command::{command, role};
pub use mutant::Mutant;
pub use rounds::run;
pub use tally::Tally;

use crate::process::Program;

/// What a campaign does.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder of its own.
    pub folder: PathBuf,
    /// What repeats its choices.
    pub seed: u64,
    /// How many runs are killed.
    pub kills: u64,
    /// What is done behind the job's back.
    pub mutant: Mutant,
    /// The program that the children run.
    pub program: Program,
}
