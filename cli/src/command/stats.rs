//! `larder stats`.

mod classes;
mod extremes;
mod print;
mod segments;
mod tally;

use clap::Args;
use futures_util::StreamExt;
use larder::{ListOptions, Store};

use crate::cx::Cx;
use crate::error::Result;
use crate::open::{self, Make};
use crate::progress::Progress;

use tally::Tally;

const EXAMPLES: &str = "\
Examples:
  larder stats file:data
  larder stats file:data --prefix logs/ --top 3 --json";

/// Count what is in a store: entries, bytes, sizes, ages, what expires
///
/// Lists the whole store once, in bounded memory. What a listing does not tell is counted as unknown. For a stack the
/// listing is the origin's, and what its fronts hold is shown beside it.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Stats {
    /// The store: a URL, a stack, or @NAME.
    store: String,
    /// Only keys that begin with this.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    prefix: String,
    /// How many of the largest values and of the first segments of keys are shown.
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u16).range(0..=1000))]
    top: u16,
}

impl Stats {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        let opened = open::open(cx, &self.store, Make::Never).await?;
        let done = self.count(cx, &*opened.store).await;
        let tiers = opened.tiered.as_ref().map(|tiered| tiered.stats());
        let (id, usage) = (opened.store.id().clone(), opened.store.usage());
        opened.close(cx).await;
        let tally = done?;
        let shown = print::Shown { id, tally, tiers, usage };
        if cx.common.json { cx.out.json(&shown.as_json()) } else { shown.print(cx) }
    }

    async fn count(&self, cx: &Cx, store: &dyn Store) -> Result<Tally> {
        let ordered = store.guarantees().listing.ordered;
        let mut tally = Tally::new(cx.env.wall(), usize::from(self.top), &self.prefix, ordered);
        let progress = Progress::count(cx, "entries");
        let mut items = store.list_opts(ListOptions::new().with_prefix(&self.prefix).with_call(cx.call()));
        while let Some(item) = cx.until_cancelled(items.next()).await? {
            tally.add(item?);
            progress.add(1);
        }
        tally.end();
        progress.end();
        Ok(tally)
    }
}
