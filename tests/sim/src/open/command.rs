//! `larder-sim open`.

use std::path::Path;

use super::{Options, holder, run};
use crate::args::Args;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::{Outcome, clock};

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    (name == holder::ROLE).then(|| holder::play(args))
}

/// Runs the campaign as its options say: `--entries`, `--opens`, `--deaths`, `--writes`, `--dir`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let entries = args.number("entries", 1_000_000)?;
    let (opens, deaths) = (args.number("opens", 200)?, args.number("deaths", 20)?);
    let writes = args.number("writes", 256)?;
    let dir = args.text("dir")?;
    args.finish()?;
    let place = Place::new(dir.as_deref().map(Path::new))?;
    let (lenient, program) = (cfg!(debug_assertions), Program::this()?);
    let options = Options { folder: place.path(), entries, opens, deaths, writes, lenient, program };
    let (report, took) = clock::timed(|| run(&options));
    let mut report = report?;
    report.time("took", took);
    Ok(vec![report])
}
