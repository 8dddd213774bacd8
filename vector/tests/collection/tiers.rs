//! Segments move, and nothing is lost by it.

use std::sync::Arc;
use std::time::Duration;

use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{Op, Store};
use larder_vector::tier::Tier;
use larder_vector::{Collection, Id, Metric, Row, SearchOptions, VectorStore};

use crate::places::{memory, objects, open, options};

const DIMS: usize = 24;

fn rows(count: u64, seed: u64, at: f32, spread: f32) -> Vec<Row> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..count)
        .map(|n| {
            let mut of = fastrand::Rng::with_seed(rng.u64(..30));
            Row::new(n, (0..DIMS).map(|_| at + spread * (of.f32() + 0.3 * rng.f32())).collect())
        })
        .collect()
}

async fn sealed(store: &Arc<dyn Store>, rows: &[Row]) -> Collection {
    let collection = open(store, options(DIMS as u32, Metric::L2)).await;
    for rows in rows.chunks(300) {
        collection.upsert(rows.to_vec()).await.unwrap();
        collection.flush().await.unwrap();
    }
    collection
}

/// What searches answer: ids, and the bits of distances.
type Answers = Vec<Hits>;
type Hits = Vec<(Id, u32)>;

async fn answers(collection: &Collection, rows: &[Row], search: &SearchOptions) -> Answers {
    let queries: Vec<f32> = rows.iter().step_by(37).flat_map(|row| &row.vector).map(|x| x + 0.01).collect();
    let answers = collection.search_batch(&queries, 10, search).await.unwrap();
    let hits = |answer: larder_vector::Answer| {
        answer.hits.into_iter().map(|hit| (hit.id, hit.distance.to_bits())).collect()
    };
    answers.into_iter().map(hits).collect()
}

async fn move_all(collection: &Collection, tier: Tier) {
    for segment in collection.explain() {
        collection.pin(segment.segment, Some(tier));
    }
    collection.rebalance().await.unwrap();
    for segment in collection.explain() {
        assert_eq!(segment.tier, tier, "segment {}: {}", segment.segment, segment.reason);
        assert!(!segment.reason.is_empty());
    }
}

#[tokio::test]
async fn ten_times_through_every_tier() {
    let store = memory();
    let rows = rows(1500, 3, -1.0, 2.0);
    let collection = sealed(&store, &rows).await;
    let search = SearchOptions::new().with_remote_requests(1000).with_remote_bytes(1 << 30);
    let exact = answers(&collection, &rows, &SearchOptions::new().with_exact(true)).await;
    let recall = |seen: &Answers| {
        let of = |(seen, exact): (&Hits, &Hits)| {
            exact.iter().filter(|(id, _)| seen.iter().any(|(seen, _)| seen == id)).count()
        };
        seen.iter().zip(&exact).map(of).sum::<usize>() as f64 / (10 * exact.len()) as f64
    };
    let before = answers(&collection, &rows, &search).await;
    assert!(recall(&before) > 0.99, "{}", recall(&before));
    for _ in 0..10 {
        move_all(&collection, Tier::Hot).await;
        assert_eq!(answers(&collection, &rows, &search).await, before, "what was given came back bit by bit");
        let stats = collection.stats();
        assert!(stats.memory.used >= (1500 * DIMS * 4) as u64 && stats.memory.used <= stats.memory.limit);
        move_all(&collection, Tier::Warm).await;
        let warm = answers(&collection, &rows, &search).await;
        assert!(recall(&warm) > 0.98, "{}", recall(&warm));
        for (warm, exact) in warm.iter().zip(&exact) {
            let (warm, exact) = (f32::from_bits(warm[0].1), f32::from_bits(exact[0].1));
            // Values up to 3.6 have steps of 2^-9 in half precision: half a step for each of 24, and a distance of about 0.05.
            assert!((warm - exact).abs() < 0.02, "{warm} {exact}");
        }
        assert!(collection.stats().disk.used >= (1500 * DIMS * 2) as u64);
        move_all(&collection, Tier::Cold).await;
        assert_eq!(answers(&collection, &rows, &search).await, before, "from the store as from memory");
        let stats = collection.stats();
        assert_eq!(stats.disk.used, 0, "files are gone");
        move_all(&collection, Tier::Frozen).await;
        assert_eq!(collection.stats().memory.used, 0, "codes are gone");
        assert_eq!(answers(&collection, &rows, &search).await, before, "codes are read again");
        // A search of what is frozen brings its codes back; pinned so, they leave with the next look at the tiers.
        collection.rebalance().await.unwrap();
        assert_eq!(collection.stats().memory.used, 0);
    }
    assert!(collection.stats().moved.promotions >= 50 && collection.stats().moved.demotions >= 50);
    assert_eq!(answers(&collection, &rows, &SearchOptions::new().with_exact(true)).await, exact);
    let got = collection.get(&rows[700].id).await.unwrap().unwrap();
    assert_eq!(got.vector, rows[700].vector);
    collection.close().await.unwrap();
}

