//! Whatever a front does, no call fails and nothing stale is seen.

use std::time::Duration;

use bytes::Bytes;
use larder_store_core::config::Freshness;
use larder_store_core::conformance::{Place, Reference};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{Env, ErrorKind, GetOptions, Key, Op, PutOptions, Retention, Store, StoreExt};
use larder_tiered::{Breaker, TieredStore};

use crate::make::{byte_front, local, object_front, settle, slow_front};

const FRONT_CALLS: [Op; 5] = [Op::Get, Op::GetStream, Op::Put, Op::PutStream, Op::Drain];

#[tokio::test]
async fn a_front_write_that_fails_and_then_a_read() {
    for fault in [
        Fault::before([Op::Put]).fail(ErrorKind::Unavailable).times(1),
        Fault::after([Op::Put]).fail(ErrorKind::Unknown).times(1),
        Fault::before([Op::Put]).fail(ErrorKind::Full).times(1),
        Fault::after([Op::Put]).hang().times(1),
    ] {
        let origin = local();
        let faults = Faults::new(3, [fault]).unwrap();
        faults.disable();
        let store = TieredStore::builder(origin.clone())
            .front(FaultStore::new(slow_front(), faults.clone()))
            .front_timeout(Duration::from_millis(20))
            .open()
            .await
            .unwrap();
        store.put("k", "old").await.unwrap();
        assert_eq!(store.get("k").await.unwrap().unwrap(), "old");
        assert_eq!(origin.reads(), 0);
        faults.enable();
        store.put("k", "new").await.unwrap();
        assert_eq!(faults.struck(), 1);
        for _ in 0..2 {
            assert_eq!(store.get("k").await.unwrap().unwrap(), "new");
            settle(&store).await;
        }
        assert!(origin.reads() <= 1);
    }
}

#[tokio::test]
async fn a_front_that_hangs_costs_its_timeout_and_is_then_left_alone() {
    let origin = local();
    let faults = Faults::new(3, [Fault::before(FRONT_CALLS).hang()]).unwrap();
    let store = TieredStore::builder(origin.clone())
        .front(FaultStore::new(byte_front(), faults.clone()))
        .front_timeout(Duration::from_millis(5))
        .open()
        .await
        .unwrap();
    for i in 0..20 {
        store.put(format!("k{i}"), "v").await.unwrap();
        assert_eq!(store.get(format!("k{i}")).await.unwrap().unwrap(), "v");
    }
    let stats = store.stats();
    assert_eq!(stats.tiers[0].breaker, Breaker::Open, "{stats:?}");
    assert!(stats.tiers[0].errors < 10, "{stats:?}");
    faults.disable();
    // It comes back by itself.
    let env = Env::system();
    let patience = env.now() + Duration::from_secs(10);
    while store.stats().tiers[0].hits == 0 {
        assert!(env.now() < patience, "{:?}", store.stats());
        env.sleep(Duration::from_millis(20)).await;
        assert_eq!(store.get("k1").await.unwrap().unwrap(), "v");
    }
    assert_eq!(store.stats().tiers[0].breaker, Breaker::Closed);
}

/// A trial has to reach the front, whichever way it is asked.
#[tokio::test]
async fn a_front_that_cannot_answer_at_once_comes_back_too() {
    for range in [None, Some(1..3)] {
        let origin = local();
        let faults = Faults::new(3, [Fault::before(FRONT_CALLS).fail(ErrorKind::Unavailable)]).unwrap();
        let front = FaultStore::new(slow_front(), faults.clone());
        let store = TieredStore::builder(origin.clone()).front(front).open().await.unwrap();
        for i in 0..4 {
            store.put(format!("k{i}"), "value").await.unwrap();
            assert_eq!(store.get(format!("k{i}")).await.unwrap().unwrap(), "value");
            settle(&store).await;
        }
        assert_eq!(store.stats().tiers[0].breaker, Breaker::Open);
        faults.disable();
        let env = Env::system();
        let patience = env.now() + Duration::from_secs(10);
        while store.stats().tiers[0].breaker != Breaker::Closed {
            assert!(env.now() < patience, "{:?}", store.stats());
            env.sleep(Duration::from_millis(20)).await;
            match range.clone() {
                None => assert_eq!(store.get("k1").await.unwrap().unwrap(), "value"),
                Some(range) => assert_eq!(store.get_range("k1", range).await.unwrap().unwrap(), "al"),
            }
        }
    }
}

