//! What a query asks of the store is what it was allowed to, and what it says.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{Op, Store};
use larder_vector::{Metric, Row, SearchOptions, VectorStore};

use crate::places::{memory, open, options};

const DIMS: usize = 24;
const SEGMENTS: u64 = 3;
const ROWS: u64 = 700;

fn row(rng: &mut fastrand::Rng, n: u64) -> Row {
    // {"b": 80 bytes}
    let mut payload = vec![0xa1, 0x61, b'b', 0x58, 80];
    payload.extend((0..80).map(|_| rng.u8(..)));
    Row::new(n, (0..DIMS).map(|_| rng.f32() - 0.5).collect()).with_payload(Bytes::from(payload))
}

#[tokio::test]
async fn a_query_costs_what_it_may_and_says() {
    let mut rng = fastrand::Rng::with_seed(12);
    // Nothing but a way to count them.
    let count = Fault::before([Op::Get]).keys("seg/").delay(Duration::from_nanos(1));
    let faults = Faults::new(1, [count]).unwrap();
    let store: Arc<dyn Store> = Arc::new(FaultStore::new(memory(), faults.clone()));
    let collection = open(&store, options(DIMS as u32, Metric::L2)).await;
    let rows: Vec<Row> = (0..SEGMENTS * ROWS).map(|n| row(&mut rng, n)).collect();
    for rows in rows.chunks(ROWS as usize) {
        collection.upsert(rows.to_vec()).await.unwrap();
        collection.flush().await.unwrap();
    }
    let query = |rng: &mut fastrand::Rng| (0..DIMS).map(|_| rng.f32() - 0.5).collect::<Vec<f32>>();
    // Indexes are read once.
    collection.search(&query(&mut rng), 1, &SearchOptions::new()).await.unwrap();
    let (mut gathered, mut above) = (0, 0);
    for round in 0..60 {
        let requests = [1, 8, 16][round % 3];
        let exact = round % 5 == 0;
        for payload in [false, true] {
            let search =
                SearchOptions::new().with_remote_requests(requests).with_payload(payload).with_exact(exact);
            let before = faults.struck();
            let query = query(&mut rng);
            let answer = collection.search(&query, 20, &search).await.unwrap();
            // An exact search reads all vectors of each segment, for all of its queries.
            let sent = faults.struck() - before - if exact { SEGMENTS } else { 0 };
            let work = answer.work;
            assert_eq!(work.remote_requests, sent, "{requests} requests, payloads {payload}, exact {exact}");
            assert_eq!(work.remote_requests > 0, work.remote_bytes > 0);
            let hits = &answer.hits;
            assert_eq!(hits.len(), 20);
            for hit in hits {
                let row = rows.iter().find(|row| row.id == hit.id).unwrap();
                assert_eq!(hit.payload.as_ref(), payload.then_some(&row.payload));
            }
            // In a segment of 700 rows nothing is farther apart than is read along.
            let most = if payload { requests as u64 + SEGMENTS } else { requests as u64 };
            assert!(sent <= most, "{sent} for {requests}, payloads {payload}");
            above += u64::from(sent > requests as u64);
            gathered += u64::from(payload && requests > 1 && sent == requests as u64);
            if requests == 16 {
                assert!(sent <= 16, "{sent}");
            }
        }
    }
    assert!(gathered > 0 && above > 0, "{gathered} {above}: neither was tried");
    // Together they read what they have in common once, and each says what it would cost alone.
    let queries: Vec<f32> = (0..40).flat_map(|_| query(&mut rng)).collect();
    let before = faults.struck();
    let answers = collection.search_batch(&queries, 20, &SearchOptions::new()).await.unwrap();
    let sent = faults.struck() - before;
    assert!(sent < answers.iter().map(|answer| answer.work.remote_requests).sum());
    for (query, answer) in queries.chunks(DIMS).zip(answers) {
        let alone = collection.search(query, 20, &SearchOptions::new()).await.unwrap();
        assert_eq!(alone.hits.len(), answer.hits.len());
        assert!(answer.hits.iter().all(|hit| hit.payload.is_some()));
        assert!(alone.work.remote_requests <= 16 && answer.work.remote_requests <= 16);
    }
}
