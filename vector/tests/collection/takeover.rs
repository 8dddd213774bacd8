//! Writers that take over from each other, and work that overlaps: each test is a race that lost or doubled rows once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{Env, ErrorKind, Op, Store};
use larder_vector::{Collection, Id, Metric, Row, VectorStore};

use crate::places::{memory, open, options};

const PAUSE: Duration = Duration::from_millis(300);

fn row(n: u64) -> Row {
    Row::new(n, vec![n as f32, 1.0, 0.5])
}

fn rows(from: u64, to: u64) -> Vec<Row> {
    (from..to).map(row).collect()
}

/// A store of its own over the same objects, a call of which is held up.
fn slow(store: &Arc<dyn Store>, fault: Fault) -> (Arc<dyn Store>, Faults) {
    let faults = Faults::new(1, [fault.delay(PAUSE)]).unwrap();
    faults.disable();
    (Arc::new(FaultStore::new(store.clone(), faults.clone())), faults)
}

async fn ids(collection: &Collection) -> BTreeSet<u64> {
    let all: Vec<Row> = collection.scan().try_collect().await.unwrap();
    let number = |row: &Row| if let Id::Num(n) = row.id { n } else { panic!("{}", row.id) };
    let ids: BTreeSet<u64> = all.iter().map(number).collect();
    assert_eq!(ids.len(), all.len(), "a row is there twice");
    for id in &ids {
        assert!(collection.get(&(*id).into()).await.unwrap().is_some(), "{id}");
    }
    ids
}

async fn reopened(store: &Arc<dyn Store>) -> BTreeSet<u64> {
    ids(&open(store, options(3, Metric::L2)).await).await
}

