//! `larder-sim vector-kill`.

use std::path::Path;

use super::{Options, Tally, child, run};
use crate::args::Args;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::stores::Kind;
use crate::{Outcome, clock, rng};

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    (name == child::ROLE).then(|| child::play(args))
}

/// Runs the campaign as its options say: `--store`, `--kills`, `--seed`, `--mutant`, `--dir`. The kills are shared out among the stores.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let kinds = Kind::on_disk(&mut args)?;
    let kills = args.number("kills", 1_000)?;
    let seed = args.number("seed", rng::fresh_seed())?;
    let mutant = args.text("mutant")?;
    let dir = args.text("dir")?;
    args.finish()?;
    let ack_first = match mutant.as_deref() {
        None | Some("none") => false,
        Some("ack-first") => true,
        Some(other) => return Err(format!("there is no mutant {other:?}").into()),
    };
    let mut reports = Vec::new();
    for kind in &kinds {
        let place = Place::new(dir.as_deref().map(Path::new))?;
        let kills = kills.div_ceil(kinds.len() as u64);
        eprintln!("vector-kill {}: {kills} kills, --seed {seed}", kind.name());
        let options =
            Options { kind: *kind, folder: place.path(), seed, kills, ack_first, program: Program::this()? };
        let (tally, took): (Outcome<Tally>, _) = clock::timed(|| run(&options));
        reports.push(tally?.report(kind.name(), seed, took));
    }
    Ok(reports)
}
