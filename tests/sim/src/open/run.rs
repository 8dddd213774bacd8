//! Measures.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::{Call, Env, GetOptions, Key, Store, StoreId};
use larder_tiered::TieredStore;
use larder_tiered::fence::{DEFAULT_WINDOW, FenceFile, FrontSays, Layout, OWNERS};

use super::{Options, SIZES, holder, origin, tiers};
use crate::clock::{Span, Times};
use crate::process::Running;
use crate::report::Report;
use crate::tiers::{FENCE, Tiers};
use crate::{Outcome, stores};

/// The longest that opening may take after a clean close, as a median.
const CLEAN: Duration = Duration::from_millis(2);
/// And when every owner is dead.
const DEAD: Duration = Duration::from_millis(10);
/// Opening a cache of many entries may take so much longer than of few, which is what a clock cannot tell apart.
const SAME: Duration = Duration::from_micros(200);
/// "Few" entries.
const FEW: u64 = 1000;
/// How long a call of the cache may take while it is filled, and how often that is tried.
const PATIENCE: Duration = Duration::from_secs(60);
const ROUNDS: usize = 3;
/// Reads at once while the cache is filled.
const WIDTH: usize = 256;

/// The times of an opening and its parts, each without the time in which the process waited for a processor.
#[derive(Debug, Default)]
struct Opens {
    whole: Times,
    cache: Times,
    fence: Times,
}

/// Measures.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Report> {
    let mut report = Report::new("open", "memory, LMDB, generated", 0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    runtime.block_on(async {
        let few = clean(options, FEW, &mut report).await?;
        let many = clean(options, options.entries, &mut report).await?;
        let dead = dead(options, &mut report).await?;
        if options.lenient {
            return Ok(());
        }
        let [few, many, dead] = [few, many, dead].map(|opens| opens.whole.quantile(0.5));
        if many > CLEAN || many > few + SAME {
            report.problem(format!("opening with many entries takes {many:?}, with a thousand {few:?}"));
        }
        if dead > DEAD {
            report.problem(format!("opening after sixteen deaths takes {dead:?}"));
        }
        Outcome::Ok(())
    })?;
    Ok(report)
}

fn folder(options: &Options, entries: u64) -> std::path::PathBuf {
    options.folder.join(format!("{entries}-entries"))
}

/// After clean closes of a cache with so many entries.
async fn clean(options: &Options, entries: u64, report: &mut Report) -> Outcome<Opens> {
    let folder = folder(options, entries);
    std::fs::create_dir_all(&folder)?;
    let tiers = tiers(&folder);
    let held = fill(&tiers, entries).await?;
    let mut opens = Opens::default();
    for _ in 0..options.opens {
        let span = Span::begin();
        let stack = open(&tiers).await?;
        opens.whole.push(span.end().own);
        warm(&stack).await?;
        stack.close(&Call::default()).await?;
        parts(&tiers, &mut opens).await?;
    }
    tell(report, &format!("{held} entries"), &opens);
    Ok(opens)
}

async fn open(tiers: &Tiers) -> Outcome<TieredStore> {
    Ok(tiers.over(origin(&tiers.folder))?.open().await?)
}

/// Fills the cache, and says how many entries it has.
async fn fill(tiers: &Tiers, entries: u64) -> Outcome<u64> {
    // Without a front above it, which would answer for it; and a disk that others use too may be slow.
    let tiers = Tiers { memory: None, ..tiers.clone() };
    let stack = tiers.over(origin(&tiers.folder))?.front_timeout(PATIENCE).open().await?;
    let options = GetOptions::new();
    let mut held = 0;
    // What was not taken the first time is read again.
    for _ in 0..ROUNDS {
        let reads = (0..entries).map(|n| {
            let (stack, options) = (&stack, &options);
            async move {
                let got = stack.get_opts(&Key::new(n.to_string())?, options).await?;
                got.into_body().ok_or("a value is absent")?;
                Outcome::Ok(())
            }
        });
        stream::iter(reads).buffer_unordered(WIDTH).try_collect::<()>().await?;
        stack.drain(&Call::default()).await?;
        held = stack.stats().tiers.last().and_then(|tier| tier.usage.entries).unwrap_or_default();
        if held >= entries {
            break;
        }
    }
    stack.close(&Call::default()).await?;
    match held >= entries {
        true => Ok(held),
        false => Err(format!("the cache holds {held} entries of {entries}").into()),
    }
}

