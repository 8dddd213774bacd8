//! The memory store beside maps and caches that hold the same values.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, RwLock};
use std::time::Instant;

use bytes::Bytes;
use dashmap::DashMap;
use larder::StoreExt;

use super::NAME;
use crate::case::Case;
use crate::context::Context;
use crate::error::Result;
use crate::measure::Side;
use crate::open;
use crate::workload::Workload;

const CASE: &str = "memory get 1 KiB";
const PEERS: [&str; 4] = ["moka sync", "moka future", "DashMap", "RwLock<BTreeMap>"];

/// The hasher that the manuals of moka and DashMap name for speed.
type Hasher = ahash::RandomState;

pub(super) fn run(context: &mut Context) -> Result<()> {
    if !context.wants_any(&PEERS.map(|peer| Case::new(NAME, CASE, peer))) {
        return Ok(());
    }
    let workload = &Workload::new(context.either(50_000, 100_000), 1024);
    let runtime = &Context::runtime()?;
    context.say("warm: loading the memory store");
    let store = runtime.block_on(larder::open("memory:"))?;
    open::load(runtime, &*store, workload)?;
    open::verify(runtime, &store, workload)?;
    for peer in PEERS {
        let case = Case::new(NAME, CASE, peer);
        if !context.wants(&case) {
            continue;
        }
        let ours: Side<'_> = Box::new(|order| {
            runtime.block_on(async {
                let begun = Instant::now();
                for &i in order {
                    let value = store.get(workload.key(i)).await?.ok_or("ours lost a value")?;
                    black_box(&value);
                }
                Ok(begun.elapsed())
            })
        });
        let theirs = match peer {
            "moka sync" => {
                let cache = moka::sync::Cache::builder()
                    .max_capacity(workload.len() as u64 * 2)
                    .build_with_hasher(Hasher::default());
                fill(workload, |key, value| cache.insert(key, value));
                cache.run_pending_tasks();
                side(workload, move |key| cache.get(key))
            }
            "moka future" => {
                let cache = moka::future::Cache::builder()
                    .max_capacity(workload.len() as u64 * 2)
                    .build_with_hasher(Hasher::default());
                fill(workload, |key, value| runtime.block_on(cache.insert(key, value)));
                runtime.block_on(cache.run_pending_tasks());
                let side: Side<'_> = Box::new(move |order| {
                    runtime.block_on(async {
                        let begun = Instant::now();
                        for &i in order {
                            let value = cache.get(workload.key(i).as_str()).await;
                            black_box(&value.ok_or("moka lost a value")?);
                        }
                        Ok(begun.elapsed())
                    })
                });
                side
            }
            "DashMap" => {
                let map = DashMap::with_capacity_and_hasher(workload.len(), Hasher::default());
                fill(workload, |key, value| drop(map.insert(key, value)));
                side(workload, move |key| map.get(key).map(|value| value.clone()))
            }
            _ => {
                let map = RwLock::new(BTreeMap::new());
                fill(workload, |key, value| {
                    drop(map.write().unwrap_or_else(|e| e.into_inner()).insert(key, value))
                });
                side(workload, move |key| map.read().unwrap_or_else(|e| e.into_inner()).get(key).cloned())
            }
        };
        context.measure(case, &context.cpu_plan(), workload, ours, theirs)?;
    }
    open::close(runtime, &store)?;
    Ok(())
}

/// Gives a peer every value, as shared bytes like ours.
fn fill(workload: &Workload, mut insert: impl FnMut(Arc<str>, Bytes)) {
    for i in 0..workload.len() {
        insert(workload.key(i).as_str().into(), workload.bytes(i));
    }
}

/// The side of a peer that answers at once.
fn side<'s>(workload: &'s Workload, get: impl Fn(&str) -> Option<Bytes> + 's) -> Side<'s> {
    Box::new(move |order| {
        let begun = Instant::now();
        for &i in order {
            let value = get(workload.key(i).as_str()).ok_or("the peer lost a value")?;
            black_box(&value);
        }
        Ok(begun.elapsed())
    })
}
