//! Segments cannot be written for long: memory stays bounded, writes say why they are refused, and go on when they can.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use larder_store_core::conformance::TestClock;
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{Env, Error, ErrorKind, Op, Store};
use larder_vector::{Collection, CollectionOptions, Id, Row, VectorStore};

use crate::faults::{IDS, row, small};
use crate::places::{memory, objects, open};

const BATCH: u64 = 5;
const SEAL: u64 = 20;
/// Four tables, each with a batch more than makes it full.
const MOST: u64 = 4 * (SEAL + BATCH);

fn by_itself() -> CollectionOptions {
    small().with_seal_rows(SEAL as usize).with_background(true).with_rebalance(Duration::ZERO)
}

fn broken(store: &Arc<dyn Store>, fault: Fault) -> (Arc<dyn Store>, Faults) {
    let faults = Faults::new(1, [fault]).unwrap();
    (Arc::new(FaultStore::new(store.clone(), faults.clone())), faults)
}

/// Writes batches of new ids until one is refused; how many rows were acknowledged.
async fn until_refused(collection: &Collection) -> (u64, Error) {
    for batch in 0..IDS * 10 {
        let rows = (batch * BATCH..(batch + 1) * BATCH).map(|id| row(id, 1)).collect();
        if let Err(error) = collection.upsert(rows).await {
            return (batch * BATCH, error);
        }
        // Seals in the background find out.
        Env::system().sleep(Duration::from_millis(2)).await;
    }
    panic!("nothing is refused: {:?}", collection.stats());
}

async fn ids(collection: &Collection) -> Vec<Id> {
    let mut ids: Vec<Id> = collection.scan().map_ok(|row| row.id).try_collect().await.unwrap();
    ids.sort();
    ids
}

async fn refused_and_taken_up(kind: ErrorKind) {
    let store = memory();
    let (wrapped, faults) = broken(&store, Fault::before([Op::Put]).keys("seg/").fail(kind));
    let clock = TestClock::new();
    let collection = open(&wrapped, by_itself().with_env(clock.env())).await;
    let (acknowledged, error) = until_refused(&collection).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.kind().is_retryable() && error.settled(), "{error:?}");
    assert!(error.why().contains("tables wait for being sealed") && error.why().contains("seg/"), "{error}");
    assert!(error.why().contains(&kind.to_string()), "{error}");
    assert!(error.advice().is_some_and(|advice| advice.contains("nothing was written")), "{error}");
    assert!((4 * SEAL..=MOST).contains(&acknowledged), "{acknowledged}");
    let struck = faults.struck();
    for n in 0..300 {
        let more = collection.upsert(vec![row(10_000 + n, 2)]).await.unwrap_err();
        assert!(more.settled() && more.is(ErrorKind::Unavailable), "{more}");
        let gone = collection.delete(vec![0.into()]).await.unwrap_err();
        assert!(gone.settled() && gone.is(ErrorKind::Unavailable), "{gone}");
        clock.advance(Duration::from_secs(1));
        Env::system().sleep(Duration::from_micros(100)).await;
    }
    assert!(faults.struck() > struck + 3, "seals are tried again: {} {struck}", faults.struck());
    let stats = collection.stats();
    assert_eq!((stats.unsealed, stats.rows), (acknowledged, acknowledged), "{stats:?}");
    assert!(stats.unsealed_bytes < 100_000, "{stats:?}");
    let right: Vec<Id> = (0..acknowledged).map(Id::Num).collect();
    assert_eq!(ids(&collection).await, right);

    faults.disable();
    let mut refused = 0;
    while let Err(error) = collection.upsert(vec![row(9_999, 3)]).await {
        assert!(error.is(ErrorKind::Unavailable), "{error}");
        refused += 1;
        assert!(refused < 1000, "{error}");
        clock.advance(Duration::from_secs(1));
        Env::system().sleep(Duration::from_millis(5)).await;
    }
    assert!(refused > 0, "the first one after it finds the tables still there");
    collection.flush().await.unwrap();
    let stats = collection.stats();
    assert_eq!((stats.unsealed, stats.rows), (0, acknowledged + 1), "{stats:?}");
    let right: Vec<Id> = (0..acknowledged).chain([9_999]).map(Id::Num).collect();
    assert_eq!(ids(&collection).await, right);
    collection.close().await.unwrap();
    let again = open(&store, small()).await;
    assert_eq!(ids(&again).await, right, "opened again");
}

