//! What lies on the disk is damaged; no read may give a wrong value, hang, or die twice of the same damage.
//!
//! A store is filled, closed and copied. For each case the copy is laid out again, one thing in it is damaged, and a
//! child opens the store and reads everything. Values tell by themselves whether they are right, so that the store's
//! own checks are not asked. Where the child dies, another one opens the same damaged store again.

mod answer;
mod command;
mod harm;
mod image;
mod plan;
mod reader;
mod run;
pub mod stack;
mod tally;
mod watch;

use std::path::PathBuf;
use std::time::Duration;

pub use command::{command, role};
pub use harm::Harm;
pub use run::run;
pub use tally::Tally;

use crate::process::Program;
use crate::stores::Kind;

/// What a campaign does.
#[derive(Debug, Clone)]
pub struct Options {
    /// The store.
    pub kind: Kind,
    /// Its parameters, as in a URL.
    pub params: String,
    /// A folder for it that holds nothing yet.
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
