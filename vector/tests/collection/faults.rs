//! Collections over a store whose calls go wrong: what was acknowledged is there, and what was not is there whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{ErrorKind, Op, Store};
use larder_vector::{Collection, CollectionOptions, Id, Metric, Row, SearchOptions, VectorStore};

use crate::places::{memory, open, options};

pub(crate) const DIMS: u32 = 4;
pub(crate) const IDS: u64 = 60;

pub(crate) fn small() -> CollectionOptions {
    options(DIMS, Metric::L2).with_seal_rows(20).with_book_rows(1000)
}

/// The row that write number `write` gives an id.
pub(crate) fn row(id: u64, write: u64) -> Row {
    let mut rng = fastrand::Rng::with_seed(id << 32 | write);
    let mut payload = vec![0xa1, 0x61, b'w', 0x1b];
    payload.extend_from_slice(&write.to_be_bytes());
    Row::new(id, (0..DIMS).map(|_| rng.f32()).collect()).with_payload(payload)
}

/// The write that a row comes from, 0 for none.
pub(crate) fn write_of(row: Option<&Row>) -> u64 {
    let Some(row) = row else { return 0 };
    let write = u64::from_be_bytes(*row.payload.last_chunk().unwrap());
    let Id::Num(id) = row.id else { panic!("{}", row.id) };
    assert_eq!(*row, self::row(id, write), "no row that anybody wrote");
    write
}

/// What each id may hold.
#[derive(Debug, Default)]
struct Model(BTreeMap<u64, BTreeSet<u64>>);

impl Model {
    /// `Some(true)`: made; `Some(false)`: not made; `None`: nobody knows.
    fn take(&mut self, ids: &[u64], value: u64, made: Option<bool>) {
        for id in ids {
            let may = self.0.entry(*id).or_insert_with(|| [0].into());
            match made {
                Some(false) => continue,
                Some(true) => may.clear(),
                None => {}
            }
            may.insert(value);
        }
    }

    /// Compares with what there is, which is known from here on.
    async fn settle(&mut self, collection: &Collection, what: &str) {
        let mut there = BTreeMap::new();
        for row in collection.scan().try_collect::<Vec<_>>().await.unwrap() {
            let Id::Num(id) = row.id else { panic!("{what}: {}", row.id) };
            assert!(there.insert(id, row).is_none(), "{what}: {id} is there twice");
        }
        for id in 0..IDS {
            let is = write_of(there.get(&id));
            let may = self.0.entry(id).or_insert_with(|| [0].into());
            assert!(may.contains(&is), "{what}: {id} holds {is}, and may hold {may:?}");
            assert_eq!(collection.get(&id.into()).await.unwrap().as_ref(), there.get(&id), "{what}: {id}");
            *may = [is].into();
        }
        let query = [0.5; DIMS as usize];
        let exact = SearchOptions::new().with_exact(true);
        let answer = collection.search(&query, 10, &exact).await.unwrap();
        let mut right: Vec<(f32, u64)> =
            there.iter().map(|(id, row)| (Metric::L2.distance(&query, &row.vector), *id)).collect();
        right.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        right.truncate(10);
        let seen: Vec<_> = answer.hits.iter().map(|hit| (hit.distance, hit.id.clone())).collect();
        let right: Vec<_> = right.into_iter().map(|(distance, id)| (distance, Id::Num(id))).collect();
        assert_eq!(seen, right, "{what}");
        assert_eq!(collection.stats().rows, there.len() as u64, "{what}");
    }
}

/// One step of a writer, its store failing or not; what it is told goes into the model.
async fn step(collection: &Collection, model: &mut Model, rng: &mut fastrand::Rng, write: u64) {
    let ids: Vec<u64> = (0..rng.u64(1..6)).map(|_| rng.u64(..IDS)).collect();
    let (value, done) = match rng.u8(..20) {
        0..10 => (write, collection.upsert(ids.iter().map(|id| row(*id, write)).collect()).await),
        10..15 => (0, collection.delete(ids.iter().map(|id| (*id).into()).collect()).await),
        what => {
            let done = match what {
                15..18 => collection.flush().await,
                18 => collection.vacuum().await,
                _ => collection.optimize().await,
            };
            if let Err(error) = done {
                assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Unknown), "{error}");
            }
            return;
        }
    };
    let made = match done {
        Ok(()) => Some(true),
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Unknown), "{error}");
            error.settled().then_some(false)
        }
    };
    model.take(&ids, value, made);
}

async fn storm(seed: u64, rate: f64, rounds: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let store = memory();
    let rules = [
        Fault::before([Op::Put, Op::Get, Op::List, Op::DeleteMany]).rate(rate),
        Fault::after([Op::Put]).rate(rate),
        Fault::after([Op::Get]).rate(rate / 2.0),
        // What the service answers where it does not know: nothing was done, though nobody can tell.
        Fault::before([Op::Put]).fail(ErrorKind::Unknown).settled(false).rate(rate / 2.0),
    ];
    let faults = Faults::new(seed, rules).unwrap();
    let mut model = Model::default();
    for round in 0..rounds {
        faults.disable();
        let wrapped: Arc<dyn Store> = Arc::new(FaultStore::new(store.clone(), faults.clone()));
        let collection = open(&wrapped, small()).await;
        let what = format!("seed {seed}, rate {rate}, round {round}");
        model.settle(&collection, &format!("{what}, opened")).await;
        faults.enable();
        for n in 1..60 {
            step(&collection, &mut model, &mut rng, round << 16 | n).await;
        }
        faults.disable();
        if rng.bool() {
            // The next write finds out what became of those before.
            collection.upsert(vec![row(0, round << 16 | 60)]).await.unwrap();
            model.take(&[0], round << 16 | 60, Some(true));
            model.settle(&collection, &what).await;
            collection.flush().await.unwrap();
            collection.vacuum().await.unwrap();
            model.settle(&collection, &format!("{what}, sealed")).await;
        }
    }
    assert!(faults.struck() > 10, "seed {seed}: nothing went wrong");
}