#[tokio::test]
async fn a_demotion_that_would_lose_recall_is_refused() {
    let store = memory();
    // Around 1000, half precision has steps of a half: what is apart by less is the same.
    let rows = rows(600, 5, 1000.0, 0.2);
    let collection = sealed(&store, &rows).await;
    move_all(&collection, Tier::Hot).await;
    let before = answers(&collection, &rows, &SearchOptions::new()).await;
    for segment in collection.explain() {
        collection.pin(segment.segment, Some(Tier::Warm));
    }
    collection.rebalance().await.unwrap();
    collection.rebalance().await.unwrap();
    let segments = collection.explain();
    assert!(segments.iter().all(|segment| segment.tier == Tier::Hot), "{segments:?}");
    assert!(segments.iter().any(|segment| segment.reason.contains("lose recall")), "{segments:?}");
    assert!(collection.stats().moved.refused > 0);
    assert_eq!(answers(&collection, &rows, &SearchOptions::new()).await, before);
}

#[tokio::test]
async fn a_demotion_asks_nothing_of_the_store() {
    let store = memory();
    let rows = rows(900, 13, -1.0, 2.0);
    let faults = Faults::new(1, [Fault::before([Op::Get, Op::Head, Op::List, Op::Put])]).unwrap();
    faults.disable();
    let wrapped: Arc<dyn Store> = Arc::new(FaultStore::new(store, faults.clone()));
    let collection = sealed(&wrapped, &rows).await;
    let search = SearchOptions::new().with_remote_requests(1000).with_remote_bytes(1 << 30);
    let before = answers(&collection, &rows, &search).await;
    for _ in 0..2 {
        move_all(&collection, Tier::Hot).await;
        faults.enable();
        for tier in [Tier::Warm, Tier::Cold] {
            move_all(&collection, tier).await;
        }
        faults.disable();
        assert_eq!(answers(&collection, &rows, &search).await, before);
        // From the store into a file, in parts.
        move_all(&collection, Tier::Warm).await;
        faults.enable();
        move_all(&collection, Tier::Cold).await;
        faults.disable();
    }
    assert_eq!(faults.struck(), 0);
    assert_eq!(collection.stats().moved.refused, 0);
}

/// From a file that is mapped it is told as well what the store's budget leaves out.
#[tokio::test]
async fn a_demotion_to_the_store_that_would_lose_recall_is_refused() {
    let store = memory();
    // Too near each other for codes of four bits, and too many blocks for a query's requests.
    let mut rng = fastrand::Rng::with_seed(17);
    let rows: Vec<Row> =
        (0..4000).map(|n| Row::new(n, (0..DIMS).map(|_| 1.0 + 0.01 * rng.f32()).collect())).collect();
    let options = options(DIMS as u32, Metric::L2).with_seal_rows(4000).with_code_width(24);
    let collection = open(&store, options).await;
    collection.upsert(rows.clone()).await.unwrap();
    collection.flush().await.unwrap();
    move_all(&collection, Tier::Warm).await;
    for segment in collection.explain() {
        collection.pin(segment.segment, Some(Tier::Cold));
    }
    collection.rebalance().await.unwrap();
    let segments = collection.explain();
    assert!(segments.iter().all(|segment| segment.tier == Tier::Warm), "{segments:?}");
    assert!(collection.stats().moved.refused > 0);
}

