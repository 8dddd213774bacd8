//! What a front in memory answers under a trace of reads, as a stack uses it: most hits go past the front's own order.

#[path = "../../store-backends/tests/trace/mod.rs"]
mod trace;

use std::sync::Arc;

use bytes::Bytes;
use larder_store_backends::memory::{MemoryCache, MemoryStore};
use larder_store_core::config::Freshness;
use larder_store_core::{Key, Store, StoreExt};
use larder_tiered::TieredStore;

fn key(n: u64) -> Key {
    Key::new(format!("k{n}")).unwrap()
}

#[tokio::test]
async fn hits_are_those_of_an_exact_lru() {
    let mut trace = trace::Trace::load();
    let all = std::env::var_os("LARDER_DATA").is_some();
    if !all {
        trace.keys.truncate(200_000);
    }
    let origin: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let value = Bytes::from_static(&[7; trace::VALUE]);
    for n in &trace.keys {
        origin.put(key(*n), value.clone()).await.unwrap();
    }
    for wanted in if all { &trace::ENTRIES[..] } else { &trace::ENTRIES[..2] } {
        let front = MemoryCache::new(wanted * (trace::VALUE as u64 + 640)).unwrap();
        let stack = TieredStore::builder(origin.clone()).front(front).fresh(Freshness::SoleWriter);
        let stack = stack.open().await.unwrap();
        let mut held = 0;
        for (at, n) in trace.keys.iter().enumerate() {
            assert!(stack.get(key(*n)).await.unwrap().is_some());
            if at.is_multiple_of(100) {
                held = held.max(stack.stats().tiers[0].usage.entries.unwrap());
            }
        }
        let stats = stack.stats();
        assert_eq!(stats.tiers[0].hits + stats.origin.reads, trace.keys.len() as u64);
        trace::compare(&trace, "memory in a stack", *wanted, held, stats.tiers[0].hits);
    }
}
