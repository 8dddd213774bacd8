//! `larder-sim freeze`.

use std::path::Path;

use super::{Fresh, Options, child, run};
use crate::args::Args;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::{Outcome, clock, rng};

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    (name == child::ROLE).then(|| child::play(args))
}

/// Runs the campaign as its options say: `--freezes`, `--mutant`, `--seed`, `--dir`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let freezes = args.number("freezes", 1000)?;
    let seed = args.number("seed", rng::fresh_seed())?;
    let both_clocks = match args.text("mutant")?.as_deref() {
        None => false,
        Some("both-clocks") => true,
        Some(other) => return Err(format!("there is no mutant {other:?}").into()),
    };
    let dir = args.text("dir")?;
    args.finish()?;
    eprintln!("freeze: {freezes} freezes, --seed {seed}");
    let mut reports = Vec::new();
    for fresh in Fresh::ALL {
        let place = match &dir {
            Some(dir) => Place::new(Some(Path::new(dir)))?,
            None => Place::in_memory()?,
        };
        let options = Options {
            folder: place.path(),
            fresh,
            freezes: freezes.div_ceil(Fresh::ALL.len() as u64),
            both_clocks,
            seed,
            program: Program::this()?,
        };
        let (report, took) = clock::timed(|| run(&options));
        let mut report = report?;
        report.time("took", took);
        reports.push(report);
    }
    Ok(reports)
}
