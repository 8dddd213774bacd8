//! A collection beside a list that is searched by brute force: the same answers, whatever was sealed, rewritten, moved or opened
//! again between.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use larder_store_core::Store;
use larder_vector::{Collection, CollectionOptions, Filter, Id, Metric, Row, SearchOptions, VectorStore};

use crate::places::{memory, open, options};

struct Model {
    metric: Metric,
    rows: BTreeMap<Id, (Vec<f32>, Bytes)>,
}

fn payload(n: u8) -> Bytes {
    // {"n": n}
    Bytes::from(vec![0xa1, 0x61, b'n', 0x18, n])
}

impl Model {
    fn nearest(&self, query: &[f32], k: usize, filter: impl Fn(u8) -> bool) -> Vec<(Id, f32)> {
        let counts = |payload: &Bytes| filter(payload[4]);
        let rows = self.rows.iter().filter(|(_, (_, payload))| counts(payload));
        let mut all: Vec<(f32, Id)> =
            rows.map(|(id, (vector, _))| (self.metric.distance(query, vector), id.clone())).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        all.truncate(k);
        all.into_iter().map(|(distance, id)| (id, distance)).collect()
    }
}

fn seed_of_run() -> u64 {
    std::env::var("LARDER_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| fastrand::u64(..1 << 40))
}

fn operations() -> u64 {
    std::env::var("LARDER_VECTOR_OPERATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(100_000)
}

/// Rows of some clusters, so that codes and cells have something to tell apart.
fn vector(rng: &mut fastrand::Rng, dims: usize) -> Vec<f32> {
    let mut of = fastrand::Rng::with_seed(rng.u64(..40));
    (0..dims).map(|_| of.f32() * 4.0 - 2.0 + (rng.f32() - 0.5)).collect()
}

async fn run(metric: Metric, seed: u64, operations: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let dims = 16;
    let store: Arc<dyn Store> = memory();
    let config = |rng: &mut fastrand::Rng| -> CollectionOptions {
        options(dims as u32, metric)
            .with_memory(rng.u64(1..1 << 20))
            .with_disk(rng.u64(1..1 << 20))
            .with_guard(1.0)
    };
    let mut collection: Collection = open(&store, config(&mut rng)).await;
    let mut model = Model { metric, rows: BTreeMap::new() };
    let (mut found, mut wanted, mut asked) = (0, 0, 0);
    // Slots in which somebody became the writer are left to a sweep.
    let mut fences = 1;
    let mut done = 0;
    let id = |rng: &mut fastrand::Rng| {
        let n = rng.u64(..2500);
        if n < 100 { Id::text(format!("t{n}")).unwrap() } else { Id::Num(n) }
    };
    while done < operations {
        done += 1;
        match rng.u32(..1000) {
            0..500 => {
                let count = if rng.u8(..20) == 0 { 40 } else { 1 };
                let rows: Vec<Row> = (0..count)
                    .map(|_| {
                        Row::new(id(&mut rng), vector(&mut rng, dims)).with_payload(payload(rng.u8(24..40)))
                    })
                    .collect();
                done += count - 1;
                for row in &rows {
                    model.rows.insert(row.id.clone(), (row.vector.clone(), row.payload.clone()));
                }
                collection.upsert(rows).await.unwrap();
            }
            500..700 => {
                let ids: Vec<Id> = (0..rng.usize(1..4)).map(|_| id(&mut rng)).collect();
                ids.iter().for_each(|id| drop(model.rows.remove(id)));
                collection.delete(ids).await.unwrap();
            }
            700..850 => {
                let id = id(&mut rng);
                let got = collection.get(&id).await.unwrap().map(|row| (row.vector, row.payload));
                assert_eq!(got.as_ref(), model.rows.get(&id), "seed {seed}, operation {done}: get {id}");
            }
            850..990 => {
                let query = vector(&mut rng, dims);
                let k = rng.usize(1..30);
                let exact = rng.u8(..3) == 0;
                let least = rng.u8(24..40);
                let filtered = rng.u8(..4) == 0;
                let mut search = SearchOptions::new().with_exact(exact);
                if filtered {
                    search = search.with_filter(Filter::range("n", i64::from(least)..));
                }
                let answer = collection.search(&query, k, &search).await.unwrap();
                let right = model.nearest(&query, k, |n| !filtered || n >= least);
                let seen: Vec<(Id, f32)> =
                    answer.hits.iter().map(|hit| (hit.id.clone(), hit.distance)).collect();
                assert_eq!(seen.len(), right.len(), "seed {seed}, operation {done}: as many as there are");
                for hit in &answer.hits {
                    let (_, payload) = &model.rows[&hit.id];
                    assert_eq!(hit.payload.as_ref(), Some(payload), "seed {seed}, operation {done}");
                }
                if exact || answer.approximate.is_exact() {
                    assert_eq!(seen, right, "seed {seed}, operation {done}, exact {exact}");
                } else {
                    asked += 1;
                    wanted += right.len();
                    found += right.iter().filter(|(id, _)| seen.iter().any(|(seen, _)| seen == id)).count();
                }
            }
            990..994 => collection.flush().await.unwrap(),
            994..996 => collection.vacuum().await.unwrap(),
            996 => collection.optimize().await.unwrap(),
            997 => collection.rebalance().await.unwrap(),
            998 => {
                let all: Vec<Row> = collection.scan().try_collect().await.unwrap();
                assert_eq!(all.len(), model.rows.len(), "seed {seed}, operation {done}: scan");
                for row in all {
                    assert_eq!(
                        model.rows.get(&row.id),
                        Some(&(row.vector, row.payload)),
                        "seed {seed}: scan"
                    );
                }
            }
            _ => {
                if rng.bool() {
                    collection.close().await.unwrap();
                }
                collection = open(&store, config(&mut rng)).await;
                let swept = collection.sweep().await.unwrap();
                assert!(swept <= fences, "seed {seed}, operation {done}: {swept} objects are left over");
                fences = fences + 1 - swept;
            }
        }
    }
    collection.close().await.unwrap();
    let recall = found as f64 / wanted.max(1) as f64;
    println!(
        "{metric:?}, seed {seed}: {operations} operations, {asked} approximate searches, recall {recall:.4}"
    );
    assert!(recall >= 0.99, "seed {seed}: recall {recall}");
}

#[tokio::test]
async fn l2() {
    run(Metric::L2, seed_of_run(), operations() / 3).await;
}

#[tokio::test]
async fn cosine() {
    run(Metric::Cosine, seed_of_run(), operations() / 3).await;
}

#[tokio::test]
async fn inner_product() {
    run(Metric::InnerProduct, seed_of_run(), operations() / 3).await;
}
