//! `larder-sim kill`.

use std::path::Path;
use std::time::Duration;

use super::{Mutant, Options, Tally, Target, run};
use crate::args::Args;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::rng;
use crate::stores::Kind;
use crate::{Outcome, clock, jobs};

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    (name == super::worker::ROLE).then(|| super::worker::play(args))
}

/// Runs the campaign as its options say: `--store`, `--params`, `--kills`, `--processes`, `--jobs`, `--seed`,
/// `--mutant`, `--dir`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let kinds = Kind::on_disk(&mut args)?;
    let params = args.text("params")?.unwrap_or_default();
    let kills = args.number("kills", 2_000)?;
    let processes = args.number("processes", 4)?.max(1);
    let jobs = args.number("jobs", 1)?.max(1);
    let seed = args.number("seed", rng::fresh_seed())?;
    let mutant = Mutant::parse(&args.text("mutant")?.unwrap_or_else(|| "none".to_owned()))?;
    let dir = args.text("dir")?;
    args.finish()?;
    let mut reports = Vec::new();
    for kind in kinds {
        let place = Place::new(dir.as_deref().map(Path::new))?;
        eprintln!("kill {}: {kills} kills, --seed {seed}", kind.name());
        let one = |job: u64| {
            let folder = place.path().join(format!("job{job}"));
            let options = Options {
                target: Target::store(&kind.at(&folder.join("store"), &params)?)?,
                logs: folder.join("logs"),
                seed: rng::mix(seed ^ job),
                kills: kills.div_ceil(jobs),
                time: Duration::ZERO,
                processes,
                mutant,
                stop_at_first: mutant != Mutant::None,
                program: Program::this()?,
            };
            run(&options)
        };
        let (tallies, took) = clock::timed(|| jobs::beside(jobs, &one));
        let mut all = Tally::default();
        tallies?.into_iter().for_each(|tally| all.add(tally));
        reports.push(all.report(kind.name(), seed, took, true));
    }
    Ok(reports)
}
