//! `larder ls`.

use clap::Args;
use futures_util::StreamExt;
use larder::{ListOptions, Listed, Store};

use crate::cx::Cx;
use crate::error::Result;
use crate::open::{self, Make};
use crate::{escape, meta, time};

const EXAMPLES: &str = "\
Examples:
  larder ls file:data
  larder ls file:data user/ -l
  larder ls file:data --recursive --limit 10 --start-after logs/app
  larder ls file:data -r -0 | xargs -0 -n 1 larder stat file:data
  larder ls @ --config stack.toml --json";

/// List keys in the order of their bytes
///
/// What goes on past a / is named once, by what it begins with (--recursive names every key). Names are printed with \\
/// escapes for what a terminal would not show; -0 and --json give them exactly. Objects whose names are no keys are
/// reported on the error output, with -l and --json among the others.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ls {
    /// The store: a URL, a stack, or @NAME.
    store: String,
    /// Only keys that begin with this.
    prefix: Option<String>,
    /// The same as PREFIX.
    #[arg(long = "prefix", value_name = "PREFIX", conflicts_with = "prefix")]
    prefix_option: Option<String>,
    /// Name every key, however deep.
    #[arg(long, short, conflicts_with = "delimiter")]
    recursive: bool,
    /// What keys go on behind is named once.
    #[arg(long, value_name = "TEXT", default_value = "/")]
    delimiter: String,
    /// At most so many names.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Only names after this one; goes on where another listing ended.
    #[arg(long, value_name = "NAME")]
    start_after: Option<String>,
    /// Sizes in bytes and times too; - where a listing does not tell.
    #[arg(long, short)]
    long: bool,
    /// End each name with a NUL instead of a line end, and escape nothing.
    #[arg(long, short = '0', conflicts_with_all = ["long", "json"])]
    null: bool,
}

impl Ls {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        open::with(cx, &self.store, Make::Never, async |store| self.list(cx, store).await).await
    }

    async fn list(&self, cx: &Cx, store: &dyn Store) -> Result {
        let prefix = self.prefix.as_ref().or(self.prefix_option.as_ref()).cloned().unwrap_or_default();
        let mut options = ListOptions::new().with_prefix(prefix).with_call(cx.call());
        options.start_after = self.start_after.clone();
        options.limit = self.limit;
        if !self.recursive && !self.delimiter.is_empty() {
            options.delimiter = Some(self.delimiter.clone());
        }
        let mut items = store.list_opts(options);
        while let Some(item) = cx.until_cancelled(items.next()).await? {
            self.print(cx, &item?)?;
        }
        Ok(())
    }

    fn print(&self, cx: &Cx, item: &Listed) -> Result {
        if cx.common.json {
            return cx.out.json(&meta::listed_as_json(item));
        }
        if self.long {
            return cx.out.line(long(item));
        }
        if let Listed::Foreign { name, why } = item {
            cx.out.note(format!("foreign: {}: {why}", escape::shown(name)));
            return Ok(());
        }
        match self.null {
            true => cx.out.bytes(format!("{}\0", item.name()).as_bytes()),
            false => cx.out.line(escape::shown(item.name())),
        }
    }
}

/// A line of the long form: size, time, name.
fn long(item: &Listed) -> String {
    let (size, at, more) = match item {
        Listed::Entry(meta) => {
            let expires = meta.expires.and_then(|expires| expires.at());
            (
                meta.size.map_or("-".into(), |size| size.to_string()),
                meta.modified.map_or("-".into(), time::seconds),
                expires.map_or(String::new(), |at| format!("  (expires {})", time::seconds(at))),
            )
        }
        Listed::Foreign { why, .. } => ("foreign".into(), "-".into(), format!("  ({why})")),
        _ => ("-".into(), "-".into(), String::new()),
    };
    format!("{size:>12}  {at:<20}  {}{more}", escape::shown(item.name()))
}
