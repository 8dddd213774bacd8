//! The disk of a cache is full, turns read-only or gives up while a stack is in use, or is found so when it is opened.
//! Every call of the user succeeds, no process dies, and the cache comes back by itself.

mod child;
mod command;
mod rounds;

pub(super) use child::{ROLE, play};
pub(super) use command::command;

use std::time::Duration;

use larder_store_core::config::Freshness;

use super::mount::{self, Disk};
use crate::Outcome;
use crate::process::{self, Program};
use crate::report::Report;

/// Every freshness, by its name in a URL.
pub const FRESH: [(&str, Freshness); 4] = [
    ("sole_writer", Freshness::SoleWriter),
    ("30s", Freshness::MaxAge(Duration::from_secs(30))),
    ("always", Freshness::Always),
    ("immutable", Freshness::Immutable),
];

/// A case.
#[derive(Debug, Clone)]
pub struct Options {
    /// How fresh answers are: a name of [`FRESH`].
    pub fresh: &'static str,
    /// What is mounted.
    pub disk: Disk,
    /// How often everything is done.
    pub rounds: u64,
    /// What repeats its choices.
    pub seed: u64,
    /// The program that the child runs.
    pub program: Program,
}

/// Runs a case.
///
/// # Errors
/// What keeps it from going on, such as a mount that is refused: ask [`available`](super::available) before.
pub fn run(options: &Options) -> Outcome<Report> {
    let name = format!("stack fresh={} on {}", options.fresh, options.disk.name());
    let mut report = Report::new("full-disk", name, options.seed);
    let place = crate::place::Place::new(None)?;
    let folder = place.path();
    let folder = folder.to_str().ok_or("the folder's name is not UTF-8")?;
    let (rounds, seed) = (options.rounds.to_string(), options.seed.to_string());
    let args = [
        ["--folder", folder],
        ["--disk", options.disk.name()],
        ["--fresh", options.fresh],
        ["--rounds", &rounds],
        ["--seed", &seed],
    ];
    let args = args.iter().flatten().copied();
    let (said, complaint) = process::told(&mut mount::alone(&options.program, ROLE, args))?;
    report.absorb(&said)?;
    if let Some(complaint) = complaint {
        report.problem(complaint);
    }
    Ok(report)
}
