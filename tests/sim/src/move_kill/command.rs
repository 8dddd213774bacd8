//! `larder-sim move-kill`.

use std::path::Path;

use super::{Mutant, Options, Tally, child, run};
use crate::args::Args;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::{Outcome, clock, jobs, rng};

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    (name == child::ROLE).then(|| child::play(args))
}

/// Runs the campaign as its options say: `--kills`, `--jobs`, `--seed`, `--mutant`, `--dir`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let kills = args.number("kills", 1_000)?;
    let jobs = args.number("jobs", 2)?.max(1);
    let seed = args.number("seed", rng::fresh_seed())?;
    let mutant = Mutant::parse(&args.text("mutant")?.unwrap_or_else(|| "none".to_owned()))?;
    let dir = args.text("dir")?;
    args.finish()?;
    let place = Place::new(dir.as_deref().map(Path::new))?;
    eprintln!("move-kill: {kills} kills, --seed {seed}");
    let one = |job: u64| {
        let folder = place.path().join(format!("job{job}"));
        let (seed, kills) = (rng::mix(seed ^ job), kills.div_ceil(jobs));
        run(&Options { folder, seed, kills, mutant, program: Program::this()? })
    };
    let (tallies, took) = clock::timed(|| jobs::beside(jobs, &one));
    let mut all = Tally::default();
    tallies?.into_iter().for_each(|tally| all.add(tally));
    Ok(vec![all.report(seed, took)])
}
