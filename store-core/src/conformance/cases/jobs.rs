//! What workers of several processes do.

use std::sync::atomic::AtomicU64;

use tokio::task::JoinSet;

use super::{atomic, counters};
use crate::StoreExt;
use crate::conformance::process::{Job, Opened, ready, say, stopped, wrong};
use crate::conformance::values::{key, patterned};
use crate::error::{ErrorKind, Result};

/// Does a job.
pub(crate) async fn run(job: &Job, store: Opened) -> Result<()> {
    match job.name.as_str() {
        "update" | "raw" => count(job, store).await,
        "first" => first(job, store).await,
        "mirror" => mirror(job, store).await,
        "write" => write(job, store).await,
        "endless" => endless(job, store).await,
        other => Err(wrong(format_args!("the job {other:?} is not known"))),
    }
}

/// Numbers: tasks, rounds.
async fn count(job: &Job, store: Opened) -> Result<()> {
    let (tasks, rounds) = (job.number(0)? as usize, job.number(1)? as usize);
    ready().await;
    let mut running = JoinSet::new();
    for _ in 0..tasks {
        let store = store.clone();
        if job.name == "update" {
            running.spawn(counters::by_update(store, key("processes"), rounds));
        } else {
            running.spawn(async move { counters::by_hand(store, key("processes"), rounds).await.map(drop) });
        }
    }
    counters::all(running).await.map_err(stopped)?;
    Ok(())
}

/// Numbers: the worker's own, keys. Says how many keys it created.
async fn first(job: &Job, store: Opened) -> Result<()> {
    let (own, keys) = (job.number(0)?, job.number(1)?);
    ready().await;
    let mut won = 0;
    for i in 0..keys {
        match store.put_if_absent(format!("first/{i}"), own.to_string()).await {
            Ok(_) => won += 1,
            Err(error) if error.is(ErrorKind::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    say(won);
    Ok(())
}

/// The value that a process writes for the other to read.
pub(super) fn mirrored(by: u64, i: u64) -> bytes::Bytes {
    patterned(by << 32 | i, if i.is_multiple_of(5) { 150_000 } else { 700 })
}

/// Numbers: keys. Reads what the parent wrote, and writes its own.
async fn mirror(job: &Job, store: Opened) -> Result<()> {
    let keys = job.number(0)?;
    ready().await;
    for i in 0..keys {
        let got = store.get(format!("mirror/parent/{i}")).await?;
        if got != Some(mirrored(1, i)) {
            let len = got.map(|b| b.len());
            return Err(wrong(format_args!("the parent's value {i} is {len:?} bytes, or others")));
        }
        store.put(format!("mirror/child/{i}"), mirrored(2, i)).await?;
        store.delete(format!("mirror/parent/{i}")).await?;
    }
    Ok(())
}

/// Numbers: values. Writes one after the other to one key.
async fn write(job: &Job, store: Opened) -> Result<()> {
    let values = job.number(0)?;
    ready().await;
    atomic::write(&*store, &key("readers"), 1, values, &AtomicU64::new(0)).await
}

/// Numbers: where its values begin. Writes until it is killed, and says what was acknowledged.
async fn endless(job: &Job, store: Opened) -> Result<()> {
    let from = job.number(0)?;
    ready().await;
    for n in from.. {
        store.put(format!("killed/{}", n % 10), atomic::nth(n)).await?;
        say(n);
    }
    Ok(())
}
