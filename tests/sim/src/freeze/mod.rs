//! Processes on one stack are frozen at any moment, and the clocks of their machine jump or stand meanwhile.
//!
//! Another process writes the origin past the fence, so only the age of an answer keeps it fresh. It notes when each write
//! began and was acknowledged, by a clock that nobody moves. Each read is held against that: its answer must have been the
//! origin's at some moment no longer ago than the stack's freshness says, counted from the beginning of the read. What is
//! written through the fence must not be stale at all.
//!
//! - **One** process is stopped in the middle of whatever it does, or after a `drain`: then it holds no snapshot of LMDB,
//!   has no write open in the fence, and the others go on.
//! - **All** of them are stopped, as a machine is suspended: the monotonic clock stands. So does the one since boot, as in
//!   a copy of a machine that is woken up, with a calendar that is right; or it goes on, and the calendar is set to and
//!   fro. With both wrong at once there is nothing that could tell a process how old an answer is; the campaign must find
//!   that (the mutant `both-clocks`).

mod child;
mod command;
mod crew;
mod freezer;
mod truth;
mod writer;

use std::path::PathBuf;

use larder_store_core::Key;

pub use command::{command, role};
pub use freezer::run;

use crate::process::Program;

/// Keys that are written past the fence.
const OUTSIDE: u64 = 8;
/// Keys that each process writes through it.
const OWN: u64 = 3;
/// Processes of a stack.
const PROCESSES: u64 = 4;

/// The name of a key by its number.
fn name(key: u64) -> Key {
    Key::new(format!("key/{key}")).expect("it is a legal key")
}

/// How fresh answers must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// `fresh=200ms`.
    Within,
    /// `read=revalidate(200ms)`.
    Revalidate,
    /// `fresh=always`.
    Always,
}

impl Fresh {
    /// All of them.
    pub const ALL: [Fresh; 3] = [Fresh::Within, Fresh::Revalidate, Fresh::Always];

    /// As parameters of a stack.
    pub fn params(self) -> &'static str {
        match self {
            Fresh::Within => "fresh=200ms",
            Fresh::Revalidate => "fresh=sole_writer&read=revalidate(200ms)",
            Fresh::Always => "fresh=always",
        }
    }

    /// How stale an answer may be, in milliseconds.
    fn limit(self) -> u64 {
        if self == Fresh::Always { 0 } else { 200 }
    }
}

/// What a campaign does.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder of its own.
    pub folder: PathBuf,
    /// How fresh answers must be.
    pub fresh: Fresh,
    /// How many times processes are frozen; all at once count as one.
    pub freezes: u64,
    /// Broken on purpose: both clocks are wrong at once.
    pub both_clocks: bool,
    /// What repeats its choices.
    pub seed: u64,
    /// The program of the children.
    pub program: Program,
}
