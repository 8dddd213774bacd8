//! `larder rm`.

use clap::Args;
use futures_util::{StreamExt, TryStreamExt};
use larder::{DeleteItem, DeleteOptions, Deleted, Error, Key, ListOptions, Store, Version};
use serde_json::json;

use super::get::{absent, version};
use crate::cx::Cx;
use crate::error::{Failure, Result, of_error};
use crate::exit::Exit;
use crate::open::{self, Make};
use crate::progress::Progress;
use crate::{escape, units};

const EXAMPLES: &str = "\
Examples:
  larder rm file:data user/7
  larder rm file:data logs/app logs/gone --force
  larder rm file:data --prefix logs/ --dry-run
  larder rm file:data --prefix logs/ --yes";

/// Keys that are removed in one go.
const BATCH: usize = 1000;

/// Remove values
///
/// Keys that are named are removed at once; what begins with --prefix only with --yes, or after a question on a terminal.
/// It can be repeated after an interruption.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Rm {
    /// The store: a URL, a stack, or @NAME.
    store: String,
    /// The keys of the values.
    #[arg(required_unless_present = "prefix", conflicts_with = "prefix")]
    keys: Vec<String>,
    /// Remove every value whose key begins with this; an empty one is all.
    #[arg(long, value_name = "PREFIX")]
    prefix: Option<String>,
    /// Only if the value has this version, else exit code 4; for one key.
    #[arg(long, value_name = "VERSION", value_parser = version, conflicts_with = "prefix")]
    if_version: Option<Version>,
    /// Do not ask whether there was a value: saves a request on s3:, and an absent one is no exit code 3.
    #[arg(long, short)]
    force: bool,
    /// Name what would be removed, and remove nothing.
    #[arg(long)]
    dry_run: bool,
    /// Ask nothing.
    #[arg(long, short)]
    yes: bool,
}

impl Rm {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        if self.if_version.is_some() && self.keys.len() > 1 {
            return Err(Failure::usage("--if-version is for one key"));
        }
        let keys = self.keys.iter().map(|key| Key::new(key.as_str())).collect::<larder::Result<Vec<_>>>()?;
        open::with(cx, &self.store, Make::Never, async |store| match &self.prefix {
            None => self.named(cx, store, &keys).await,
            Some(prefix) => self.prefixed(cx, store, prefix).await,
        })
        .await
    }

    async fn named(&self, cx: &Cx, store: &dyn Store, keys: &[Key]) -> Result {
        let mut options = DeleteOptions::new().with_tell(!self.force).with_call(cx.call());
        options.only = self.if_version.clone();
        let mut worst = None;
        for key in keys {
            if self.dry_run {
                let there = store.head_opts(key, &larder::HeadOptions::new().with_call(cx.call())).await?;
                match there.meta() {
                    Some(_) => removed(cx, key, "would be removed")?,
                    None if self.force => {}
                    None => worst = worst.or(Some(self.fails(cx, key, absent(key, store)))),
                }
                continue;
            }
            match store.delete_opts(key, &options).await {
                Ok(done) if done.existed == Deleted::No && !self.force => {
                    worst = worst.or(Some(self.fails(cx, key, absent(key, store))));
                }
                // The output may be gone: what was asked for is done all the same.
                Ok(_) => drop(removed(cx, key, "removed")),
                Err(error) if cx.cancel.signal().is_some() => return Err(error.into()),
                Err(error) => worst = worst.or(Some(self.fails(cx, key, error.into()))),
            }
        }
        worst.map_or(Ok(()), |exit| Err(Failure::Said(exit)))
    }

    /// Tells what became of one key among several.
    fn fails(&self, cx: &Cx, key: &Key, failure: Failure) -> Exit {
        if cx.common.json {
            let why = match &failure {
                Failure::Store(error) => {
                    json!({ "key": key.as_str(), "removed": false, "error": of_error(error) })
                }
                _ => json!({ "key": key.as_str(), "removed": false, "absent": true }),
            };
            let _ = cx.out.json(&why);
        }
        failure.tell(cx)
    }

    async fn prefixed(&self, cx: &Cx, store: &dyn Store, prefix: &str) -> Result {
        let which = match prefix {
            "" => format!("every value of {}", store.id()),
            _ => format!("every value of {} whose key begins with \"{}\"", store.id(), escape::shown(prefix)),
        };
        if !self.dry_run {
            cx.confirm(self.yes, &format!("removes {which}")).await?;
        }
        let listed = store.list_opts(ListOptions::new().with_prefix(prefix).with_call(cx.call()));
        let keys = listed.try_filter_map(|item| async move { Ok(item.into_entry().map(|meta| meta.key)) });
        let mut batches = Box::pin(keys.try_chunks(BATCH));
        let progress = Progress::count(cx, "removed");
        let (mut count, mut failed, mut first) = (0u64, 0u64, None::<Error>);
        while let Some(batch) = cx.until_cancelled(batches.next()).await? {
            let batch = batch.map_err(|e| e.1)?;
            if self.dry_run {
                count += batch.len() as u64;
                batch.iter().try_for_each(|key| removed(cx, key, "would be removed"))?;
                continue;
            }
            let items = batch.into_iter().map(|key| DeleteItem { key, only: None }).collect();
            let options = DeleteOptions::new().with_call(cx.call());
            for done in store.delete_many_opts(items, &options).await {
                match done {
                    Ok(_) => count += 1,
                    Err(error) => {
                        failed += 1;
                        first.get_or_insert(error);
                    }
                }
            }
            progress.add(count.saturating_sub(progress.position()));
            // Not further and further into a wall.
            if first.is_some() {
                break;
            }
        }
        progress.end();
        let said = if self.dry_run { "would be removed" } else { "removed" };
        if cx.common.json {
            cx.out.json(
                &json!({ "prefix": prefix, "removed": count, "failed": failed, "dry_run": self.dry_run }),
            )?;
        } else if !cx.common.quiet {
            cx.out.line(format!("{} {said}", units::count(count, "value", "values")))?;
        }
        first.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Names one key.
fn removed(cx: &Cx, key: &Key, how: &str) -> Result {
    match (cx.common.json, cx.common.quiet) {
        (true, _) => cx.out.json(&json!({ "key": key.as_str(), "removed": how == "removed" })),
        (false, true) => Ok(()),
        (false, false) => cx.out.line(format!("{}: {how}", escape::shown(key.as_str()))),
    }
}
