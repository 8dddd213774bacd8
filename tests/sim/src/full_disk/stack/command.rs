//! `larder-sim full-disk --store stack`.

use super::{FRESH, Options, run};
use crate::args::Args;
use crate::full_disk::{Disk, available};
use crate::process::Program;
use crate::report::Report;
use crate::{Outcome, clock, rng};

/// Runs the campaign as its options say: `--disk`, `--rounds`, `--seed`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub(in crate::full_disk) fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let disks = match args.text("disk")? {
        Some(name) => vec![Disk::parse(&name)?],
        None => Disk::ALL.to_vec(),
    };
    let rounds = args.number("rounds", 20)?;
    let seed = args.number("seed", rng::fresh_seed())?;
    args.finish()?;
    let program = Program::this()?;
    let mut reports = Vec::new();
    for disk in disks {
        available(&program, disk)?;
        for (fresh, _) in FRESH {
            eprintln!("full-disk stack fresh={fresh} on {}: --seed {seed}", disk.name());
            let options = Options { fresh, disk, rounds, seed, program: program.clone() };
            let (report, took) = clock::timed(|| run(&options));
            let mut report = report?;
            report.time("took", took);
            reports.push(report);
        }
    }
    Ok(reports)
}
