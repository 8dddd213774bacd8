//! `larder-sim wire`.

use super::{Mutant, Options, run};
use crate::args::Args;
use crate::report::Report;
use crate::{Outcome, clock, rng};

/// Runs the campaign as its options say: `--operations`, `--layout`, `--mutant`, `--seed`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let operations = args.number("operations", 100_000)?;
    let seed = args.number("seed", rng::fresh_seed())?;
    let layouts: &[&str] = match args.text("layout")?.as_deref() {
        None | Some("all") => &["plain", "record"],
        Some("plain") => &["plain"],
        Some("record") => &["record"],
        Some(other) => return Err(format!("there is no layout {other:?}").into()),
    };
    let mutant = match args.text("mutant")?.as_deref() {
        None => None,
        Some("no-conditions") => Some(Mutant::NoConditions),
        Some("resending-proxy") => Some(Mutant::ResendingProxy),
        Some(other) => return Err(format!("there is no mutant {other:?}").into()),
    };
    args.finish()?;
    eprintln!("wire: {operations} operations, --seed {seed}");
    let mut reports = Vec::new();
    for &layout in layouts {
        let options = Options {
            operations: operations.div_ceil(layouts.len() as u64),
            operations_of_a_round: 800,
            clients: 32,
            keys: 12,
            rate: 0.05,
            layout,
            mutant,
            seed,
        };
        let (report, took) = clock::timed(|| run(&options));
        let mut report = report?;
        report.time("took", took);
        reports.push(report);
    }
    Ok(reports)
}