#[tokio::test]
async fn a_writer_that_slept_is_fenced_though_its_slot_was_sealed() {
    let store = memory();
    let first = open(&store, options(3, Metric::L2)).await;
    first.upsert(rows(1, 5)).await.unwrap();
    let second = open(&store, options(3, Metric::L2)).await;
    second.upsert(rows(5, 9)).await.unwrap();
    second.flush().await.unwrap();
    let error = first.upsert(rows(9, 12)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(error.to_string().contains("open the collection again"), "{error}");
    assert_eq!(first.flush().await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(reopened(&store).await, (1..9).collect());
}

/// Whoever reads a long log anew each time takes longer for it than a busy writer leaves between two writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_writer_with_a_long_log_is_taken_over_from() {
    let store = memory();
    let options = options(3, Metric::L2).with_seal_rows(60_000);
    let first = open(&store, options.clone()).await;
    for n in 0..20_000 {
        first.upsert(vec![row(n)]).await.unwrap();
    }
    let (told, until) = tokio::sync::oneshot::channel();
    Env::system().spawn(async move {
        for n in 20_000.. {
            if let Err(error) = first.upsert(vec![row(n)]).await {
                return told.send((n, error)).unwrap();
            }
            Env::system().sleep(Duration::from_millis(1)).await;
        }
    });
    let second = open(&store, options).await;
    let (until, error) = until.await.unwrap();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(ids(&second).await, (0..until).collect());
}

/// The first seals and removes slots between two steps of the second's opening.
async fn sealed_while_opened(fault: Fault) {
    let store = memory();
    let first = open(&store, options(3, Metric::L2)).await;
    first.upsert(rows(1, 5)).await.unwrap();
    let (second_store, faults) = slow(&store, fault);
    faults.enable();
    let opened = open(&second_store, options(3, Metric::L2));
    let written = async {
        Env::system().sleep(PAUSE / 3).await;
        first.upsert(rows(5, 9)).await.unwrap();
        first.flush().await.unwrap();
        first.upsert(rows(9, 12)).await.unwrap();
    };
    let (second, ()) = tokio::join!(opened, written);
    assert_eq!(faults.struck(), 1, "nothing was held up");
    assert_eq!(ids(&second).await, (1..12).collect());
    assert_eq!(first.upsert(rows(50, 51)).await.unwrap_err().kind(), ErrorKind::Conflict);
    second.upsert(rows(12, 14)).await.unwrap();
    assert_eq!(reopened(&store).await, (1..14).collect());
}

#[tokio::test]
async fn what_is_sealed_before_the_log_is_listed_is_not_lost() {
    sealed_while_opened(Fault::before([Op::List]).nth(1)).await;
}

#[tokio::test]
async fn what_is_sealed_before_a_slot_is_taken_is_not_lost() {
    sealed_while_opened(Fault::before([Op::Put]).keys("wal/").nth(1)).await;
}

#[tokio::test]
async fn what_is_sealed_before_the_manifest_is_claimed_is_not_lost() {
    sealed_while_opened(Fault::after([Op::List]).nth(1)).await;
}

#[tokio::test]
async fn writers_that_open_at_once_both_open() {
    for _ in 0..4 {
        let store = memory();
        open(&store, options(3, Metric::L2)).await;
        // All hold their slot's put up, so that they take the same one at once.
        let both: Vec<_> = (0..3)
            .map(|_| slow(&store, Fault::before([Op::Put]).keys("wal/").nth(1)))
            .map(|(store, faults)| {
                faults.enable();
                async move { Collection::open(store, options(3, Metric::L2)).await }
            })
            .collect();
        for opened in futures_util::future::join_all(both).await {
            opened.unwrap();
        }
    }
}

#[tokio::test]
async fn a_writer_that_was_fenced_writes_over_no_bitmap() {
    let store = memory();
    let (first_store, faults) = slow(&store, Fault::before([Op::Put]).keys("seg/").nth(1));
    let first = open(&first_store, options(3, Metric::L2)).await;
    first.upsert(rows(1, 21)).await.unwrap();
    first.flush().await.unwrap();
    first.delete(vec![1.into()]).await.unwrap();
    faults.enable();
    let late = first.flush();
    let taken = async {
        Env::system().sleep(PAUSE / 3).await;
        let second = open(&store, options(3, Metric::L2)).await;
        second.delete(vec![2.into(), 3.into()]).await.unwrap();
        second.flush().await.unwrap();
    };
    let (late, ()) = tokio::join!(late, taken);
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(faults.struck(), 1, "nothing was held up");
    assert_eq!(reopened(&store).await, (4..21).collect());
}

#[tokio::test]
async fn what_is_sealed_twice_while_segments_are_rewritten_stays_dead() {
    let store = memory();
    let (slow, faults) = slow(&store, Fault::before([Op::Put]).keys("seg/").nth(1));
    let collection = open(&slow, options(3, Metric::L2)).await;
    for from in [1, 101] {
        collection.upsert(rows(from, from + 100)).await.unwrap();
        collection.flush().await.unwrap();
    }
    faults.enable();
    let sealed = async {
        Env::system().sleep(PAUSE / 3).await;
        for n in 1..4 {
            collection.delete(vec![n.into()]).await.unwrap();
            collection.upsert(vec![row(n + 10)]).await.unwrap();
            collection.flush().await.unwrap();
        }
    };
    let (done, ()) = tokio::join!(collection.optimize(), sealed);
    done.unwrap();
    assert_eq!(faults.struck(), 1, "nothing was held up");
    assert_eq!(ids(&collection).await, (4..201).collect());
    assert_eq!(collection.stats().rows, 197);
    assert_eq!(reopened(&store).await, (4..201).collect());
}

#[tokio::test]
async fn a_row_that_is_replaced_while_it_is_looked_for_is_found() {
    let store = memory();
    let writer = open(&store, options(3, Metric::L2)).await;
    writer.upsert(rows(1, 40)).await.unwrap();
    writer.flush().await.unwrap();
    writer.close().await.unwrap();
    for scan in [false, true] {
        let (slow, faults) = slow(&store, Fault::before([Op::Get]).keys("seg/").nth(1));
        let collection = open(&slow, options(3, Metric::L2)).await;
        faults.enable();
        let replaced = async {
            Env::system().sleep(PAUSE / 3).await;
            collection.upsert(vec![row(7)]).await.unwrap();
        };
        let looked = async {
            match scan {
                true => assert_eq!(ids(&collection).await, (1..40).collect()),
                false => assert!(collection.get(&7.into()).await.unwrap().is_some(), "a row that is there"),
            }
        };
        tokio::join!(looked, replaced);
        assert_eq!(faults.struck(), 1, "nothing was held up");
    }
}
