//! What a recorder of the `metrics` crate is told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use larder_store_backends::memory::MemoryCache;
use larder_store_core::config::Freshness;
use larder_store_core::layer::fault::When;
use larder_store_core::{Op, StoreExt};
use larder_tiered::TieredStore;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::make::{remote, settle};

/// Keeps counters by name and tier.
#[derive(Default)]
struct Books(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Books {
    fn get(&self, name: &str) -> u64 {
        self.0.lock().unwrap().get(name).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

impl Recorder for Books {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let tier =
            key.labels().find(|label| label.key() == "tier").map(|label| format!(" {}", label.value()));
        assert!(key.labels().any(|label| label.key() == "origin" && !label.value().is_empty()));
        let name = format!("{}{}", key.name(), tier.unwrap_or_default());
        Counter::from_arc(self.0.lock().unwrap().entry(name).or_default().clone())
    }
    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn a_recorder_hears_of_everything_that_is_counted() {
    let books = Books::default();
    let origin = remote();
    let stack = TieredStore::builder(origin.clone())
        .front(MemoryCache::new(1 << 20).unwrap())
        .fresh(Freshness::SoleWriter);
    let store = {
        let _heard = metrics::set_default_local_recorder(&books);
        stack.open().await.unwrap()
    };
    for n in 0..300 {
        store.put(format!("k{n}").as_str(), vec![7; 8 << 10]).await.unwrap();
    }
    for _ in 0..3 {
        store.get("k299").await.unwrap().unwrap();
    }
    store.get("never").await.unwrap();
    store.put("large", vec![0; 2 << 20]).await.unwrap();
    let held = origin.hold(Op::Put, When::After);
    drop(tokio::time::timeout(std::time::Duration::from_millis(20), store.put("k1", "lost")).await);
    held.release();
    settle(&store).await;

    let stats = store.stats();
    let tier = &stats.tiers[0];
    let counted = [
        ("larder_tier_hits_total 0", tier.hits),
        ("larder_tier_misses_total 0", tier.misses),
        ("larder_tier_fills_total 0", tier.fills),
        ("larder_tier_not_admitted_total 0", tier.not_admitted),
        ("larder_tier_evictions_total 0", tier.usage.evictions.unwrap()),
        ("larder_origin_reads_total", stats.origin.reads),
        ("larder_origin_writes_total", stats.origin.writes),
        ("larder_doubts_total", stats.fence.doubts),
    ];
    for (name, stat) in counted {
        assert!(stat > 0, "{name}: {stats:?}");
        assert_eq!(books.get(name), stat, "{name}");
    }
    let names: Vec<_> = books.0.lock().unwrap().keys().cloned().collect();
    for name in ["fills_lost", "errors", "corrupt"] {
        assert!(names.contains(&format!("larder_tier_{name}_total 0")), "{names:?}");
    }
}