#[tokio::test]
async fn what_was_acknowledged_is_there_whatever_fails() {
    let seed = std::env::var("LARDER_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..1 << 40));
    println!("seed {seed}");
    for (at, rate) in [0.02, 0.1, 0.3].into_iter().enumerate() {
        storm(seed + at as u64, rate, 12).await;
    }
}

/// The answer to a manifest's replacement is lost, at each one of a run of seals and rewrites.
#[tokio::test]
async fn answers_about_the_manifest_may_be_lost() {
    for nth in 1..24 {
        let store = memory();
        let faults = Faults::new(1, [Fault::after([Op::Put]).keys("manifest").nth(nth)]).unwrap();
        let down = Faults::new(1, [Fault::before([Op::Get]).keys("manifest")]).unwrap();
        down.disable();
        let wrapped = FaultStore::new(FaultStore::new(store.clone(), faults.clone()), down.clone());
        let wrapped: Arc<dyn Store> = Arc::new(wrapped);
        let collection = open(&wrapped, small()).await;
        let mut model = Model::default();
        let mut rng = fastrand::Rng::with_seed(nth);
        for n in 1..200 {
            // For every other one the manifest cannot be read either, so that only the next replacement finds out.
            if nth % 2 == 0 {
                down.enable()
            }
            step(&collection, &mut model, &mut rng, n).await;
            down.disable();
        }
        model.settle(&collection, &format!("answer {nth} lost")).await;
        let collection = open(&store, small()).await;
        model.settle(&collection, &format!("answer {nth} lost, opened again")).await;
        assert_eq!(faults.struck(), 1, "answer {nth}");
    }
}

/// A rewrite is made and nobody is told: what is found out later, in the middle of the next one, was rewritten already.
#[tokio::test]
async fn what_is_rewritten_twice_as_an_answer_was_lost_is_there_once() {
    for seal_between in [false, true] {
        let store = memory();
        // The second replacement of a rewrite is the one that puts its segments in place.
        let faults = Faults::new(1, [Fault::after([Op::Put]).keys("manifest").nth(2)]).unwrap();
        let down = Faults::new(1, [Fault::before([Op::Get]).keys("manifest")]).unwrap();
        faults.disable();
        down.disable();
        let wrapped = FaultStore::new(FaultStore::new(store.clone(), faults.clone()), down.clone());
        let wrapped: Arc<dyn Store> = Arc::new(wrapped);
        let collection = open(&wrapped, small()).await;
        let mut model = Model::default();
        for part in 0..3 {
            let ids: Vec<u64> = (part * 15..(part + 1) * 15).collect();
            collection.upsert(ids.iter().map(|id| row(*id, 1)).collect()).await.unwrap();
            collection.flush().await.unwrap();
            model.take(&ids, 1, Some(true));
        }
        faults.enable();
        down.enable();
        assert!(collection.optimize().await.is_err(), "nobody was told");
        assert_eq!(faults.struck(), 1);
        down.disable();
        if seal_between {
            collection.upsert(vec![row(3, 2)]).await.unwrap();
            model.take(&[3], 2, Some(true));
        }
        collection.optimize().await.unwrap();
        model.settle(&collection, "rewritten twice").await;
        collection.flush().await.unwrap();
        collection.optimize().await.unwrap();
        model.settle(&collection, "rewritten again").await;
        model.settle(&open(&store, small()).await, "opened again").await;
    }
}

/// Seeds that have found something.
#[tokio::test]
async fn storms_that_did_harm_once() {
    storm(198_518_913_686, 0.02, 12).await;
}

#[tokio::test]
async fn a_write_may_be_dropped_at_any_poll() {
    let store = memory();
    let delays = [Fault::before([Op::Put]).delay(Duration::from_micros(200)).rate(0.5)];
    let faults = Faults::new(1, delays).unwrap();
    let wrapped: Arc<dyn Store> = Arc::new(FaultStore::new(store.clone(), faults));
    let collection = open(&wrapped, small()).await;
    let mut model = Model::default();
    let mut rng = fastrand::Rng::with_seed(3);
    let mut dropped = 0;
    for write in 1..600 {
        let ids: Vec<u64> = (0..rng.u64(1..6)).map(|_| rng.u64(..IDS)).collect();
        let polls = rng.u32(..4);
        let flush = rng.u8(..8) == 0;
        let work = async {
            match flush {
                true => collection.flush().await,
                false => collection.upsert(ids.iter().map(|id| row(*id, write)).collect()).await,
            }
        };
        let mut work = std::pin::pin!(work);
        let mut polled = 0;
        let done = std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if polled == polls => Poll::Ready(None),
            Poll::Pending => {
                polled += 1;
                Poll::Pending
            }
        });
        let done = done.await;
        dropped += u32::from(done.is_none());
        if !flush {
            model.take(&ids, write, done.map(|done| done.is_ok()));
        }
    }
    assert!(dropped > 50, "{dropped} were dropped");
    // Writes of callers that are gone are done when one behind them is.
    collection.upsert(vec![row(0, 1000)]).await.unwrap();
    model.take(&[0], 1000, Some(true));
    model.settle(&collection, "dropped").await;
    collection.close().await.unwrap();
    let collection = open(&store, small()).await;
    model.settle(&collection, "opened again").await;
}