#[tokio::test]
async fn a_failure_of_a_front_counts_once() {
    for (front, at_once) in [(byte_front(), true), (slow_front(), false)] {
        let store = TieredStore::builder(local()).front(front.clone()).open().await.unwrap();
        for (n, way) in ["get", "get_opts", "range", "stream", "many"].into_iter().enumerate() {
            let key = Key::new("k").unwrap();
            front.put("k", "no entry").await.unwrap();
            let options = GetOptions::new();
            match way {
                "get" => drop(store.get("k").await.unwrap()),
                "get_opts" => drop(store.get_opts(&key, &options).await.unwrap()),
                "range" => drop(store.get_range("k", 0..1).await.unwrap()),
                "stream" => drop(store.get_stream("k").await.unwrap()),
                _ => drop(store.get_many_opts(&[key], &options).await),
            }
            settle(&store).await;
            assert_eq!(store.stats().tiers[0].corrupt, n as u64 + 1, "{way}, at once: {at_once}");
        }
    }
}

#[tokio::test]
async fn a_damaged_entry_is_a_miss_that_is_repaired_and_counted() {
    let origin = local();
    let front = byte_front();
    let store = TieredStore::builder(origin.clone()).front(front.clone()).open().await.unwrap();
    store.put("k", "value").await.unwrap();
    let stored = front.get("k").await.unwrap().unwrap();
    // The front's own checks are passed by, so only the head of the entry can notice.
    for at in 0..stored.len() - "value".len() {
        let mut bytes = stored.to_vec();
        bytes[at] ^= 0x55;
        front.put("k", bytes).await.unwrap();
        assert_eq!(store.get("k").await.unwrap().unwrap(), "value", "byte {at}");
        store.put("k", "value").await.unwrap();
    }
    for cut in 0..stored.len() {
        front.put("k", stored.slice(..cut)).await.unwrap();
        assert_eq!(store.get("k").await.unwrap().unwrap(), "value", "cut to {cut}");
        settle(&store).await;
    }
    front.put("k", Bytes::from_static(b"something else")).await.unwrap();
    assert_eq!(store.get("k").await.unwrap().unwrap(), "value");
    settle(&store).await;
    let stats = store.stats();
    assert!(stats.tiers[0].corrupt >= stored.len() as u64, "{stats:?}");
    let before = origin.reads();
    assert_eq!(store.get("k").await.unwrap().unwrap(), "value");
    assert_eq!(origin.reads(), before, "repaired");
}

#[tokio::test]
async fn a_stream_whose_front_fails_in_the_middle_goes_on_from_the_origin() {
    use futures_util::TryStreamExt;
    let origin = local();
    let value: Vec<u8> = (0..3_000_000u32).map(|i| (i / 7) as u8).collect();
    let faults = Faults::new(3, [Fault::before([Op::GetStream]).cut(1_000_000, ErrorKind::Corrupt)]).unwrap();
    let front = FaultStore::new(slow_front(), faults.clone());
    let store = TieredStore::builder(origin.clone()).front(front).open().await.unwrap();
    store.put("k", value.clone()).await.unwrap();
    let range = GetOptions::new().with_range(5..2_999_000);
    for (options, want) in [(GetOptions::new(), &value[..]), (range, &value[5..2_999_000])] {
        let got = store.get_stream_opts(&Key::new("k").unwrap(), &options).await.unwrap();
        let pieces: Vec<Bytes> = got.into_body().unwrap().try_collect().await.unwrap();
        assert_eq!(pieces.concat(), want);
    }
    assert_eq!((faults.struck(), origin.calls(Op::GetStream)), (2, 2));
}