#[tokio::test]
async fn writes_are_refused_while_segments_cannot_be_written_and_go_on_by_themselves() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Full, ErrorKind::Denied] {
        refused_and_taken_up(kind).await;
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_kill_is_there_and_a_flush_seals_it_at_once() {
    let store = memory();
    let (wrapped, faults) = broken(&store, Fault::before([Op::Put]).keys("seg/"));
    let collection = open(&wrapped, by_itself()).await;
    let (acknowledged, _) = until_refused(&collection).await;
    drop(collection);
    // Opened again it has all of it in one table, and takes up no four more.
    let collection = open(&wrapped, by_itself()).await;
    assert_eq!(ids(&collection).await.len() as u64, acknowledged);
    let mut more = 0;
    while collection.upsert(vec![row(10_000 + more, 1)]).await.is_ok() {
        more += 1;
        assert!(more <= SEAL, "{:?}", collection.stats());
    }
    faults.disable();
    collection.flush().await.unwrap();
    collection.upsert(vec![row(9_999, 1)]).await.unwrap();
    assert_eq!(collection.stats().unsealed, 1);
    assert_eq!(ids(&collection).await.len() as u64, acknowledged + more + 1);
}

#[tokio::test]
async fn where_sealing_is_slow_writes_wait_and_are_not_refused() {
    let store = memory();
    let delay = Fault::before([Op::Put]).keys("seg/").delay(Duration::from_millis(3));
    let (wrapped, _) = broken(&store, delay);
    let collection = open(&wrapped, by_itself()).await;
    for batch in 0..100 {
        collection.upsert((batch * BATCH..(batch + 1) * BATCH).map(|id| row(id, 1)).collect()).await.unwrap();
        let unsealed = collection.stats().unsealed;
        assert!(unsealed <= MOST, "{unsealed}");
    }
    assert_eq!(ids(&collection).await.len() as u64, 100 * BATCH);
    collection.close().await.unwrap();
}

#[tokio::test]
async fn a_writer_that_was_fenced_says_so_though_its_tables_wait() {
    let store = memory();
    let (wrapped, _) = broken(&store, Fault::before([Op::Put]).keys("seg/"));
    let first = open(&wrapped, by_itself()).await;
    until_refused(&first).await;
    let second = open(&store, small()).await;
    second.upsert(vec![row(1, 9)]).await.unwrap();
    // It is told by the manifest, which it replaces once segments can be written.
    assert!(first.upsert(vec![row(1, 8)]).await.unwrap_err().is(ErrorKind::Unavailable));
    let (healed, faults) = broken(&store, Fault::before([Op::Put]).keys("seg/"));
    let third = open(&healed, by_itself()).await;
    until_refused(&third).await;
    let fourth = open(&store, small()).await;
    faults.disable();
    assert!(third.flush().await.unwrap_err().is(ErrorKind::Conflict));
    assert!(third.upsert(vec![row(1, 7)]).await.unwrap_err().is(ErrorKind::Conflict));
    fourth.upsert(vec![row(1, 10)]).await.unwrap();
}

/// Whoever has no background is told by `flush`, and bounds it by when it is called.
#[tokio::test]
async fn without_a_background_a_flush_that_fails_refuses_nothing() {
    let store = memory();
    let (wrapped, faults) = broken(&store, Fault::before([Op::Put]).keys("seg/"));
    let collection = open(&wrapped, small()).await;
    for n in 0..10 {
        collection.upsert((n * 40..(n + 1) * 40).map(|id| row(id, 1)).collect()).await.unwrap();
        assert!(collection.flush().await.unwrap_err().is(ErrorKind::Unavailable));
    }
    assert_eq!(collection.stats().unsealed, 400);
    faults.disable();
    collection.flush().await.unwrap();
    assert_eq!((collection.stats().unsealed, ids(&collection).await.len()), (0, 400));
}

#[tokio::test]
async fn rows_are_the_same_after_an_outage() {
    let store = memory();
    let (wrapped, faults) = broken(&store, Fault::before([Op::Put]).keys("seg/"));
    let collection = open(&wrapped, by_itself()).await;
    let (acknowledged, _) = until_refused(&collection).await;
    faults.disable();
    collection.flush().await.unwrap();
    let rows: Vec<Row> = collection.scan().try_collect().await.unwrap();
    assert_eq!(rows.len() as u64, acknowledged);
    for there in rows {
        let Id::Num(id) = there.id else { panic!("{}", there.id) };
        assert_eq!(there, row(id, 1));
    }
}

#[tokio::test]
async fn tries_that_fail_leave_nothing_behind_and_train_once() {
    let store = memory();
    let (wrapped, faults) = broken(&store, Fault::before([Op::Put]).keys("seg/").rate(0.8));
    let collection = open(&wrapped, small().with_book_rows(30)).await;
    collection.upsert((0..50).map(|id| row(id, 1)).collect()).await.unwrap();
    let mut failed = 0;
    for _ in 0..40 {
        failed += u32::from(collection.flush().await.is_err());
        if failed > 0 && collection.stats().segments == 0 {
            let left = objects(&store).await;
            assert!(left.iter().all(|key| !key.starts_with("seg/")), "{left:?}");
            assert_eq!(left.iter().filter(|key| key.starts_with("book/")).count(), 1, "{left:?}");
        }
    }
    assert!(failed > 10, "{failed}: {:?}", faults.cells());
    faults.disable();
    collection.flush().await.unwrap();
    let stats = collection.stats();
    assert_eq!((stats.rows, stats.unsealed, stats.codebooks), (50, 0, 1), "{stats:?}");
    drop(collection);
    let again = open(&store, small().with_book_rows(30)).await;
    assert_eq!(ids(&again).await, (0..50).map(Id::Num).collect::<Vec<_>>());
}
