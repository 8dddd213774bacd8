//! `larder doctor`.

mod folder;
mod mount;
mod report;
mod stack;
mod store;

use clap::Args;

use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::open;

use report::{Report, Verdict};

const EXAMPLES: &str = "\
Examples:
  larder doctor file:data
  larder doctor \"memory: | file:data?fresh=sole_writer\"
  larder doctor @ --config stack.toml --read-only --json";

/// Find out what is wrong with a store, and what to do about it
///
/// Goes step by step: the text, the place, its owner and file system, the format, listing, reading, writing and
/// compare-and-swap (in the store's system space, leaving nothing behind), clocks, leftovers of killed writers, foreign
/// objects; for a stack each tier, and how fresh its answers are. Makes no store, mends nothing and removes nothing of
/// yours. Exit code 11 if something is wrong.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Doctor {
    /// The store: a URL, a stack, or @NAME.
    store: String,
    /// Write nothing at all, for a store that is only to be read.
    #[arg(long)]
    read_only: bool,
}

impl Doctor {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        let mut report = Report::new(cx);
        self.examine(&mut report).await?;
        report.end()?;
        match report.worst() {
            Verdict::Wrong => Err(Failure::Said(Exit::Found)),
            _ => Ok(()),
        }
    }

    async fn examine(&self, report: &mut Report<'_>) -> Result {
        let registry = larder::registry();
        let stack = match open::config(report.cx, &registry, &self.store) {
            Ok(stack) => stack,
            Err(failure) => return report.failed("text", &failure),
        };
        let known = |scheme: &str| registry.params(scheme);
        report.ok("text", crate::escape::shown(&stack.to_redacted_text(known)))?;
        stack::examine(report, &registry, &stack, self.read_only).await
    }
}