#[tokio::test]
async fn values_and_keys_that_a_front_does_not_take_are_served_all_the_same() {
    let origin = local();
    let small = slow_front().promising(|g| {
        g.max_key = 10;
        g.max_value = 1000;
    });
    let store = TieredStore::builder(origin.clone()).front(small).open().await.unwrap();
    let (long, large) = ("k".repeat(11), Bytes::from(vec![1; 1001]));
    store.put(long.as_str(), "v").await.unwrap();
    store.put("large", large.clone()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.get(long.as_str()).await.unwrap().unwrap(), "v");
        assert_eq!(store.get("large").await.unwrap().unwrap(), large);
        settle(&store).await;
    }
    let stats = store.stats().tiers.remove(0);
    assert_eq!((stats.not_admitted, stats.errors, stats.breaker), (6, 0, Breaker::Closed), "{stats:?}");
}

#[tokio::test]
async fn entries_of_another_origin_or_prefix_are_misses() {
    let front = object_front();
    let bytes = byte_front();
    let (one, two) = (local(), local());
    let stack = |origin: &crate::hooked::Hooked| {
        TieredStore::builder(origin.clone()).front(front.again()).front(bytes.clone()).open()
    };
    let (one, two) = (stack(&one).await.unwrap(), stack(&two).await.unwrap());
    one.put("k", "one").await.unwrap();
    assert_eq!(two.get("k").await.unwrap(), None);
    two.put("k", "two").await.unwrap();
    assert_eq!(one.get("k").await.unwrap().unwrap(), "one");
    assert_eq!(two.get("k").await.unwrap().unwrap(), "two");
}

#[tokio::test]
async fn stacks_over_prefixes_of_one_origin_share_its_fence() {
    let origin = local();
    let whole = TieredStore::builder(origin.clone()).front(object_front()).open().await.unwrap();
    let part = larder_store_core::layer::prefix::Prefixed::new(origin.clone(), "a/").unwrap();
    let part = TieredStore::builder(part).front(object_front()).open().await.unwrap();
    for round in 0..3 {
        whole.put("a/k", format!("whole {round}")).await.unwrap();
        assert_eq!(part.get("k").await.unwrap().unwrap(), format!("whole {round}"));
        part.put("k", format!("part {round}")).await.unwrap();
        assert_eq!(whole.get("a/k").await.unwrap().unwrap(), format!("part {round}"));
    }
}

#[tokio::test]
async fn expired_values_are_absent_and_fronts_do_not_bring_them_back() {
    let origin = local();
    let store = TieredStore::builder(origin.clone())
        .front(object_front())
        .front(slow_front())
        .fresh(Freshness::Immutable)
        .open()
        .await
        .unwrap();
    let soon = Env::system().wall() + Duration::from_millis(60);
    let put = PutOptions::new().with_expires(soon);
    store.put_opts(&Key::new("k").unwrap(), "v".into(), &put).await.unwrap();
    assert_eq!(store.get("k").await.unwrap().unwrap(), "v");
    Env::system().sleep(Duration::from_millis(80)).await;
    assert_eq!(store.get("k").await.unwrap(), None);
}

#[tokio::test]
async fn what_cannot_stand_where_it_is_put_is_refused() {
    let keeps = Reference::new(&Place::new("keeps", Env::system()));
    let error = TieredStore::builder(local()).front(keeps).open().await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported) && error.to_string().contains("must have a bound"), "{error}");
    let error = TieredStore::builder(object_front()).open().await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported) && error.to_string().contains("last tier"), "{error}");
    let shared = crate::make::remote();
    let error = TieredStore::builder(shared.clone()).front(object_front()).open().await.unwrap_err();
    assert!(error.is(ErrorKind::Invalid), "{error}");
    for choice in ["30s", "always", "immutable", "sole_writer"] {
        assert!(error.to_string().contains(choice), "{error}");
    }
    let homeless = slow_front().promising(|g| g.sharing = larder_store_core::Sharing::Host);
    let error = TieredStore::builder(local()).front(homeless).open().await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported) && error.to_string().contains("no place"), "{error}");
    assert_eq!(object_front().guarantees().retention, Retention::MayEvict);
}
