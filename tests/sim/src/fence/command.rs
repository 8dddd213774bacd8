//! `larder-sim fence`.

use std::path::Path;

use super::{cost, cut, damage, holder, kills, open, stack, worker};
use crate::args::Args;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::{Outcome, clock, rng};

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    match name {
        holder::ROLE => Some(holder::play(args)),
        worker::ROLE => Some(worker::play(args)),
        _ => None,
    }
}

/// Runs the campaign as its options say: `--kills`, `--processes`, `--cases`, `--rounds`, `--writes`, `--operations`,
/// `--seed`, `--dir`. A part whose number is 0 is left out.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let kills = args.number("kills", 2000)?;
    let processes = args.number("processes", 8)?.clamp(1, 14);
    let cases = args.number("cases", 20_000)?;
    let cuts = args.number("cuts", 200)?;
    let rounds = args.number("rounds", 200)?;
    let writes = args.number("writes", 256)?;
    let operations = args.number("operations", 1_000_000)?;
    let seed = args.number("seed", rng::fresh_seed())?;
    let dir = args.text("dir")?;
    args.finish()?;
    let place = Place::new(dir.as_deref().map(Path::new))?;
    let memory = Place::in_memory()?;
    let program = Program::this()?;
    eprintln!("fence: {kills} kills, {cases} cases of damage, {cuts} cuts, --seed {seed}");
    let mut reports = Vec::new();
    let mut add = |report: Outcome<Report>, took| -> Outcome {
        let mut report = report?;
        report.time("took", took);
        reports.push(report);
        Ok(())
    };
    if rounds > 0 {
        let options = open::Options {
            folder: place.path(),
            rounds,
            keys: 1_000_000,
            writes,
            seed,
            lenient: cfg!(debug_assertions),
            program: program.clone(),
        };
        let (report, took) = clock::timed(|| open::run(&options));
        add(report, took)?;
    }
    if operations > 0 {
        let lenient = cfg!(debug_assertions);
        let (report, took) = clock::timed(|| cost::run(&place.path(), operations, seed, lenient));
        add(report, took)?;
        let (report, took) = clock::timed(|| stack::run(&place.path(), operations / 10, seed, lenient));
        add(report, took)?;
    }
    if kills > 0 {
        let options =
            kills::Options { folder: memory.path(), kills, processes, seed, program: program.clone() };
        let (report, took) = clock::timed(|| kills::run(&options));
        add(report, took)?;
    }
    if cases > 0 {
        let (report, took) = clock::timed(|| damage::run(memory.path(), cases, seed));
        add(report, took)?;
    }
    if cuts > 0 {
        let (report, took) = clock::timed(|| cut::run(memory.path(), cuts, seed, &program));
        add(report, took)?;
    }
    Ok(reports)
}
