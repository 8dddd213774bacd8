//! `larder-sim damage`.

use std::path::Path;
use std::time::Duration;

use super::{Options, Tally, run, stack};
use crate::args::Args;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::stores::Kind;
use crate::{Outcome, clock, jobs, rng};

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    match name {
        super::reader::ROLE => Some(super::reader::play(args)),
        stack::ROLE => Some(stack::play(args)),
        _ => None,
    }
}

/// Runs the campaign as its options say: `--store` (`stack` is [another one](super::stack)), `--params`, `--cases`, `--jobs`, `--seed`, `--dir`, `--patience`
/// (seconds that a child may take for a case).
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    if args.clone().text("store")?.as_deref() == Some("stack") {
        args.text("store")?;
        return stack::command(args);
    }
    let kinds = Kind::on_disk(&mut args)?;
    let params = args.text("params")?.unwrap_or_default();
    let cases = args.number("cases", 100_000)?;
    let jobs = args.number("jobs", 2)?.max(1);
    let seed = args.number("seed", rng::fresh_seed())?;
    let patience = Duration::from_secs(args.number("patience", 10)?);
    let dir = args.text("dir")?;
    args.finish()?;
    let mut reports = Vec::new();
    for kind in kinds {
        let place = match &dir {
            Some(dir) => Place::new(Some(Path::new(dir)))?,
            None => Place::in_memory()?,
        };
        eprintln!("damage {}: {cases} cases, --seed {seed}", kind.name());
        let one = |job: u64| {
            let folder = place.path().join(format!("job{job}"));
            std::fs::create_dir_all(&folder)?;
            run(&Options {
                kind,
                params: params.clone(),
                folder,
                cases: cases.div_ceil(jobs),
                seed: rng::mix(seed ^ job),
                patience,
                program: Program::this()?,
            })
        };
        let (tallies, took) = clock::timed(|| jobs::beside(jobs, &one));
        let mut all = Tally::default();
        tallies?.into_iter().for_each(|tally| all.add(tally));
        reports.extend(all.reports(kind.name(), seed, took));
    }
    Ok(reports)
}
