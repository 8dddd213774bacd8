//! The file store beside the system calls that it is made of, and beside other stores of files.

mod by_hand;
#[cfg(feature = "object_store")]
mod object_store;

use std::future::Future;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::{Durability, Store, StoreExt};
use tokio::runtime::Runtime;

use crate::case::Case;
use crate::context::Context;
use crate::error::Result;
use crate::measure::{Plan, Side};
use crate::open;
use crate::workload::Workload;

pub(crate) const NAME: &str = "file";

const PUT: &str = "file put 64 KiB, durable";
const GET: &str = "file get 64 KiB";

/// What is allowed for the record, its checksum and the accounting.
const LIMIT: f64 = 1.1;

pub(crate) fn run(context: &mut Context) -> Result<()> {
    let case = |name| Case::new(NAME, name, by_hand::NAME).limit(LIMIT);
    #[cfg(feature = "object_store")]
    let look = |name| Case::new(NAME, name, object_store::NAME);
    #[cfg(feature = "object_store")]
    let looks = vec![look(PUT), look(GET)];
    #[cfg(not(feature = "object_store"))]
    let looks = Vec::new();
    if !context.wants_any(&[vec![case(PUT), case(GET)], looks].concat()) {
        return Ok(());
    }
    context.place.on_disk()?;
    let workload = &Workload::new(context.either(64, 512), 64 << 10);
    let runtime = &Context::runtime()?;
    context.say("file: writing the files");
    let store = open::folder(runtime, "file", &context.place.path("ours"))?;
    let promised = store.guarantees().durability;
    if promised != Durability::Durable {
        return Err(format!("{} promises {promised:?}, which is no match for fsync", store.id()).into());
    }
    let by_hand = by_hand::Files::new(&context.place.path("by-hand"))?;
    open::load(runtime, &*store, workload)?;
    by_hand.put_side(runtime, workload)(&(0..workload.len()).collect::<Vec<_>>())?;
    #[cfg(feature = "object_store")]
    let peer = object_store::Peer::new(runtime, &context.place.path("object_store"), workload)?;

    let plan = context.disk_plan(1);
    context.measure(
        case(PUT),
        &plan,
        workload,
        ours_put(runtime, &store, workload),
        by_hand.put_side(runtime, workload),
    )?;
    #[cfg(feature = "object_store")]
    context.measure(
        look(PUT),
        &plan,
        workload,
        ours_put(runtime, &store, workload),
        peer.put_side(runtime, workload),
    )?;

    open::verify(runtime, &store, workload)?;
    by_hand.verify(workload)?;
    let plan = Plan { one_thread: false, ..context.cpu_plan() };
    context.measure(
        case(GET),
        &plan,
        workload,
        ours_get(runtime, &store, workload),
        by_hand.get_side(runtime, workload),
    )?;
    #[cfg(feature = "object_store")]
    context.measure(
        look(GET),
        &plan,
        workload,
        ours_get(runtime, &store, workload),
        peer.get_side(runtime, workload),
    )?;
    open::close(runtime, &store)?;
    Ok(())
}

/// Times work on a worker of the runtime, where a service's requests run.
fn timed(runtime: &Runtime, work: impl Future<Output = Result<()>> + Send + 'static) -> Result<Duration> {
    runtime.block_on(runtime.spawn(async move {
        let begun = Instant::now();
        work.await?;
        Ok(begun.elapsed())
    }))?
}

fn ours_put<'s>(runtime: &'s Runtime, store: &'s Arc<dyn Store>, workload: &'s Workload) -> Side<'s> {
    Box::new(move |order| {
        let (store, puts) = (store.clone(), workload.puts(order));
        timed(runtime, async move {
            for (key, value) in puts {
                store.put(&key, value).await?;
            }
            Ok(())
        })
    })
}

fn ours_get<'s>(runtime: &'s Runtime, store: &'s Arc<dyn Store>, workload: &'s Workload) -> Side<'s> {
    Box::new(move |order| {
        let (store, keys) = (store.clone(), workload.picked(order));
        timed(runtime, async move {
            for key in keys {
                black_box(&store.get(&key).await?.ok_or("ours lost a value")?);
            }
            Ok(())
        })
    })
}
