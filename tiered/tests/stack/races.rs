//! Interleavings in which other caches lie.

use futures_util::FutureExt;
use larder_store_core::config::Freshness;
use larder_store_core::layer::fault::When;
use larder_store_core::{Call, Env, ErrorKind, Key, Op, PutOptions, Store, StoreExt};
use larder_tiered::TieredStore;

use crate::make::{local, object_front, remote, settle, slow_front, stacks};

/// Runs a call as a task of its own.
macro_rules! begin {
    ($store:ident.$($call:tt)+) => {{
        let $store = $store.clone();
        tokio::spawn(async move { $store.$($call)+.await })
    }};
}

#[tokio::test]
async fn a_fill_across_an_open_write_is_lost() {
    for (name, origin, store) in stacks(local).await {
        origin.put("k", "old").await.unwrap();
        // The read has its answer, and is held up on its way back.
        let read = origin.hold(Op::Get, When::After);
        let reader = begin!(store.get("k"));
        read.reached().await;
        store.put("k", "new").await.unwrap();
        read.release();
        assert_eq!(reader.await.unwrap().unwrap().unwrap(), "old", "{name}: current when it was read");
        settle(&store).await;
        assert_eq!(store.get("k").await.unwrap().unwrap(), "new", "{name}");
    }
}

#[tokio::test]
async fn a_read_that_begins_under_an_open_write_fills_nothing() {
    for (name, origin, store) in stacks(local).await {
        origin.put("k", "old").await.unwrap();
        let write = origin.hold(Op::Put, When::Before);
        let writer = begin!(store.put("k", "new"));
        write.reached().await;
        assert_eq!(store.get("k").await.unwrap().unwrap(), "old", "{name}");
        // Not drained: that would wait for the writer.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        assert_eq!(store.stats().tiers[0].fills, 0, "{name}");
        write.release();
        writer.await.unwrap().unwrap();
        assert_eq!(store.get("k").await.unwrap().unwrap(), "new", "{name}");
    }
}

#[tokio::test]
async fn two_overlapping_writers_that_close_in_reverse_install_nothing() {
    for (name, origin, store) in stacks(local).await {
        let (first, second) = (origin.hold(Op::Put, When::After), origin.hold(Op::Put, When::After));
        let one = begin!(store.put("k", "first"));
        first.reached().await;
        let two = begin!(store.put("k", "second"));
        second.reached().await;
        // The origin holds what came second; whoever is told last wrote first.
        second.release();
        two.await.unwrap().unwrap();
        first.release();
        one.await.unwrap().unwrap();
        assert_eq!(store.get("k").await.unwrap().unwrap(), "second", "{name}");
        assert_eq!(origin.reads(), 1, "{name}: neither was alone, so neither is kept");
    }
}

