//! The suites, by name.

#[cfg(feature = "cloud")]
pub(crate) mod cloud;
mod dump;
mod durable;
mod file;
mod hot;
pub(crate) mod vector;
mod warm;

use crate::args::Args;
use crate::context::Context;
use crate::error::Result;

/// A suite: its name, and what runs it.
type Suite = (&'static str, fn(&mut Context) -> Result<()>);

/// The suites, in the order in which they run.
const SUITES: &[Suite] = &[
    (hot::NAME, hot::run),
    (warm::NAME, warm::run),
    (durable::NAME, durable::run),
    (file::NAME, file::run),
    #[cfg(feature = "cloud")]
    (cloud::NAME, cloud::run),
    (dump::NAME, dump::run),
    (vector::NAME, vector::run),
];

/// Their names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    SUITES.iter().map(|(name, _)| *name)
}

/// Runs those that were asked for.
pub(crate) fn run(args: &Args, context: &mut Context) -> Result<()> {
    for (name, run) in SUITES {
        if args.wants_suite(name) {
            run(context)?;
        }
    }
    Ok(())
}
