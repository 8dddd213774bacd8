//! `larder-sim hostile-keys`.

use std::path::Path;

use super::{Options, run};
use crate::args::Args;
use crate::place::Place;
use crate::report::Report;
use crate::stores::{self, Kind};
use crate::{Outcome, clock, rng};

/// Runs the campaign as its options say: `--store`, `--params`, `--keys`, `--seed`, `--dir`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let kinds = Kind::list(&args.text("store")?.unwrap_or_else(|| "all".to_owned()))?;
    let params = args.text("params")?;
    let keys = args.number("keys", 1_000_000)?;
    let seed = args.number("seed", rng::fresh_seed())?;
    let dir = args.text("dir")?;
    args.finish()?;
    let mut reports = Vec::new();
    for kind in kinds {
        eprintln!("hostile-keys {}: {keys} keys, --seed {seed}", kind.name());
        let place = Place::new(dir.as_deref().map(Path::new))?;
        let default = if kind.is_on_disk() { "sync=none" } else { "" };
        let params = params.clone().unwrap_or_else(|| default.to_owned());
        let options = Options { kind, params, folder: place.path(), keys, seed };
        let (report, took) = clock::timed(|| stores::block_on(run(&options)));
        let mut report = report?;
        report.time("took", took);
        reports.push(report);
    }
    Ok(reports)
}
