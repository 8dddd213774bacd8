//! `larder vector export`.

use std::sync::Arc;

use clap::Args;
use larder::migrate::{Encoding, ExportOptions, JobOptions, export};

use crate::cx::Cx;
use crate::error::Result;
use crate::hints::{Going, Job};
use crate::migrate::job;
use crate::migrate::name::DumpName;
use crate::migrate::place::{Place, There};
use crate::migrate::progress::Shown;
use crate::migrate::report::{self, To};
use crate::open::Make;
use crate::stores;
use crate::vectors::dump::RowStore;
use crate::vectors::open;

const EXAMPLES: &str = "\
Examples:
  larder vector export lmdb:vectors papers.cbor
  larder vector export lmdb:vectors papers.jsonl --json-lines
  larder -q vector export lmdb:vectors - | larder vector import lmdb:elsewhere -";

/// Write all rows of a collection into a dump
///
/// The dump is that of larder export, which verify checks: an entry for each row, whose value is a CBOR map with the vector as
/// bytes (f32, little-endian) and the payload, and one that says what all have in common. Every vector is read twice: once to list the ids, which
/// are held in memory, and once in their order. Stopped by Ctrl-C, the same command goes on where it was.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Export {
    /// The store: a URL, a stack, or @NAME.
    store: String,
    /// The dump: PATH, - or STORE::KEY.
    dump: String,
    /// Lines of JSON: larger, and legible.
    #[arg(long)]
    json_lines: bool,
    /// Replace a whole dump of that name; wants --yes if there is one.
    #[arg(long)]
    replace: bool,
    /// Ask nothing.
    #[arg(long, short)]
    yes: bool,
}

impl Export {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        let name = DumpName::parse(&self.dump)?;
        let is_output = name == DumpName::Stream;
        let shown = Shown::new(cx, is_output && std::io::IsTerminal::is_terminal(&std::io::stdout()));
        stores::with(cx, async |stores| {
            let store = stores.open(&self.store, Make::Never).await?;
            let rows = cx.until_cancelled(open::reader(cx, &store)).await??;
            let rows = Arc::new(RowStore::over(store, cx.env.clone(), rows));
            let done = async {
                let place = Place::of(&name, stores, Make::IfMissing).await?;
                if self.replace && place.there(cx).await? != There::Nothing {
                    cx.confirm(self.yes, &format!("--replace replaces the dump {}", place.shown())).await?;
                }
                let mut job = JobOptions::new().with_preflight(false).with_call(cx.call());
                job.progress = shown.on_progress();
                job.env = cx.env.clone();
                let mut options = ExportOptions::new().with_job(job).with_replace(self.replace);
                if self.json_lines {
                    options = options.with_encoding(Encoding::JsonLines);
                }
                let (resumes, streams) = (matches!(place, Place::File(_)), place.is_stream());
                let done = export(rows.clone(), place.to_write()?, &options).await;
                drop(shown);
                let told = job::ended(cx, Going { job: Job::Export, resumes, streams }, done)?;
                let to = if is_output { To::ErrorOutput } else { To::Output };
                report::tell(cx, to, &told, Some(&place.shown()))
            };
            let done = done.await;
            if let Some(writer) = rows.opened() {
                writer.close(cx).await;
            }
            done
        })
        .await
    }
}
