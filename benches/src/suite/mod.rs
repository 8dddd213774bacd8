//! The suites, by name.

mod durable;
mod file;
mod hot;
mod warm;

use crate::args::Args;
use crate::context::Context;
use crate::error::Result;

/// Their names, in the order in which they run.
pub(crate) const NAMES: [&str; 4] = [hot::NAME, warm::NAME, durable::NAME, file::NAME];

/// Runs those that were asked for.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<()> {
    let runs: [fn(&mut Context) -> Result<()>; NAMES.len()] = [hot::run, warm::run, durable::run, file::run];
    for (name, run) in NAMES.into_iter().zip(runs) {
        if args.wants_suite(name) {
            run(context)?;
        }
    }
    Ok(())
}
