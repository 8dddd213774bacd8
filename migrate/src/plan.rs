//! What a job would do and cost, before anything is done.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use larder_store_core::{GetOptions, HeadOptions, Key, Listed, Result, Store};
use serde::Serialize;

use crate::compare::Side;
use crate::dump::DumpReader;
use crate::listing::{self, Seen};
use crate::options::JobOptions;
use crate::preflight::{self, Preflight};
use crate::report::Teller;
use crate::select::Judge;

/// Requests by what services charge for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Requests {
    /// Listings, a page each.
    pub lists: u64,
    /// Reads.
    pub reads: u64,
    /// Writes. A value that is uploaded in parts counts once here.
    pub writes: u64,
}

/// What a job would do.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// What there is, and what of it cannot be carried.
    #[serde(flatten)]
    pub found: Preflight,
    /// Requests to the source; none for a dump.
    pub source: Requests,
    /// Requests to the target; none for a dump.
    pub target: Requests,
    /// What the requests cost by the list price of the services' first region, in US dollars, where it is known. Transfer between
    /// regions and out of the cloud is not in it.
    pub dollars: Option<f64>,
    /// About how long it takes, from what a few reads took just now; none where nothing could be measured.
    pub seconds: Option<f64>,
}

/// US dollars for a thousand requests: lists and writes, reads. S3 Standard, us-east-1, as of 2026.
const S3: (f64, f64) = (0.005, 0.0004);
/// How many values are read to find out how long that takes, …
const SAMPLE: usize = 32;
/// … and for how long at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks through the source, and says what it takes to move what is there into `target` (none: a dump). Nothing is written.
///
/// # Errors
/// Those of reading the source; [`ErrorKind::Corrupt`](larder_store_core::ErrorKind::Corrupt) for a dump that is damaged.
pub async fn plan(source: Side, target: Option<&Arc<dyn Store>>, job: &JobOptions) -> Result<Plan> {
    let judge = job.select.compile(job.env.wall())?;
    let teller = Teller::new(&job.env, job.progress.clone());
    let to = target.map_or_else(preflight::anything, |target| target.guarantees().clone());
    let mut plan = Plan::default();
    let (mut read_time, mut prices) = (None, Some(0.0));
    match source {
        Side::Store(source) => {
            let mut seen = Seen::of(job);
            plan.found = preflight::of_store(&source, &to, job, &judge, &teller, &mut seen).await?;
            let pages = |page: usize| plan.found.entries.div_ceil(page.max(1) as u64).max(1);
            // One to look through it, and another to read what is too much to keep.
            let listings = if job.preflight && !seen.is_whole() { 2 } else { 1 };
            plan.source.lists = source.guarantees().listing.page.map_or(0, |page| listings * pages(page));
            plan.source.reads = batches(plan.found.entries, source.guarantees().batches.get);
            prices = add(prices, dollars(&source, &plan.source));
            if let Some((requests, bytes, took)) = sample(&source, job, &judge).await? {
                let width = job.width_for(source.guarantees()) as f64;
                let by_requests = took.as_secs_f64() / requests as f64 * plan.source.reads as f64 / width;
                let by_bytes = took.as_secs_f64() / bytes.max(1) as f64 * plan.found.bytes as f64 / width;
                read_time = Some(by_requests.max(by_bytes));
            }
        }
        Side::Dump(place) => {
            let mut reader = DumpReader::open(job.env.clone(), place, job.call.clone()).await?;
            let began = job.env.now();
            plan.found = preflight::of_dump(&mut reader, &to, &judge, &teller, false).await?;
            read_time = Some(job.env.now().duration_since(began).as_secs_f64());
        }
    }
    let mut write_time = Some(0.0);
    if let Some(target) = target {
        plan.target.writes = batches(plan.found.entries, target.guarantees().batches.put);
        prices = add(prices, dollars(target, &plan.target));
        let width = job.width_for(target.guarantees()) as f64;
        write_time = Some(latency(target, job).await?.as_secs_f64() * plan.target.writes as f64 / width);
    }
    plan.dollars = prices;
    plan.seconds = read_time.zip(write_time).map(|(read, write)| paced(read.max(write), &plan.found, job));
    Ok(plan)
}

fn batches(entries: u64, batch: Option<usize>) -> u64 {
    entries.div_ceil(batch.unwrap_or(1).clamp(1, 1000) as u64)
}

fn add(so_far: Option<f64>, more: Option<f64>) -> Option<f64> {
    so_far.zip(more).map(|(a, b)| a + b)
}

/// What requests cost; nothing on this host, and not known of a look-alike.
fn dollars(store: &Arc<dyn Store>, requests: &Requests) -> Option<f64> {
    match store.id().kind() {
        // Without an endpoint of its own the place is the bucket alone.
        "s3" if is_amazon(store.id().place()) => {
            let (dear, cheap) = S3;
            let thousands = |n: u64| n as f64 / 1000.0;
            Some(thousands(requests.lists + requests.writes) * dear + thousands(requests.reads) * cheap)
        }
        "s3" | "gs" | "dynamodb" => None,
        _ => Some(0.0),
    }
}

fn is_amazon(place: &str) -> bool {
    let place = place.trim_start_matches('/');
    !place.contains('/') || place.contains("amazonaws.com")
}

/// A rate limit may be what decides.
fn paced(seconds: f64, found: &Preflight, job: &JobOptions) -> f64 {
    let least = |amount: u64, rate: Option<u64>| rate.map_or(0.0, |rate| amount as f64 / rate as f64);
    seconds.max(least(found.bytes, job.rate.bytes)).max(least(found.entries, job.rate.entries))
}

/// Reads a few values one by one: how many, how many bytes, how long.
async fn sample(
    source: &Arc<dyn Store>,
    job: &JobOptions,
    judge: &Judge,
) -> Result<Option<(u64, u64, Duration)>> {
    let began = job.env.now();
    let (mut requests, mut bytes) = (0, 0);
    let mut listed = source.list_opts(listing::options(job, judge, None).with_limit(SAMPLE));
    let options = GetOptions::new().with_call(job.call.clone());
    let mut spent = Duration::ZERO;
    while let Some(item) = listed.try_next().await? {
        let Listed::Entry(meta) = item else { continue };
        if meta.size.is_none_or(|size| size > crate::dump::CHUNK as u64) {
            continue;
        }
        let before = job.env.now();
        if let Some(body) = source.get_opts(&meta.key, &options).await?.into_body() {
            requests += 1;
            bytes += body.len() as u64;
            spent += job.env.now().duration_since(before);
        }
        if job.env.now().duration_since(began) > PATIENCE {
            break;
        }
    }
    Ok((requests > 0).then_some((requests, bytes, spent)))
}

/// How long the target takes to answer, the best of three.
async fn latency(target: &Arc<dyn Store>, job: &JobOptions) -> Result<Duration> {
    let key = Key::new("larder/how-long-does-an-answer-take")?;
    let options = HeadOptions::new().with_call(job.call.clone());
    let mut best = Duration::MAX;
    for _ in 0..3 {
        let before = job.env.now();
        target.head_opts(&key, &options).await?;
        best = best.min(job.env.now().duration_since(before));
    }
    Ok(best)
}
