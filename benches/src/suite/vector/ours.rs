//! Collections as their users make and search them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::Store;
use larder_vector::tier::Tier;
use larder_vector::{Answer, Collection, CollectionOptions, Id, Row, Schema, SearchOptions, VectorStore};
use tokio::runtime::Runtime;

use super::TEN;
use super::sets::Set;
use crate::error::Result;

/// Rows that are written at once.
const ROWS: usize = 4096;

/// Seconds that the parts of an import took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Took {
    pub(super) import: f64,
    pub(super) flush: f64,
    pub(super) optimize: f64,
}

impl Took {
    pub(super) fn total(self) -> f64 {
        self.import + self.flush + self.optimize
    }
}

/// A runtime on one thread, as searches are measured on one.
pub(super) fn one_thread() -> Result<Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// What all collections here have in common.
pub(super) fn options(set: &Set) -> CollectionOptions {
    let schema = Schema::new(set.dims as u32, set.metric);
    CollectionOptions::new().with_schema(schema).with_background(false).with_bandwidth(1 << 40)
}

/// Writes a set, seals and clusters it. Ids are the numbers of the rows.
pub(super) fn build(
    runtime: &Runtime,
    store: &Arc<dyn Store>,
    set: &Set,
    options: &CollectionOptions,
    payloads: bool,
) -> Result<(Collection, Took)> {
    runtime.block_on(async {
        let collection = Collection::open(store.clone(), options.clone()).await?;
        let begun = Instant::now();
        for (part, values) in set.base.chunks(ROWS * set.dims).enumerate() {
            let row = |(at, vector): (usize, &[f32])| {
                let id = (part * ROWS + at) as u64;
                let row = Row::new(id, vector.to_vec());
                match payloads {
                    // {"n": id}
                    true => row.with_payload([&[0xa1, 0x61, b'n', 0x1b][..], &id.to_be_bytes()].concat()),
                    false => row,
                }
            };
            collection.upsert(values.chunks_exact(set.dims).enumerate().map(row).collect()).await?;
        }
        let import = begun.elapsed();
        collection.flush().await?;
        let flush = begun.elapsed();
        collection.optimize().await?;
        let optimize = begun.elapsed();
        let seconds = |time: Duration| time.as_secs_f64();
        let took = Took {
            import: seconds(import),
            flush: seconds(flush - import),
            optimize: seconds(optimize - flush),
        };
        Ok((collection, took))
    })
}

/// Brings all segments into a tier.
pub(super) async fn bring(collection: &Collection, tier: Tier) -> Result<()> {
    for segment in collection.explain() {
        collection.pin(segment.segment, Some(tier));
    }
    for _ in 0..64 {
        collection.rebalance().await?;
        if collection.explain().iter().all(|segment| segment.tier == tier) {
            return Ok(());
        }
    }
    Err(format!("segments do not come to the tier {tier}: {:?}", collection.explain()).into())
}

/// The numbers of what was found.
pub(super) fn numbers(answer: &Answer) -> Vec<u64> {
    let number = |id: &Id| if let Id::Num(n) = id { *n } else { u64::MAX };
    answer.hits.iter().map(|hit| number(&hit.id)).collect()
}

/// Searches all queries at once; nanoseconds for each, and what was found.
pub(super) fn batch(
    runtime: &Runtime,
    collection: &Collection,
    set: &Set,
    options: &SearchOptions,
) -> Result<(f64, Vec<Vec<u64>>)> {
    let begun = Instant::now();
    let answers = runtime.block_on(collection.search_batch(&set.queries, TEN, options))?;
    let took = begun.elapsed();
    Ok((took.as_nanos() as f64 / set.count() as f64, answers.iter().map(numbers).collect()))
}

/// Searches one query after the other; nanoseconds for each, and what was found.
pub(super) fn single(
    runtime: &Runtime,
    collection: &Collection,
    set: &Set,
    options: &SearchOptions,
) -> Result<(f64, Vec<Vec<u64>>)> {
    runtime.block_on(async {
        let (mut took, mut found) = (Duration::ZERO, Vec::new());
        for query in set.queries.chunks_exact(set.dims) {
            let begun = Instant::now();
            let answer = collection.search(query, TEN, options).await?;
            took += begun.elapsed();
            found.push(numbers(&answer));
        }
        Ok((took.as_nanos() as f64 / set.count() as f64, found))
    })
}
