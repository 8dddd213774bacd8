//! `larder-sim faults`.

use std::path::Path;

use super::{Options, run};
use crate::args::Args;
use crate::place::Place;
use crate::report::Report;
use crate::{Outcome, clock, rng};

/// Runs the campaign as its options say: `--calls`, `--mutant`, `--seed`, `--dir`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let calls = args.number("calls", 1_000_000)?;
    let seed = args.number("seed", rng::fresh_seed())?;
    let past_fence = match args.text("mutant")?.as_deref() {
        None => false,
        Some("past-fence") => true,
        Some(other) => return Err(format!("there is no mutant {other:?}").into()),
    };
    let dir = args.text("dir")?;
    args.finish()?;
    eprintln!("faults: {calls} calls, --seed {seed}");
    let mut reports = Vec::new();
    for transactions in [false, true] {
        let place = match &dir {
            Some(dir) => Place::new(Some(Path::new(dir)))?,
            None => Place::in_memory()?,
        };
        let options = Options {
            folder: place.path(),
            calls: calls.div_ceil(2),
            calls_of_a_life: 2000,
            clients: 4,
            keys: 16,
            memory: 1 << 20,
            transactions,
            whole: true,
            past_fence,
            seed,
        };
        let (report, took) = clock::timed(|| run(&options));
        let mut report = report?;
        report.time("took", took);
        reports.push(report);
    }
    Ok(reports)
}
