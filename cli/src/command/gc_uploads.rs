//! `larder gc-uploads`.

use std::time::Duration;

use clap::Args;
use larder::{Store, SweepOptions};
use serde_json::json;

use crate::args::time;
use crate::cx::Cx;
use crate::error::Result;
use crate::open::{self, Make};
use crate::{escape, units};

const EXAMPLES: &str = "\
Examples:
  larder gc-uploads file:data --dry-run
  larder gc-uploads file:data --older-than 7d --yes";

/// Remove what killed writers left: temporary files, uploads never finished
///
/// No value is among it, and nothing that a living writer still works on, as long as none works on one value for longer than
/// --older-than. `larder doctor` counts the same.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GcUploads {
    /// The store: a URL, a stack, or @NAME.
    store: String,
    /// Only what is older than this: what is younger may belong to a writer that lives.
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1h")]
    older_than: Duration,
    /// Name what would be removed, the first hundred, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// Ask nothing.
    #[arg(long, short)]
    yes: bool,
}

impl GcUploads {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        open::with(cx, &self.store, Make::Never, async |store| self.sweep(cx, store).await).await
    }

    async fn sweep(&self, cx: &Cx, store: &dyn Store) -> Result {
        if !self.dry_run {
            let what = format!("removes what writers that were killed left in {}", store.id());
            cx.confirm(self.yes, &what).await?;
        }
        let options = SweepOptions::new().with_older_than(self.older_than).with_dry_run(self.dry_run);
        let swept = store.sweep(&options.with_call(cx.call())).await?;
        if cx.common.json {
            return cx.out.json(&json!({
                "found": swept.found,
                "removed": swept.removed,
                "bytes": swept.bytes,
                "names": swept.names,
                "dry_run": self.dry_run,
            }));
        }
        if cx.common.quiet {
            return Ok(());
        }
        if self.dry_run {
            swept.names.iter().try_for_each(|name| cx.out.line(escape::shown(name)))?;
        }
        let found = units::count(swept.found, "leftover", "leftovers");
        let done = match (self.dry_run, swept.found - swept.removed.min(swept.found)) {
            (true, _) => "would be removed".to_owned(),
            (false, 0) => "removed".to_owned(),
            // Another sweep, or its writer, was there first.
            (false, left) => format!("found, {left} of them gone already or not ours to remove"),
        };
        cx.out.line(format!("{found}, {}, {done}", units::bytes(swept.bytes)))
    }
}
