//! `larder-sim damage --store stack`.

use std::path::Path;
use std::time::Duration;

use super::{Options, Tally, run};
use crate::args::Args;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::{Outcome, clock, jobs, rng};

/// Runs the campaign as its options say: `--cases`, `--jobs`, `--seed`, `--dir`, `--patience` (seconds that a child may
/// take for a case).
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub(in crate::damage) fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let cases = args.number("cases", 100_000)?;
    let jobs = args.number("jobs", 2)?.max(1);
    let seed = args.number("seed", rng::fresh_seed())?;
    let patience = Duration::from_secs(args.number("patience", 60)?);
    let dir = args.text("dir")?;
    args.finish()?;
    let place = match &dir {
        Some(dir) => Place::new(Some(Path::new(dir)))?,
        None => Place::in_memory()?,
    };
    eprintln!("damage stack: {cases} cases, --seed {seed}");
    let one = |job: u64| {
        let folder = place.path().join(format!("job{job}"));
        std::fs::create_dir_all(&folder)?;
        let cases = cases.div_ceil(jobs);
        run(&Options { folder, cases, seed: rng::mix(seed ^ job), patience, program: Program::this()? })
    };
    let (tallies, took) = clock::timed(|| jobs::beside(jobs, &one));
    let mut all = Tally::default();
    tallies?.into_iter().for_each(|tally| all.add(tally));
    Ok(all.reports(seed, took))
}
