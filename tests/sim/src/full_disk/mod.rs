//! The disk is full. Puts fail with `Full`, nothing stored is harmed, deletes work, then puts work again; no process
//! dies of it.
//!
//! Each case runs in a child with mounts of its own (`unshare`), which go with it: a small tmpfs, or ext4 in a file. The
//! superuser can do both, others the tmpfs where the kernel lets them have a user namespace.

mod command;
mod forms;
mod mount;
pub mod stack;
mod steps;

pub use command::{command, role};
pub use forms::variants;
pub use mount::{Disk, available};

use crate::Outcome;
use crate::process::{self, Program};
use crate::report::Report;
use crate::stores::Kind;

/// A case.
#[derive(Debug, Clone)]
pub struct Options {
    /// The store.
    pub kind: Kind,
    /// Its parameters, as in a URL.
    pub params: String,
    /// What is mounted.
    pub disk: Disk,
    /// How often the disk is filled and emptied.
    pub rounds: u64,
    /// What repeats its choices.
    pub seed: u64,
    /// The program that the child runs.
    pub program: Program,
}

/// Runs a case.
///
/// # Errors
/// What keeps it from going on, such as a mount that is refused: ask [`available`] before.
pub fn run(options: &Options) -> Outcome<Report> {
    let params = if options.params.is_empty() { "default" } else { &options.params };
    let name = format!("{} {params} on {}", options.kind.name(), options.disk.name());
    let mut report = Report::new("full-disk", name, options.seed);
    let place = crate::place::Place::new(None)?;
    let folder = place.path();
    let folder = folder.to_str().ok_or("the folder's name is not UTF-8")?;
    let (rounds, seed) = (options.rounds.to_string(), options.seed.to_string());
    let args = [
        "--folder",
        folder,
        "--store",
        options.kind.name(),
        "--params",
        &options.params,
        "--disk",
        options.disk.name(),
        "--rounds",
        &rounds,
        "--seed",
        &seed,
    ];
    let (said, complaint) = process::told(&mut mount::alone(&options.program, command::ROLE, args))?;
    report.absorb(&said)?;
    if let Some(complaint) = complaint {
        report.problem(complaint);
    }
    Ok(report)
}
