//! What is read when a collection is opened.

use std::sync::Arc;

use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{Op, Store};
use larder_vector::{Metric, Role, Row, SearchOptions, VectorStore};

use crate::places::{memory, open, options};

const SEGMENTS: u64 = 1000;
const READS: [Op; 4] = [Op::Get, Op::GetStream, Op::Head, Op::List];

/// Reads of keys that begin so: each is looked at, and none goes wrong.
fn counted(prefix: &str) -> Faults {
    Faults::new(1, [Fault::before(READS).keys(prefix).nth(u64::MAX)]).unwrap()
}

fn asked(faults: &Faults, op: Op) -> u64 {
    faults.cells().iter().filter(|cell| cell.op == op).map(|cell| cell.asked).sum()
}

#[tokio::test]
async fn a_thousand_segments_are_opened_by_their_manifest_and_the_end_of_the_log() {
    let store = memory();
    let collection = open(&store, options(2, Metric::L2).with_seal_rows(2)).await;
    let row = |id: u64| Row::new(id, vec![id as f32, 1.0]);
    for segment in 0..SEGMENTS {
        collection.upsert(vec![row(2 * segment), row(2 * segment + 1)]).await.unwrap();
        collection.flush().await.unwrap();
    }
    collection.upsert(vec![row(2 * SEGMENTS)]).await.unwrap();
    assert_eq!(collection.stats().segments as u64, SEGMENTS);
    drop(collection);

    for role in [Role::Reader, Role::Writer] {
        let (all, manifest, log) = (counted(""), counted("manifest"), counted("wal/"));
        let mut seen: Arc<dyn Store> = store.clone();
        for faults in [&all, &manifest, &log] {
            seen = Arc::new(FaultStore::new(seen, faults.clone()));
        }
        let opened = open(&seen, options(2, Metric::L2).with_role(role)).await;
        for op in READS {
            let known = asked(&manifest, op) + asked(&log, op);
            assert_eq!(asked(&all, op), known, "{role:?}: {op:?} of what is neither manifest nor log");
        }
        let gets = asked(&all, Op::Get) + asked(&all, Op::GetStream) + asked(&all, Op::Head);
        println!("{role:?}: {gets} reads, {} listings", asked(&all, Op::List));
        // The manifest, whether it is still that one, what is in the log; a writer claims it as well.
        assert!(gets <= 8, "{role:?}: {gets} reads");
        assert_eq!(asked(&all, Op::List), 1, "{role:?}");

        let exact = SearchOptions::new().with_exact(true);
        let answer = opened.search(&[777.0, 1.0], 1, &exact).await.unwrap();
        assert_eq!(answer.hits[0].id, 777.into());
        assert!(asked(&all, Op::Get) >= SEGMENTS, "the counting is for nothing");
    }
}