#[tokio::test]
async fn a_fill_against_a_delete_brings_nothing_back() {
    for (name, origin, store) in stacks(local).await {
        origin.put("k", "old").await.unwrap();
        let read = origin.hold(Op::Get, When::After);
        let reader = begin!(store.get("k"));
        read.reached().await;
        store.delete("k").await.unwrap();
        read.release();
        reader.await.unwrap().unwrap();
        settle(&store).await;
        assert_eq!(store.get("k").await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_reader_joins_no_flight_that_was_sent_before_a_write() {
    for (name, origin, store) in stacks(local).await {
        origin.put("k", "old").await.unwrap();
        let read = origin.hold(Op::Get, When::After);
        let early = begin!(store.get("k"));
        read.reached().await;
        store.put("k", "new").await.unwrap();
        // It began after the write was acknowledged.
        assert_eq!(store.get("k").await.unwrap().unwrap(), "new", "{name}");
        read.release();
        assert_eq!(early.await.unwrap().unwrap().unwrap(), "old", "{name}");
    }
}

#[tokio::test]
async fn a_late_landing_after_a_timeout_is_never_hidden_by_a_front() {
    let origin = remote();
    let store = TieredStore::builder(origin.clone())
        .front(object_front())
        .front(slow_front())
        .fresh(Freshness::SoleWriter)
        .open()
        .await
        .unwrap();
    store.put("k", "before").await.unwrap();
    // The writer gives up; his write is still on its way.
    let write = origin.hold(Op::Put, When::Before);
    let late = {
        let origin = origin.clone();
        let on_its_way = tokio::spawn(async move { origin.put("k", "late").await });
        write.reached().await;
        on_its_way
    };
    let held = origin.hold(Op::Put, When::Before);
    let call = Call::within(&Env::system(), std::time::Duration::from_millis(10));
    let (key, options) = (Key::new("k").unwrap(), PutOptions::new().with_call(call.clone()));
    let giving_up = store.put_opts(&key, "late".into(), &options);
    let given_up = call.guard_write(&Env::system(), Op::Put, giving_up).await;
    assert_eq!(given_up.unwrap_err().kind(), ErrorKind::Unknown);
    held.release();
    for _ in 0..3 {
        assert_eq!(store.get("k").await.unwrap().unwrap(), "before");
        settle(&store).await;
    }
    assert_eq!(store.stats().tiers[0].fills, 1, "nothing is kept while it may land");
    write.release();
    late.await.unwrap().unwrap();
    assert_eq!(store.get("k").await.unwrap().unwrap(), "late");
}

#[tokio::test]
async fn a_dropped_write_to_a_local_origin_stays_open_until_it_ends() {
    for (name, origin, store) in stacks(local).await {
        store.put("k", "old").await.unwrap();
        let write = origin.hold(Op::Put, When::Before);
        {
            let mut put = Box::pin(store.put("k", "new"));
            while (&mut put).now_or_never().is_none() {
                tokio::task::yield_now().await;
                if write.reached().now_or_never().is_some() {
                    break;
                }
            }
        }
        // The caller is gone, and the origin's work is not.
        assert_eq!(store.get("k").await.unwrap().unwrap(), "old", "{name}");
        let fills = store.stats().tiers[0].fills;
        write.release();
        settle(&store).await;
        assert_eq!(store.get("k").await.unwrap().unwrap(), "new", "{name}");
        assert_eq!(fills, 1, "{name}: nothing was filled meanwhile");
    }
}

#[tokio::test]
async fn two_stacks_over_one_origin_in_one_process_see_each_other() {
    let origin = local();
    let fresh = || TieredStore::builder(origin.clone()).front(object_front()).front(slow_front());
    let (one, two) = (fresh().open().await.unwrap(), fresh().open().await.unwrap());
    let other_size = fresh().fence_slots(1 << 10).open().await.unwrap();
    for round in 0..20 {
        let writer = [&one, &two, &other_size][round % 3];
        writer.put("k", format!("v{round}")).await.unwrap();
        for reader in [&one, &two, &other_size] {
            for _ in 0..2 {
                assert_eq!(reader.get("k").await.unwrap().unwrap(), format!("v{round}"));
                settle(reader).await;
            }
        }
    }
    assert_eq!(origin.reads(), 40, "the two that did not write read once each");
}

#[tokio::test]
async fn a_stack_that_is_opened_under_a_write_knows_of_it() {
    let origin = local();
    origin.put("k", "old").await.unwrap();
    let one = TieredStore::builder(origin.clone()).front(object_front()).open().await.unwrap();
    let write = origin.hold(Op::Put, When::Before);
    let writer = begin!(one.put("k", "new"));
    write.reached().await;
    // With a table of its own, which joins while the write is open.
    let two =
        TieredStore::builder(origin.clone()).front(object_front()).fence_slots(64).open().await.unwrap();
    assert_eq!(two.get("k").await.unwrap().unwrap(), "old");
    settle(&two).await;
    write.release();
    writer.await.unwrap().unwrap();
    assert_eq!(two.get("k").await.unwrap().unwrap(), "new");
}

#[tokio::test]
async fn keys_that_collide_cost_misses_and_nothing_else() {
    let origin = local();
    let store =
        TieredStore::builder(origin.clone()).front(object_front()).fence_slots(1).open().await.unwrap();
    for i in 0..50 {
        store.put(format!("k{i}"), format!("v{i}")).await.unwrap();
    }
    for i in 0..50 {
        assert_eq!(store.get(format!("k{i}")).await.unwrap().unwrap(), format!("v{i}"));
    }
    let reads = origin.reads();
    assert!(reads >= 49, "each write made the others' entries misses, and {reads} were");
    for i in 0..50 {
        assert_eq!(store.get(format!("k{i}")).await.unwrap().unwrap(), format!("v{i}"));
    }
    assert_eq!(origin.reads(), reads, "quiet keys are hits, in one slot too");
}