/// There is room for the column and none to read it: it stays where it is, and is moved when there is.
#[tokio::test]
async fn what_is_read_to_be_moved_is_under_the_budget() {
    let store = memory();
    let rows = rows(300, 19, 0.0, 1.0);
    drop(sealed(&store, &rows).await);
    let column = (300 * DIMS * 4) as u64;
    let index = {
        let collection = open(&store, options(DIMS as u32, Metric::L2)).await;
        answers(&collection, &rows, &SearchOptions::new()).await;
        collection.stats().memory.used
    };
    for (more, moves) in [(0, false), (4 * column, true)] {
        let config = options(DIMS as u32, Metric::L2).with_memory(index + column + more);
        let collection = open(&store, config).await;
        answers(&collection, &rows, &SearchOptions::new()).await;
        let there = collection.explain();
        collection.pin(there[0].segment, Some(Tier::Hot));
        collection.rebalance().await.unwrap();
        let stats = collection.stats();
        assert!(stats.memory.used <= stats.memory.limit, "{stats:?}");
        assert_eq!(collection.explain()[0].tier == Tier::Hot, moves, "{more} more: {stats:?}");
    }
}

#[tokio::test]
async fn budgets_are_never_exceeded() {
    let store = memory();
    let rows = rows(3000, 7, 0.0, 1.0);
    drop(sealed(&store, &rows).await);
    let config = options(DIMS as u32, Metric::L2).with_memory(200_000).with_disk(60_000);
    let collection = open(&store, config).await;
    for round in 0..20 {
        let tier = Tier::ALL[round % 4];
        for segment in collection.explain() {
            collection.pin(segment.segment, Some(tier));
        }
        collection.rebalance().await.unwrap();
        answers(&collection, &rows, &SearchOptions::new()).await;
        let stats = collection.stats();
        assert!(stats.memory.used <= 200_000 && stats.disk.used <= 60_000, "{stats:?}");
    }
}

#[tokio::test]
async fn codes_that_have_drifted_are_made_anew() {
    let store = memory();
    let collection = sealed(&store, &rows(600, 9, 0.0, 1.0)).await;
    assert_eq!(collection.stats().codebooks, 1);
    // Elsewhere, and otherwise spread: the codebook knows nothing of it.
    let other: Vec<Row> = rows(300, 11, 50.0, 30.0)
        .into_iter()
        .map(|row| Row { id: Id::Num(10_000 + if let Id::Num(n) = row.id { n } else { 0 }), ..row })
        .collect();
    collection.upsert(other.clone()).await.unwrap();
    collection.flush().await.unwrap();
    assert_eq!(collection.stats().codebooks, 2);
    collection.vacuum().await.unwrap();
    assert_eq!(collection.stats().codebooks, 1, "no segment has codes of the old one");
    collection.vacuum().await.unwrap();
    let before = objects(&store).await;
    collection.sweep(Duration::ZERO).await.unwrap();
    assert_eq!(objects(&store).await, before, "what was replaced is gone");
    let exact = answers(&collection, &other, &SearchOptions::new().with_exact(true)).await;
    assert_eq!(answers(&collection, &other, &SearchOptions::new().with_rescore(300)).await, exact);
    collection.close().await.unwrap();
    let collection = open(&store, options(DIMS as u32, Metric::L2)).await;
    assert_eq!(answers(&collection, &other, &SearchOptions::new().with_rescore(300)).await, exact);
}
