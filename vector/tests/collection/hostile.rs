//! What nobody should hand in, and collections at their edges.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use larder_store_core::{ErrorKind, Result, Store};
use larder_vector::{Collection, Id, Metric, Precision, Row, Schema, SearchOptions, VectorStore};

use crate::places::{memory, open, options};

fn refused<T: std::fmt::Debug>(done: Result<T>, what: &str) {
    let error = done.expect_err(what);
    assert_eq!(error.kind(), ErrorKind::Invalid, "{what}: {error}");
    assert!(!error.why().is_empty() && error.settled(), "{what}: {error}");
}

async fn count(collection: &Collection) -> usize {
    collection.scan().try_collect::<Vec<_>>().await.unwrap().len()
}

#[tokio::test]
async fn vectors_that_are_none_are_refused() {
    let store = memory();
    let collection = open(&store, options(3, Metric::Cosine)).await;
    collection.upsert(vec![Row::new(1, vec![1.0, 0.0, 0.0])]).await.unwrap();
    let bad: [&[f32]; 9] = [
        &[f32::NAN, 0.0, 0.0],
        &[0.0, f32::INFINITY, 0.0],
        &[0.0, 1.0, f32::NEG_INFINITY],
        &[1.0, 2.0],
        &[1.0, 2.0, 3.0, 4.0],
        &[],
        &[0.0, 0.0, 0.0],
        &[1e-30, 0.0, 0.0],
        &[3e38, 3e38, 0.0],
    ];
    for vector in bad {
        // None of a batch is written where one is refused.
        let batch = vec![Row::new(2, vec![1.0, 1.0, 1.0]), Row::new(3, vector.to_vec())];
        refused(collection.upsert(batch).await, &format!("{vector:?}"));
        refused(collection.search(vector, 1, &SearchOptions::new()).await, &format!("a query {vector:?}"));
    }
    refused(collection.search(&[1.0, 0.0, 0.0], 0, &SearchOptions::new()).await, "k of 0");
    let two = [1.0; 4];
    refused(collection.search_batch(&two, 1, &SearchOptions::new()).await, "a query and a third");
    assert_eq!(count(&collection).await, 1);
}

#[tokio::test]
async fn payloads_and_ids_that_are_none_are_refused() {
    let store = memory();
    let collection = open(&store, options(2, Metric::L2)).await;
    let row = |payload: Vec<u8>| vec![Row::new(1, vec![1.0, 0.0]).with_payload(payload)];
    let mut large = vec![0xa1, 0x61, b'a', 0x5a, 0, 1, 0, 0];
    large.resize(large.len() + 65_536, 0);
    for payload in [vec![0xa1], vec![0x01], vec![0xa1, 0x01, 0x01], vec![0xa0, 0xa0], vec![0xff; 9], large] {
        refused(collection.upsert(row(payload.clone())).await, &format!("{:?}", &payload[..1]));
    }
    for text in [String::new(), "x".repeat(513), "x".repeat(70_000)] {
        let id = Id::Text(Arc::from(text.as_str()));
        let what = format!("an id of {} bytes", text.len());
        refused(
            collection
                .upsert(vec![
                    Row::new(1, vec![1.0, 0.0]),
                    Row { id: id.clone(), ..Row::new(1, vec![1.0, 0.0]) },
                ])
                .await,
            &what,
        );
        refused(collection.delete(vec![id]).await, &what);
    }
    let longest = Id::text("ü".repeat(256)).unwrap();
    collection.upsert(vec![Row { id: longest.clone(), ..Row::new(0, vec![2.0, 2.0]) }]).await.unwrap();
    drop(collection);
    // What was refused has left nothing that could not be read.
    let collection = open(&store, options(2, Metric::L2)).await;
    assert_eq!(count(&collection).await, 1);
    assert!(collection.get(&longest).await.unwrap().is_some());
}

