//! From a bucket into another, each answer 20 ms away: many at once, and one after the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::migrate::{JobOptions, WriteOptions, copy};
use larder::{Store, StoreExt};
use tokio::runtime::Runtime;

use super::{NAME, open, rounds};
use crate::case::Case;
use crate::context::Context;
use crate::error::Result;
use crate::suite::cloud::server;

/// How long the service takes for each answer.
const LATENCY: Duration = Duration::from_millis(20);
/// Values on their way at once.
const WIDTH: usize = 64;
/// What is wanted: at least 40 times as fast.
const LIMIT: f64 = 1.0 / 40.0;
/// Values that are copied one after the other in a round: a get and a put each.
const SLOWLY: usize = 64;

pub(super) fn run(context: &mut Context, runtime: &Runtime) -> Result<()> {
    let name = format!("copy s3 to s3, {WIDTH} at once, {} ms away, time per entry", LATENCY.as_millis());
    let case = Case::new(NAME, name, "a get and a put, one by one").limit(LIMIT);
    if !context.wants(&case) {
        return Ok(());
    }
    let entries = context.either(512, 8192);
    context.say("dump: loading the double that is far away");
    let double = server::start(LATENCY)?;
    let at = |prefix: String| double.url(&format!("bench/{prefix}"));
    let source = open(runtime, &at("from".into()))?;
    runtime.block_on(load(&source, entries))?;
    let count = context.either(1, 7);
    rounds(
        context,
        case,
        count,
        |round| {
            let target = open(runtime, &at(format!("many-{round}")))?;
            let job = JobOptions::new().with_width(WIDTH);
            let (source, options) = (source.clone(), WriteOptions::new().with_job(job));
            let begun = Instant::now();
            let done =
                runtime.block_on(runtime.spawn(async move { copy(source, target, &options).await }))??;
            if done.written != entries as u64 {
                return Err("the copy lacks something".into());
            }
            Ok(begun.elapsed().as_nanos() as f64 / entries as f64)
        },
        |round| {
            let target = open(runtime, &at(format!("one-{round}")))?;
            let source = source.clone();
            let begun = Instant::now();
            runtime.block_on(runtime.spawn(async move {
                for n in 0..SLOWLY {
                    let value = source.get(key(n)).await?.ok_or_else(|| lost(n))?;
                    target.put(key(n), value).await?;
                }
                Ok::<_, crate::error::Error>(())
            }))??;
            Ok(begun.elapsed().as_nanos() as f64 / SLOWLY as f64)
        },
    )
}

fn key(n: usize) -> String {
    format!("object-{n:012}")
}

fn lost(n: usize) -> String {
    format!("the source lost {}", key(n))
}

async fn load(source: &Arc<dyn Store>, entries: usize) -> Result<()> {
    let all = (0..entries).map(|n| (key(n), vec![n as u8; 1024]));
    for done in source.put_many(all).await? {
        done?;
    }
    Ok(())
}
