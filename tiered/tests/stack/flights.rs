//! Many readers, one request.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use larder_store_core::layer::fault::{Fault, FaultStore, Faults, When};
use larder_store_core::{Call, Env, ErrorKind, GetOptions, Key, Op, Store, StoreExt};
use larder_tiered::TieredStore;

use crate::make::{local, object_front, settle, slow_front, stacks};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_misses_of_one_key_are_one_read() {
    for (name, origin, store) in stacks(local).await {
        origin.put("k", "v").await.unwrap();
        let gets = (0..10_000).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.get("k").await.unwrap().unwrap() })
        });
        for got in join_all(gets).await {
            assert_eq!(got.unwrap(), "v", "{name}");
        }
        assert_eq!(origin.reads(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_reader_who_missed_the_front_before_a_flight_filled_it_looks_again() {
    let (origin, front) = (local(), slow_front());
    origin.put("k", "v").await.unwrap();
    let store = TieredStore::builder(origin.clone()).front(front.clone()).open().await.unwrap();
    let missed = front.hold(Op::Get, When::After);
    let late = tokio::spawn({
        let store = store.clone();
        async move { store.get("k").await }
    });
    missed.reached().await;
    assert_eq!(store.get("k").await.unwrap().unwrap(), "v");
    settle(&store).await;
    missed.release();
    assert_eq!(late.await.unwrap().unwrap().unwrap(), "v");
    assert_eq!(origin.reads(), 1);
}

#[tokio::test]
async fn a_leader_that_goes_away_at_any_await_takes_nothing_with_him() {
    for polls in 0..6 {
        for (name, origin, store) in stacks(local).await {
            origin.put("k", "v").await.unwrap();
            let held = origin.hold(Op::Get, When::Before);
            let mut leader = Box::pin(store.get("k"));
            for _ in 0..polls {
                assert!((&mut leader).now_or_never().is_none(), "{name}");
                tokio::task::yield_now().await;
            }
            let others: Vec<_> = (0..100)
                .map(|_| {
                    let store = store.clone();
                    tokio::spawn(async move { store.get("k").await })
                })
                .collect();
            tokio::task::yield_now().await;
            drop(leader);
            held.reached().await;
            held.release();
            for other in others {
                assert_eq!(other.await.unwrap().unwrap().unwrap(), "v", "{name}, {polls} polls");
            }
            assert_eq!(origin.reads(), 1, "{name}, {polls} polls");
        }
    }
}

#[tokio::test]
async fn a_dead_origin_answers_all_who_joined_once() {
    let origin = local();
    let faults = Faults::new(1, [Fault::before([Op::Get]).fail(ErrorKind::Unavailable)]).unwrap();
    let broken = FaultStore::new(origin.clone(), faults.clone());
    let store = TieredStore::builder(broken).front(slow_front()).open().await.unwrap();
    let gets: Vec<_> = (0..1000)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.get("k").await })
        })
        .collect();
    for got in gets {
        assert_eq!(got.await.unwrap().unwrap_err().kind(), ErrorKind::Unavailable);
    }
    let asked: u64 = faults.cells().iter().map(|cell| cell.struck).sum();
    assert_eq!(asked, 1);
    // And nobody who comes later.
    faults.disable();
    origin.put("k", "v").await.unwrap();
    assert_eq!(store.get("k").await.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn each_reader_keeps_his_own_deadline() {
    let origin = local();
    origin.put("k", "v").await.unwrap();
    let store = TieredStore::builder(origin.clone()).front(object_front()).open().await.unwrap();
    let held = origin.hold(Op::Get, When::Before);
    let patient = tokio::spawn({
        let store = store.clone();
        async move { store.get("k").await }
    });
    held.reached().await;
    let short = GetOptions::new().with_call(Call::within(&Env::system(), Duration::from_millis(20)));
    let error = store.get_opts(&Key::new("k").unwrap(), &short).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    held.release();
    assert_eq!(patient.await.unwrap().unwrap().unwrap(), "v");
    assert_eq!(origin.reads(), 1);
}

#[tokio::test]
async fn ranges_and_heads_join_the_flight_for_the_whole_value() {
    let origin = local();
    origin.put("k", "0123456789").await.unwrap();
    let store = TieredStore::builder(origin.clone()).front(object_front()).open().await.unwrap();
    let held = origin.hold(Op::Get, When::After);
    let whole = tokio::spawn({
        let store = store.clone();
        async move { store.get("k").await }
    });
    held.reached().await;
    let key = Arc::new(Key::new("k").unwrap());
    let part = tokio::spawn({
        let (store, key) = (store.clone(), key.clone());
        async move { store.get_opts(&key, &GetOptions::new().with_range(8..)).await }
    });
    let head = tokio::spawn({
        let store = store.clone();
        async move { store.head("k").await }
    });
    while store.stats().joined < 2 {
        tokio::task::yield_now().await;
    }
    held.release();
    assert_eq!(whole.await.unwrap().unwrap().unwrap().len(), 10);
    assert_eq!(part.await.unwrap().unwrap().into_body().unwrap(), "89");
    assert_eq!(head.await.unwrap().unwrap().unwrap().size, Some(10));
    settle(&store).await;
    assert_eq!(origin.reads(), 1);
}
