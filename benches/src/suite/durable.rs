//! Puts that outlive a crash of the machine, into LMDB.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use larder::{Durability, Key, Store, StoreExt};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::case::Case;
use crate::context::Context;
use crate::error::Result;
use crate::measure::Side;
use crate::open;
use crate::peer::lmdb::Lmdb;
use crate::workload::Workload;

pub(crate) const NAME: &str = "durable";

const PEER: &str = "lmdb-rkv";

/// Writers at once, and puts that the peer commits together.
const WRITERS: usize = 64;

/// Puts of each writer in a turn, at least: enough that the first and the last commit of a turn, which are not full,
/// do not decide.
const PUTS: usize = 8;

pub(crate) fn run(context: &mut Context) -> Result<()> {
    let one = Case::new(NAME, "lmdb put 1 KiB, 1 writer", PEER).limit(1.2);
    // At least 0.7 of its throughput.
    let many = Case::new(NAME, format!("lmdb put 1 KiB, {WRITERS} writers"), PEER).limit(1.0 / 0.7);
    if !context.wants_any(&[one.clone(), many.clone()]) {
        return Ok(());
    }
    context.place.on_disk()?;
    let workload = &Workload::new(context.either(2_000, 10_000), 1 << 10);
    let runtime = &Context::runtime()?;
    context.say("durable: loading LMDB, twice");
    let store = &open::folder(runtime, "lmdb", &context.place.path("durable-ours"))?;
    let promised = store.guarantees().durability;
    if promised != Durability::Durable {
        return Err(
            format!("{} promises {promised:?}, which is no match for a durable commit", store.id()).into()
        );
    }
    open::load(runtime, &**store, workload)?;
    let bare = &Lmdb::open(&context.place.path("durable-theirs"), workload.len() * workload.value_len())?;
    bare.load(workload)?;

    context.measure(
        one,
        &context.disk_plan(1),
        workload,
        one_writer(runtime, store, workload),
        commits(bare, workload, 1),
    )?;
    let plan = context.disk_plan(WRITERS * PUTS);
    context.measure(
        many,
        &plan,
        workload,
        writers(runtime, store, workload),
        commits(bare, workload, WRITERS),
    )?;

    open::verify(runtime, store, workload)?;
    bare.verify(workload)?;
    open::close(runtime, store)?;
    Ok(())
}

fn one_writer<'s>(runtime: &'s Runtime, store: &'s Arc<dyn Store>, workload: &'s Workload) -> Side<'s> {
    Box::new(move |order| {
        let puts = workload.puts(order);
        runtime.block_on(async {
            let begun = Instant::now();
            put_all(store, puts).await?;
            Ok(begun.elapsed())
        })
    })
}

fn writers<'s>(runtime: &'s Runtime, store: &'s Arc<dyn Store>, workload: &'s Workload) -> Side<'s> {
    Box::new(move |order| {
        let shares: Vec<_> = order.chunks(order.len() / WRITERS).map(|share| workload.puts(share)).collect();
        runtime.block_on(async {
            let begun = Instant::now();
            let mut tasks = JoinSet::new();
            for share in shares {
                let store = store.clone();
                tasks.spawn(async move { put_all(&store, share).await });
            }
            while let Some(done) = tasks.join_next().await {
                done??;
            }
            Ok(begun.elapsed())
        })
    })
}

async fn put_all(store: &Arc<dyn Store>, puts: Vec<(Key, Bytes)>) -> larder::Result<()> {
    for (key, value) in puts {
        let written = store.put(&key, value).await?;
        debug_assert_eq!(written.durability, Durability::Durable);
    }
    Ok(())
}

/// Bare LMDB that commits so many puts together, on the thread that asks.
fn commits<'s>(bare: &'s Lmdb, workload: &'s Workload, together: usize) -> Side<'s> {
    Box::new(move |order| {
        let puts = workload.puts(order);
        let begun = Instant::now();
        for some in puts.chunks(together) {
            bare.put(some)?;
        }
        Ok(begun.elapsed())
    })
}
