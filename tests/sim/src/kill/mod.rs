//! Writers are killed at random instants; what they were told must hold.
//!
//! Workers, one to four processes with one to four clients each, write the same few keys: puts, conditional puts and
//! deletes, streams, batches, transactions. Each operation is in a log before it begins and after it was answered. They
//! are killed with SIGKILL, all together or one while the others go on; then the store is opened again and every key is
//! read in every way. The [model](crate::model) decides whether there is an order of events that explains every
//! answer: no acknowledged write is lost, none torn, nothing deleted comes back, and what was under way when its
//! process died happened or did not.

mod client;
mod command;
mod crew;
mod log;
mod mutant;
mod rounds;
mod tally;
mod target;
mod verify;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

pub use command::{command, role};
pub use mutant::Mutant;
pub use rounds::run;
pub use tally::Tally;
pub use target::Target;

use crate::process::Program;

/// What a campaign does.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is written to.
    pub target: Target,
    /// Where the workers keep their logs.
    pub logs: PathBuf,
    /// What repeats its choices.
    pub seed: u64,
    /// How many workers are killed.
    pub kills: u64,
    /// How long it goes on, at least.
    pub time: Duration,
    /// The most processes at a time.
    pub processes: u64,
    /// How the workers are broken.
    pub mutant: Mutant,
    /// Ends at the first thing that is wrong.
    pub stop_at_first: bool,
    /// The program that the workers run.
    pub program: Program,
}
