//! Many queries at once.

use std::sync::atomic::{AtomicBool, Ordering};

use larder_vector::{Filter, Id, Metric, Row, SearchOptions, VectorStore};

use crate::places::{memory, open, options};

const DIMS: usize = 16;

fn row(rng: &mut fastrand::Rng, n: u64) -> Row {
    // {"n": 24..40}
    let payload = vec![0xa1, 0x61, b'n', 0x18, rng.u8(24..40)];
    Row::new(n, (0..DIMS).map(|_| rng.f32() - 0.5).collect()).with_payload(payload)
}

#[tokio::test]
async fn a_batch_is_answered_as_each_query_is() {
    let mut rng = fastrand::Rng::with_seed(6);
    let store = memory();
    let collection = open(&store, options(DIMS as u32, Metric::L2)).await;
    collection.upsert((0..900).map(|n| row(&mut rng, n)).collect()).await.unwrap();
    collection.flush().await.unwrap();
    // Replaced, deleted and new: more than is looked at where a search is called.
    collection.upsert((600..2600).map(|n| row(&mut rng, n)).collect()).await.unwrap();
    collection.delete((0..40).map(|n| Id::Num(n * 50)).collect()).await.unwrap();
    let queries: Vec<f32> = (0..130 * DIMS).map(|_| rng.f32() - 0.5).collect();
    for search in [
        SearchOptions::new().with_exact(true),
        SearchOptions::new().with_exact(true).with_filter(Filter::range("n", 30..)),
        SearchOptions::new().with_rescore(900),
    ] {
        let together = collection.search_batch(&queries, 20, &search).await.unwrap();
        assert_eq!(together.len(), 130);
        for (query, together) in queries.chunks(DIMS).zip(together) {
            let alone = collection.search(query, 20, &search).await.unwrap();
            assert_eq!((together.hits, together.approximate), (alone.hits, alone.approximate));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_replaced_sealed_and_moved_are_found_once() {
    const ROWS: u64 = 400;
    let mut rng = fastrand::Rng::with_seed(8);
    let store = memory();
    let config = options(DIMS as u32, Metric::L2).with_background(true).with_seal_rows(150);
    let collection = open(&store, config).await;
    collection.upsert((0..ROWS).map(|n| row(&mut rng, n)).collect()).await.unwrap();
    let done = AtomicBool::new(false);
    let write = async {
        while !done.load(Ordering::Acquire) {
            let numbers: Vec<u64> = (0..7).map(|_| rng.u64(..ROWS)).collect();
            collection.upsert(numbers.into_iter().map(|n| row(&mut rng, n)).collect()).await.unwrap();
            // In memory all of it is done at once: the others have their turn.
            tokio::task::yield_now().await;
        }
    };
    let search = async {
        let queries: Vec<f32> = (0..150 * DIMS).map(|n| (n % 13) as f32 / 13.0).collect();
        for round in 0..30 {
            let search = SearchOptions::new().with_exact(round % 2 == 0).with_payload(round % 3 == 0);
            let answers = collection.search_batch(&queries, ROWS as usize, &search).await.unwrap();
            for (query, answer) in answers.iter().enumerate() {
                let mut ids: Vec<&Id> = answer.hits.iter().map(|hit| &hit.id).collect();
                let hits = ids.len();
                ids.sort_unstable();
                ids.dedup();
                let all = ROWS as usize;
                assert_eq!((ids.len(), hits), (all, all), "round {round}, query {query}");
            }
        }
        done.store(true, Ordering::Release);
    };
    futures_util::future::join(write, search).await;
}
