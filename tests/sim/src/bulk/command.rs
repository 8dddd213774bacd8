//! `larder-sim bulk`.

use std::path::Path;

use super::{Options, Way, child, run};
use crate::args::Args;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::{Outcome, clock};

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    (name == child::ROLE).then(|| child::play(args))
}

/// Runs the campaign as its options say: `--entries`, `--few`, `--dir`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let entries = args.number("entries", 10_000_000)?;
    let few = args.number("few", 100_000)?;
    let dir = args.text("dir")?;
    args.finish()?;
    let mut reports = Vec::new();
    for way in Way::ALL {
        let place = Place::new(dir.as_deref().map(Path::new))?;
        eprintln!("bulk {}: {entries} entries of 100 bytes, and {few}; lmdb has sync=none", way.name());
        let options = Options { way, folder: place.path(), entries, few, program: Program::this()? };
        let (report, took) = clock::timed(|| run(&options));
        let mut report = report?;
        report.time("took", took);
        reports.push(report);
    }
    Ok(reports)
}