#[tokio::test]
async fn dimensions_have_bounds() {
    for dims in [0, 1, 4097, u32::MAX] {
        let options = options(2, Metric::L2).with_schema(Schema::new(dims, Metric::L2));
        refused(Collection::open(memory(), options).await, &format!("{dims} dimensions"));
    }
    for dims in [2, 4096] {
        for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
            let store = memory();
            let collection = open(&store, options(dims, metric)).await;
            let row =
                |n: u64| Row::new(n, (0..dims).map(|d| ((n * 7 + u64::from(d)) % 13) as f32 + 0.5).collect());
            collection.upsert((0..8).map(row).collect()).await.unwrap();
            for sealed in [false, true] {
                let answer = collection
                    .search(&row(3).vector, 100, &SearchOptions::new().with_exact(true))
                    .await
                    .unwrap();
                assert_eq!(answer.hits.len(), 8, "{dims} {metric:?} {sealed}: k above what there is");
                assert_eq!(collection.get(&3.into()).await.unwrap(), Some(row(3)));
                collection.flush().await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn the_last_of_a_batch_counts() {
    let store = memory();
    let collection = open(&store, options(2, Metric::L2)).await;
    let batch = |x: f32| (0..5).map(|n| Row::new(7, vec![n as f32, x])).collect::<Vec<_>>();
    for sealed in [false, true] {
        let x = f32::from(u8::from(sealed));
        collection.upsert(batch(x)).await.unwrap();
        collection.delete(vec![9.into(), 9.into()]).await.unwrap();
        for _ in 0..2 {
            assert_eq!(collection.get(&7.into()).await.unwrap().unwrap().vector, [4.0, x]);
            assert_eq!((count(&collection).await, collection.stats().rows), (1, 1));
            collection.flush().await.unwrap();
        }
    }
}

#[tokio::test]
async fn half_precision_refuses_what_it_has_not() {
    let store = memory();
    let schema = Schema::new(2, Metric::L2).with_keep(Precision::F16);
    let collection = open(&store, options(2, Metric::L2).with_schema(schema)).await;
    for x in [65_505.0, 65_520.0, -70_000.0, 1e30] {
        refused(collection.upsert(vec![Row::new(1, vec![0.0, x])]).await, &format!("{x}"));
    }
    collection
        .upsert(vec![Row::new(1, vec![65_504.0, -65_504.0]), Row::new(2, vec![0.1, 1e-9])])
        .await
        .unwrap();
    collection.flush().await.unwrap();
    assert_eq!(collection.get(&1.into()).await.unwrap().unwrap().vector, [65_504.0, -65_504.0]);
    let small = collection.get(&2.into()).await.unwrap().unwrap().vector;
    assert!((small[0] - 0.1).abs() < 1e-4 && small[1] == 0.0, "{small:?}");
}

#[tokio::test]
async fn nothing_is_found_where_nothing_is() {
    for keep in [Precision::F32, Precision::F16, Precision::Lossy] {
        let store: Arc<dyn Store> = memory();
        let config =
            || options(8, Metric::Cosine).with_schema(Schema::new(8, Metric::Cosine).with_keep(keep));
        let collection = open(&store, config()).await;
        let empty = async |collection: &Collection, what: &str| {
            for exact in [false, true] {
                let found =
                    collection.search(&[1.0; 8], 5, &SearchOptions::new().with_exact(exact)).await.unwrap();
                assert!(found.hits.is_empty(), "{keep:?} {what}");
            }
            assert_eq!((count(collection).await, collection.stats().rows), (0, 0), "{keep:?} {what}");
            assert_eq!(collection.get(&1.into()).await.unwrap(), None);
        };
        empty(&collection, "new").await;
        collection.flush().await.unwrap();
        collection.optimize().await.unwrap();
        collection.vacuum().await.unwrap();
        collection.rebalance().await.unwrap();
        let mut rng = fastrand::Rng::with_seed(4);
        let rows: Vec<Row> = (0..300)
            .map(|n| {
                Row::new(n, (0..8).map(|_| rng.f32() - 0.5).collect())
                    .with_payload(Bytes::from_static(&[0xa0]))
            })
            .collect();
        collection.upsert(rows.clone()).await.unwrap();
        collection.flush().await.unwrap();
        let answer =
            collection.search(&rows[5].vector, 300, &SearchOptions::new().with_exact(true)).await.unwrap();
        assert_eq!(answer.hits.len(), 300, "{keep:?}");
        assert_eq!(answer.approximate.is_exact(), keep == Precision::F32, "{keep:?}");
        collection.delete((0..300).map(Id::from).collect()).await.unwrap();
        empty(&collection, "deleted").await;
        collection.flush().await.unwrap();
        empty(&collection, "deleted and sealed").await;
        collection.vacuum().await.unwrap();
        empty(&collection, "deleted and rewritten").await;
        assert_eq!(collection.stats().segments, 0, "{keep:?}");
        collection.close().await.unwrap();
        empty(&open(&store, config()).await, "opened again").await;
    }
}