/// What was opened has the cache of before: a value comes from it.
async fn warm(stack: &TieredStore) -> Outcome {
    let (key, asked) = (Key::new("7")?, stack.stats().origin.reads);
    let body = stack.get_opts(&key, &GetOptions::new()).await?.into_body().ok_or("a value is absent")?;
    SIZES.check(key.as_str(), &body)?;
    match stack.stats().origin.reads == asked {
        true => Ok(()),
        false => Err("the cache was not warm after a clean close".into()),
    }
}

/// The cache alone, and the fence alone.
async fn parts(tiers: &Tiers, opens: &mut Opens) -> Outcome {
    let span = Span::begin();
    let cache = stores::open(&tiers.cache(&tiers.cache_folder())?).await?;
    opens.cache.push(span.end().own);
    cache.close(&Call::default()).await?;
    drop(cache);
    let file = fence(tiers)?;
    let span = Span::begin();
    let table = Arc::new(file.attach().await?);
    opens.fence.push(span.end().own);
    drop(table);
    Ok(())
}

/// The fence file, as a stack attaches to it that finds the front as it was left.
fn fence(tiers: &Tiers) -> Outcome<FenceFile> {
    let path = tiers.cache_folder().join(FENCE);
    let mut incarnation = [0; 8];
    std::fs::File::open(&path)?.read_exact_at(&mut incarnation, 16)?;
    let origin = origin(&tiers.folder);
    Ok(FenceFile {
        path,
        origin: StoreId::new(origin.id().kind(), origin.id().place(), ""),
        layout: Layout::new(tiers.slots),
        window: DEFAULT_WINDOW,
        front: FrontSays::Incarnation(u64::from_le_bytes(incarnation)),
        fears_the_past: false,
        env: Env::system(),
    })
}

/// After every owner was killed with writes open, over the cache with many entries.
async fn dead(options: &Options, report: &mut Report) -> Outcome<Opens> {
    let folder = folder(options, options.entries);
    let tiers = tiers(&folder);
    let mut opens = Opens::default();
    let mut doubted = 0;
    for round in 0..2 * options.deaths {
        let mut children = Vec::new();
        for n in 0..OWNERS as u64 {
            children.push(hold(options, &folder, round << 8 | n)?);
        }
        for child in &mut children {
            child.kill()?;
            child.wait()?;
        }
        // Whoever opens first meets the dead: the whole and the parts by turns.
        if round % 2 == 0 {
            let span = Span::begin();
            let stack = open(&tiers).await?;
            opens.whole.push(span.end().own);
            stack.close(&Call::default()).await?;
        } else {
            parts(&tiers, &mut opens).await?;
        }
        let table = fence(&tiers)?.attach().await?;
        let leases: Vec<_> = (0..tiers.slots).map(|slot| table.lease(slot)).collect();
        doubted = leases.iter().filter(|lease| lease.is_doubted()).count();
        let still = leases.iter().filter(|lease| lease.is_open()).count();
        if still > 0 {
            report.problem(format!("round {round}: {still} slots are still open"));
        }
    }
    let name = format!("{OWNERS} dead");
    report.count(format!("{name}: writes open in each"), options.writes);
    report.count(format!("{name}: slots in doubt at the end"), doubted as u64);
    if doubted == 0 && options.deaths > 0 {
        report.problem("the dead left no doubt");
    }
    tell(report, &name, &opens);
    Ok(opens)
}

fn hold(options: &Options, folder: &Path, seed: u64) -> Outcome<Running> {
    let folder = folder.to_str().ok_or("the folder's name is not UTF-8")?;
    let [writes, entries, seed] = [options.writes, options.entries, seed].map(|n| n.to_string());
    let args = ["--folder", folder, "--writes", &writes, "--entries", &entries, "--seed", &seed];
    Running::begin_ready(&mut options.program.role(holder::ROLE, args))
}

fn tell(report: &mut Report, name: &str, opens: &Opens) {
    for (part, times) in [("whole", &opens.whole), ("cache", &opens.cache), ("fence", &opens.fence)] {
        if !times.is_empty() {
            report.time(format!("{name}, {part}: median"), times.quantile(0.5));
            report.time(format!("{name}, {part}: longest"), times.max());
        }
    }
}
