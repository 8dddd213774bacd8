//! Budgets hold at every step, whatever is asked, written and moved, while time passes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use larder_store_core::conformance::TestClock;
use larder_vector::tier::Tier;
use larder_vector::{Collection, Id, Metric, Row, SearchOptions, VectorStore};

use crate::places::{memory, open, options};

const DIMS: usize = 8;
const MEMORY: u64 = 30_000;
const DISK: u64 = 4_000;
const STEPS: usize = 4000;

fn row(id: u64, rng: &mut fastrand::Rng) -> Row {
    let mut near = fastrand::Rng::with_seed(id % 7);
    Row::new(id, (0..DIMS).map(|_| 4.0 * near.f32() + rng.f32()).collect())
}

/// How much was used of both, at the most.
#[derive(Debug, Default)]
struct Most {
    memory: u64,
    disk: u64,
}

/// Does something, and looks at the budgets whenever it waits for something, and at its end.
async fn watched<T>(
    collection: &Collection,
    most: &mut Most,
    what: &str,
    work: impl Future<Output = T>,
) -> T {
    let mut work = std::pin::pin!(work);
    let done = std::future::poll_fn(|cx| {
        let polled = work.as_mut().poll(cx);
        let stats = collection.stats();
        let (memory, disk) = (stats.memory, stats.disk);
        assert!(memory.used <= memory.limit && memory.limit == MEMORY, "{what}: {stats:?}");
        assert!(disk.used <= DISK, "{what}: {stats:?}");
        *most = Most { memory: most.memory.max(memory.used), disk: most.disk.max(disk.used) };
        match polled {
            Poll::Ready(done) => Poll::Ready(done),
            Poll::Pending => Poll::Pending,
        }
    });
    done.await
}

#[tokio::test]
async fn budgets_hold_at_each_of_thousands_of_steps() {
    let seed = std::env::var("LARDER_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1 << 40));
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let clock = TestClock::new();
    let config = options(DIMS as u32, Metric::L2)
        .with_seal_rows(120)
        .with_book_rows(100)
        .with_memory(MEMORY)
        .with_disk(DISK)
        .with_env(clock.env());
    let collection = Arc::new(open(&memory(), config).await);
    let mut model: BTreeMap<u64, Row> = BTreeMap::new();
    let mut most = Most::default();
    // What is asked for is near a few of the rows, and others after a while: segments get hot, and cold again.
    let mut liked = 0;
    for step in 0..STEPS {
        let what = format!("seed {seed}, step {step}");
        clock.advance(Duration::from_millis(rng.u64(..60_000)));
        if step % 200 == 0 {
            liked = rng.u64(..7);
        }
        let near: Vec<f32> = row(liked, &mut rng).vector;
        match rng.u8(..100) {
            0..45 => {
                let count = rng.usize(1..5);
                let search = match rng.u8(..4) {
                    0 => SearchOptions::new().with_exact(true),
                    _ => SearchOptions::new().with_rescore(rng.usize(10..60)),
                };
                let queries = near.repeat(count);
                let asked = collection.search_batch(&queries, 5, &search);
                let answers = watched(&collection, &mut most, &what, asked).await.unwrap();
                assert!(answers.iter().all(|answer| answer.hits.len() == model.len().min(5)), "{what}");
            }
            45..60 => {
                let ids: Vec<u64> = (0..rng.u64(1..30)).map(|_| rng.u64(..600)).collect();
                let rows: Vec<Row> = ids.into_iter().map(|id| row(id, &mut rng)).collect();
                for row in &rows {
                    let Id::Num(id) = row.id else { panic!("{}", row.id) };
                    model.insert(id, row.clone());
                }
                watched(&collection, &mut most, &what, collection.upsert(rows)).await.unwrap();
            }
            60..65 => {
                let id = rng.u64(..600);
                model.remove(&id);
                watched(&collection, &mut most, &what, collection.delete(vec![id.into()])).await.unwrap();
            }
            65..70 => watched(&collection, &mut most, &what, collection.flush()).await.unwrap(),
            70..72 => watched(&collection, &mut most, &what, collection.vacuum()).await.unwrap(),
            72 if rng.bool() => watched(&collection, &mut most, &what, collection.optimize()).await.unwrap(),
            72..80 => {
                let segments = collection.explain();
                if !segments.is_empty() {
                    let tier = match rng.u8(..6) {
                        tier @ 0..4 => Some(Tier::ALL[tier as usize]),
                        _ => None,
                    };
                    collection.pin(segments[rng.usize(..segments.len())].segment, tier);
                }
            }
            80..90 => watched(&collection, &mut most, &what, collection.rebalance()).await.unwrap(),
            90..95 => {
                // Whoever searches loads indexes while the mover takes columns in.
                let search = SearchOptions::new();
                let both = async {
                    tokio::join!(
                        collection.rebalance(),
                        collection.search(&near, 5, &search),
                        collection.flush()
                    )
                };
                let (moved, found, sealed) = watched(&collection, &mut most, &what, both).await;
                moved.unwrap();
                sealed.unwrap();
                assert_eq!(found.unwrap().hits.len(), model.len().min(5), "{what}");
            }
            _ => {
                let id = rng.u64(..600);
                let there = watched(&collection, &mut most, &what, collection.get(&id.into())).await;
                assert_eq!(there.unwrap().as_ref(), model.get(&id), "{what}");
            }
        }
    }
    let stats = collection.stats();
    println!("{most:?}, {stats:?}");
    assert!(stats.moved.promotions > 10 && stats.moved.demotions > 10, "{stats:?}");
    assert!(most.memory > MEMORY / 2 && most.disk > DISK / 2, "{most:?}: nothing was ever short");
    let mut there: Vec<Row> = collection.scan().try_collect().await.unwrap();
    there.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(there, model.into_values().collect::<Vec<_>>(), "seed {seed}");
}
