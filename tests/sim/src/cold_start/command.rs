//! `larder-sim cold-start`.

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

/// Runs the campaign as its options say: `--function`, `--starts`, `--kills`, `--dir`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let function = args.text("function")?.unwrap_or_else(|| "target/function/larder-lambda".into()).into();
    let (starts, kills) = (args.number("starts", 500)?, args.number("kills", 100)?);
    let dir = args.text("dir")?;
    args.finish()?;
    let place = Place::new(dir.as_deref().map(Path::new))?;
    let options = Options { function, folder: place.path(), starts, kills, program: Program::this()? };
    let (report, took) = clock::timed(|| run(&options));
    let mut report = report?;
    report.time("took", took);
    Ok(vec![report])
}
