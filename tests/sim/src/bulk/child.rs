//! The children: one fills the source, one moves what is in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use larder_migrate::{
    CompareOptions, DumpPlace, ExportOptions, Side, WriteOptions, copy, export, import, verify,
};
use larder_store_core::{Call, Key, PutItem, PutOptions, Store};

use crate::args::Args;
use crate::report::Report;
use crate::resident::Sampler;
use crate::stores::{self, Kind};
use crate::{Outcome, clock, process, value};

/// The name of the role.
pub(super) const ROLE: &str = "role-bulk";
/// What the most is called, in bytes, where a child tells it.
pub(super) const MOST: &str = "most anonymous memory of the child, bytes";

/// Bytes of a value.
const VALUE: usize = 100;
/// How often memory is looked at.
const EACH: Duration = Duration::from_millis(50);

/// Plays the role.
///
/// # Errors
/// Something is not as it should be.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let folder = PathBuf::from(args.need("folder")?);
    let entries = args.number("entries", 0)?;
    let phase = args.need("phase")?;
    args.finish()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut report = Report::new("bulk", "", 0);
    match &*phase {
        "fill" => runtime.block_on(fill(&folder, entries))?,
        "dump" | "copy" => {
            let sampler = Sampler::begin(EACH);
            runtime.block_on(async {
                match &*phase {
                    "dump" => by_dump(&folder, entries, &mut report).await,
                    _ => by_copy(&folder, entries, &mut report).await,
                }
            })?;
            let (most, samples) = sampler.end()?;
            report.count(MOST, most);
            report.count("looks at it", samples);
        }
        other => return Err(format!("there is no phase {other:?}").into()),
    }
    print!("{}", report.lines());
    Ok(())
}

async fn open(folder: &Path, name: &str) -> Outcome<Arc<dyn Store>> {
    Ok(stores::open(&Kind::Lmdb.at(&folder.join(name), "sync=none")?).await?)
}

async fn fill(folder: &Path, entries: u64) -> Outcome {
    let store = open(folder, "source").await?;
    let batches = (0..entries).step_by(1000).map(|from| {
        let store = store.clone();
        async move {
            let items = (from..entries.min(from + 1000)).map(|n| {
                let key = format!("user/{n:010}/profile");
                let value = value::make(&key, n + 1, VALUE);
                Ok(PutItem { key: Key::new(key)?, value, options: PutOptions::new() })
            });
            let items = items.collect::<Outcome<Vec<_>>>()?;
            for done in store.put_many_opts(items, &Call::default()).await {
                done?;
            }
            Outcome::Ok(())
        }
    });
    futures_util::stream::iter(batches).buffered(4).try_collect::<()>().await?;
    Ok(store.close(&Call::default()).await?)
}

/// Tells how long a step took, and how many entries a second that is.
fn tell(report: &mut Report, step: &str, entries: u64, took: Duration) {
    report.time(step.to_owned(), took);
    report.count(format!("{step}, entries/s"), (entries as f64 / took.as_secs_f64().max(1e-9)) as u64);
}

async fn by_dump(folder: &Path, entries: u64, report: &mut Report) -> Outcome {
    let source = open(folder, "source").await?;
    let dump = folder.join("dump.larder");
    let done = export(source.clone(), DumpPlace::file(&dump), &ExportOptions::new()).await?;
    tell(report, "export", entries, done.took);
    report.count("bytes of the dump", done.dump_bytes);
    expect(done.written, entries, "exported")?;

    let imported = open(folder, "imported").await?;
    let done = import(DumpPlace::file(&dump), imported.clone(), &WriteOptions::new()).await?;
    tell(report, "import", entries, done.took);
    expect(done.written, entries, "imported")?;
    compare(Side::Dump(DumpPlace::file(&dump)), &imported, entries, "verify with the dump", report).await?;
    imported.close(&Call::default()).await?;
    Ok(source.close(&Call::default()).await?)
}

async fn by_copy(folder: &Path, entries: u64, report: &mut Report) -> Outcome {
    let source = open(folder, "source").await?;
    let copied = open(folder, "copied").await?;
    let done = copy(source.clone(), copied.clone(), &WriteOptions::new()).await?;
    tell(report, "copy", entries, done.took);
    expect(done.written, entries, "copied")?;
    compare(Side::Store(source.clone()), &copied, entries, "verify with the source", report).await?;
    copied.close(&Call::default()).await?;
    Ok(source.close(&Call::default()).await?)
}

async fn compare(
    side: Side,
    with: &Arc<dyn Store>,
    entries: u64,
    step: &str,
    report: &mut Report,
) -> Outcome {
    let options = CompareOptions::new();
    let (found, took) = {
        let begin = clock::nanos();
        let found = verify(side, Side::Store(with.clone()), &options).await?;
        (found, Duration::from_nanos(clock::nanos() - begin))
    };
    tell(report, step, entries, took);
    match found.is_equal() {
        true => expect(found.equal, entries, "compared"),
        false => Err(format!("{step}: {found:?}").into()),
    }
}

fn expect(n: u64, entries: u64, what: &str) -> Outcome {
    match n == entries {
        true => Ok(()),
        false => Err(format!("{n} of {entries} entries were {what}").into()),
    }
}
