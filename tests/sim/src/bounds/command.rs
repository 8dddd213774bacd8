//! `larder-sim bounds`.

use std::path::Path;

use super::{Options, child, run};
use crate::args::Args;
use crate::generated::Sizes;
use crate::place::Place;
use crate::process::Program;
use crate::report::Report;
use crate::{Outcome, clock};

/// The roles that this campaign's children play.
pub fn role(name: &str, args: Args) -> Option<Outcome> {
    (name == child::ROLE).then(|| child::play(args))
}

/// Runs the campaign as its options say: `--bytes`, `--cache`, `--memory` (MiB), `--size` (bytes of each value; mixed and
/// 4,096 by default), `--dir`.
///
/// # Errors
/// Options that are wrong, and what keeps the campaign from going on.
pub fn command(mut args: Args) -> Outcome<Vec<Report>> {
    let bytes = args.number("bytes", 10 * 1024)? << 20;
    let cache = args.number("cache", 256)? << 20;
    let memory = args.number("memory", 64)? << 20;
    let sizes = match args.text("size")? {
        None => vec![Sizes::Mixed, Sizes::Fixed(4096)],
        Some(len) => vec![Sizes::Fixed(len.parse()?)],
    };
    let dir = args.text("dir")?;
    args.finish()?;
    let mut reports = Vec::new();
    for sizes in sizes {
        let place = Place::new(dir.as_deref().map(Path::new))?;
        let (lenient, program) = (cfg!(debug_assertions), Program::this()?);
        eprintln!("bounds: {} MiB, {sizes:?}", bytes >> 20);
        let options = Options { folder: place.path(), bytes, cache, memory, sizes, lenient, program };
        let (report, took) = clock::timed(|| run(&options));
        let mut report = report?;
        report.time("took", took);
        reports.push(report);
    }
    Ok(reports)
}
