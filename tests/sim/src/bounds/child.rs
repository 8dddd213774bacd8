//! The child, whose memory is measured.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use larder_store_core::config::Freshness;
use larder_store_core::{Call, GetOptions, Got, Key, PutOptions, Store};
use larder_tiered::TieredStore;

use super::sample::{Most, Sampler};
use super::speed::{self, Mark, PARTS};
use crate::args::Args;
use crate::generated::{Generated, Sizes};
use crate::report::Report;
use crate::rng::Rng;
use crate::tiers::Tiers;
use crate::{Outcome, process};

/// The name of the role.
pub(super) const ROLE: &str = "role-bounds";

/// What all together may take beyond the bounds.
const BEYOND: u64 = 48 << 20;
/// How long a call of a front may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Callers at once.
const TASKS: u64 = 8;
/// Each so many operations one key that came a moment ago is read again.
const AGAIN_EACH: u64 = 8;
/// How many operations a moment is.
const MOMENT: u64 = 64;

/// How values come into the caches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Read,
    Write,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::Read => "reads that fill",
            Way::Write => "writes that install",
        }
    }
}

/// Plays the role.
///
/// # Errors
/// Its arguments are wrong, or the stack fails.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let folder = PathBuf::from(args.need("folder")?);
    let bytes = args.number("bytes", 0)?;
    let (cache, memory) = (args.number("cache", 0)?, args.number("memory", 0)?);
    let sizes = match args.number("size", 0)? {
        0 => Sizes::Mixed,
        len => Sizes::Fixed(len as usize),
    };
    let lenient = args.flag("lenient")?;
    args.finish()?;
    let tiers = Tiers { folder, memory: Some(memory), cache, fresh: Freshness::SoleWriter, slots: 1 << 20 };
    let mut report = Report::new("bounds", "", 0);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    runtime.block_on(async {
        // A disk that others use too may be slow: that is no failure here.
        let stack = tiers.over(Generated::new("bounds", sizes))?.front_timeout(PATIENCE).open().await?;
        report.count("bound of the cache's files, KiB", tiers.cache >> 10);
        report.count("bound of memory, KiB", memory >> 10);
        for way in [Way::Read, Way::Write] {
            let sampler = Sampler::begin(tiers.cache_folder());
            let (marks, values) = pass(&stack, way, sizes, bytes).await?;
            report.count(format!("{}: values", way.name()), values);
            speed::tell(way.name(), &marks, bytes / PARTS, lenient, &mut report);
            judge(&tiers, way, sampler.end()?, &mut report);
        }
        count(&stack, &mut report);
        stack.close(&Call::default()).await?;
        Outcome::Ok(())
    })?;
    print!("{}", report.lines());
    Ok(())
}

/// Takes so many bytes through the stack. Gives what the clocks said at the end of each part, and the number of values.
async fn pass(stack: &TieredStore, way: Way, sizes: Sizes, bytes: u64) -> Outcome<(Vec<Mark>, u64)> {
    let mut marks = vec![Mark::now()];
    let next = Arc::new(AtomicU64::new(0));
    for _ in 0..PARTS {
        let left = Arc::new(AtomicU64::new(bytes / PARTS));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| tokio::spawn(work(stack.clone(), way, sizes, next.clone(), left.clone())))
            .collect();
        for task in tasks {
            task.await??;
        }
        // What goes on behind the callers' backs belongs to the part.
        stack.drain(&Call::default()).await?;
        marks.push(Mark::now());
    }
    Ok((marks, next.load(Ordering::SeqCst)))
}

fn key(way: Way, number: u64) -> Outcome<Key> {
    Ok(Key::new(format!("{}/{number}", if way == Way::Read { "read" } else { "written" }))?)
}

/// One caller. It ends when that many bytes have passed.
async fn work(
    stack: TieredStore,
    way: Way,
    sizes: Sizes,
    next: Arc<AtomicU64>,
    left: Arc<AtomicU64>,
) -> Outcome {
    let mut rng = Rng::new(next.load(Ordering::Relaxed));
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let key_now = key(way, number)?;
        let len = match way {
            Way::Read => read(&stack, &key_now, sizes).await?,
            Way::Write => {
                let body = sizes.make(key_now.as_str());
                let len = body.len() as u64;
                stack.put_opts(&key_now, body, &PutOptions::new()).await?;
                len
            }
        };
        if number > MOMENT && rng.one_in(AGAIN_EACH) {
            read(&stack, &key(way, number - rng.between(1, MOMENT))?, sizes).await?;
        }
        let before =
            left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(len)));
        if before.unwrap_or_else(|left| left) <= len {
            return Ok(());
        }
    }
}

/// Reads a value, which must be right, and gives its length.
async fn read(stack: &TieredStore, key: &Key, sizes: Sizes) -> Outcome<u64> {
    let options = GetOptions::new();
    let got = match stack.try_get(key, &options) {
        Some(got) => got,
        None => stack.get_opts(key, &options).await,
    };
    let Got::Found { body, .. } = got? else { return Err(format!("{key} is absent").into()) };
    sizes.check(key.as_str(), &body).map_err(|why| format!("{key}: {why}"))?;
    Ok(body.len() as u64)
}

fn judge(tiers: &Tiers, way: Way, most: Most, report: &mut Report) {
    let memory = tiers.memory.unwrap_or_default();
    let name = way.name();
    let kib = |bytes: u64| bytes >> 10;
    report.count(format!("{name}: samples"), most.samples);
    report.count(format!("{name}: most blocks of the cache's files, KiB"), kib(most.blocks));
    report.count(format!("{name}: most blocks of the table of last uses, KiB"), kib(most.recency));
    report.count(format!("{name}: most anonymous memory, KiB"), kib(most.anonymous));
    if most.blocks > tiers.cache {
        report.problem(format!("{name}: the cache's files took {} KiB", kib(most.blocks)));
    }
    if most.blocks + most.recency > tiers.cache + BEYOND {
        report
            .problem(format!("{name}: with the table of last uses {} KiB", kib(most.blocks + most.recency)));
    }
    if most.anonymous > memory + BEYOND {
        report.problem(format!("{name}: {} KiB of anonymous memory", kib(most.anonymous)));
    }
}

/// It was the caches that were tried, and not what is passed by.
fn count(stack: &TieredStore, report: &mut Report) {
    let stats = stack.stats();
    for (name, tier) in ["memory", "LMDB"].into_iter().zip(&stats.tiers) {
        report.count(format!("{name}: hits"), tier.hits);
        report.count(format!("{name}: fills"), tier.fills);
        report.count(format!("{name}: fills lost, not admitted"), tier.fills_lost + tier.not_admitted);
        report.count(format!("{name}: evictions"), tier.usage.evictions.unwrap_or_default());
        report.count(format!("{name}: errors"), tier.errors + tier.corrupt);
        if tier.errors + tier.corrupt > 0 {
            report.problem(format!("{name} failed {} times", tier.errors + tier.corrupt));
        }
        if tier.usage.evictions == Some(0) {
            report.problem(format!("{name} evicted nothing, so nothing was tried"));
        }
        // Half of what was offered, at the least.
        if tier.fills < tier.fills_lost + tier.not_admitted {
            report.problem(format!("{name} took {} entries", tier.fills));
        }
    }
    report.count("origin: reads", stats.origin.reads);
    report.count("origin: writes", stats.origin.writes);
}
