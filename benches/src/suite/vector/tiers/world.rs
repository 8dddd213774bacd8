//! A collection whose clock is moved, the queries that it is asked, and who looks at its memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder::Store;
use larder::conformance::TestClock;
use larder_vector::tier::Tier;
use larder_vector::{Collection, CollectionOptions, SearchOptions, VectorStore};
use tokio::runtime::Runtime;

use super::super::TEN;
use super::super::resident::Resident;
use super::super::sets::Set;
use super::{MIB, MINUTE, SHARE};
use crate::error::Result;
use crate::workload::Rng;

/// A collection under a budget, whose clock is moved.
pub(super) struct Tiered {
    pub(super) collection: Arc<Collection>,
    clock: Arc<TestClock>,
}

impl Tiered {
    pub(super) fn open(
        runtime: &Runtime,
        store: &Arc<dyn Store>,
        options: &CollectionOptions,
        set: &Set,
    ) -> Result<Tiered> {
        let clock = TestClock::new();
        let memory = (set.base.len() as f64 * 4.0 * SHARE) as u64;
        let options = options.clone().with_memory(memory).with_env(clock.env());
        let collection = runtime.block_on(Collection::open(store.clone(), options))?;
        Ok(Tiered { collection: Arc::new(collection), clock })
    }

    /// Searches, and moves the clock by a minute.
    pub(super) fn minute(&self, runtime: &Runtime, set: &Set, draw: &mut dyn FnMut() -> usize) -> Result<()> {
        runtime.block_on(async {
            for _ in 0..MINUTE {
                self.collection.search(set.query(draw()), TEN, &SearchOptions::new()).await?;
            }
            self.clock.advance(Duration::from_secs(60));
            Ok(self.collection.rebalance().await?)
        })
    }

    pub(super) fn told(&self) -> String {
        let stats = self.collection.stats();
        format!(
            "{} segments, {:?} of {:?}, memory {:.2} of {:.2} MiB, {:.2} MiB moved, {} demotions refused",
            stats.segments,
            stats.tiers,
            Tier::ALL.map(Tier::name),
            stats.memory.used as f64 / MIB,
            stats.memory.limit as f64 / MIB,
            stats.moved.bytes as f64 / MIB,
            stats.moved.refused
        )
    }
}

/// Which queries find most of their nearest in which segment.
pub(super) struct Homes {
    /// By segment, the numbers of queries, in an order left to chance.
    pub(super) queries: Vec<Vec<usize>>,
    /// Sums of the shares by Zipf's law.
    sums: Vec<f64>,
}

impl Homes {
    /// By how much the rate of each segment grows with each query.
    pub(super) fn find(runtime: &Runtime, whole: &Collection, set: &Set) -> Result<Homes> {
        let rates = || whole.explain().iter().map(|segment| segment.rate).collect::<Vec<_>>();
        let mut queries = vec![Vec::new(); rates().len()];
        for query in 0..set.count() {
            let before = rates();
            runtime.block_on(whole.search(set.query(query), TEN, &SearchOptions::new()))?;
            let grown = rates().into_iter().zip(before).map(|(now, before)| now - before);
            let home = grown.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(at, _)| at);
            queries[home].push(query);
        }
        queries.retain(|queries| !queries.is_empty());
        let mut rng = Rng::new(5);
        for at in (1..queries.len()).rev() {
            queries.swap(at, rng.below(at + 1));
        }
        let sums = (1..=queries.len()).scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        });
        let sums = sums.collect();
        Ok(Homes { queries, sums })
    }

    pub(super) fn of(&self, segment: usize, rng: &mut Rng) -> usize {
        let queries = &self.queries[segment];
        queries[rng.below(queries.len())]
    }

    /// A query whose segment is drawn by Zipf's law with the exponent 1.
    pub(super) fn zipf(&self, rng: &mut Rng) -> usize {
        let part = rng.below(1 << 30) as f64 / (1 << 30) as f64 * self.sums.last().copied().unwrap_or(0.0);
        self.of(self.sums.partition_point(|sum| *sum < part).min(self.queries.len() - 1), rng)
    }
}

/// A thread that looks at what is used.
pub(super) struct Watch {
    ended: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(f64, f64, f64)>,
}

impl Watch {
    pub(super) fn start(collection: &Arc<Collection>) -> Watch {
        let (ended, collection) = (Arc::new(AtomicBool::new(false)), collection.clone());
        let end = ended.clone();
        let look = move || {
            let (mut used, mut resident, mut limit) = (0f64, 0f64, 0f64);
            while !end.load(Ordering::Relaxed) {
                let memory = collection.stats().memory;
                (used, limit) = (used.max(memory.used as f64), memory.limit as f64);
                resident = resident.max(Resident::now().anonymous);
                std::thread::sleep(Duration::from_millis(20));
            }
            (used, limit, resident)
        };
        Watch { ended, thread: std::thread::spawn(look) }
    }

    /// Bytes used at most, their limit, and the most that was resident.
    pub(super) fn stop(self) -> (f64, f64, f64) {
        self.ended.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_default()
    }
}
