//! `larder-sim dump-damage`.

use super::run;
use crate::args::Args;
use crate::report::Report;
use crate::{Outcome, clock, rng};

/// Runs the campaign as its options say: `--cases`, `--cuts` (of larger dumps; small ones are cut at every byte), `--jobs`, `--seed`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let cases = args.number("cases", 100_000)?;
    let cuts = args.number("cuts", 2_000)?;
    let jobs = args.number("jobs", 2)?.max(1);
    let seed = args.number("seed", rng::fresh_seed())?;
    args.finish()?;
    eprintln!("dump-damage: {cases} edits, {cuts} cuts of larger dumps, --seed {seed}");
    let (cut, took) = clock::timed(|| run::cuts(seed, cuts, jobs));
    let first = cut?.report("cuts", seed, took);
    let (edited, took) = clock::timed(|| run::edits(seed, cases, jobs));
    Ok(vec![first, edited?.report("edits", seed, took)])
}
