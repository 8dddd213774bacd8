//! A quiet key is a hit, in every policy and stack; and what is no hit.

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder_store_core::config::{Freshness, ReadPolicy, WritePolicy};
use larder_store_core::{
    Attributes, Consistency, ErrorKind, Fill, GetOptions, Got, Key, Op, PutOptions, Store, StoreExt,
};
use larder_tiered::TieredStore;

use crate::make::{byte_front, local, object_front, remote, settle, slow_front, stacks};

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

#[tokio::test]
async fn a_quiet_key_is_a_hit() {
    for (name, origin, store) in stacks(local).await {
        origin.put("k", "v").await.unwrap();
        assert_eq!(store.get("k").await.unwrap().unwrap(), "v", "{name}");
        settle(&store).await;
        assert_eq!(origin.reads(), 1, "{name}");
        for _ in 0..3 {
            assert_eq!(store.get("k").await.unwrap().unwrap(), "v", "{name}");
            assert_eq!(store.get("nothing").await.unwrap(), None, "{name}");
            settle(&store).await;
        }
        assert_eq!(origin.reads(), 2, "{name}: one for each key");
        let stats = store.stats();
        assert_eq!((stats.tiers[0].hits, stats.origin.reads), (5, 2), "{name}: {stats:?}");
    }
}

#[tokio::test]
async fn what_was_written_through_is_a_hit_and_what_was_deleted_is_known_to_be_absent() {
    for (name, origin, store) in stacks(local).await {
        let put = PutOptions::new().with_attributes(Attributes::new().set("a", "b"));
        let written = store.put_opts(&key("k"), "v1".into(), &put).await.unwrap();
        let Got::Found { meta, body, served } = store.get_opts(&key("k"), &GetOptions::new()).await.unwrap()
        else {
            panic!("{name}: absent");
        };
        assert_eq!((origin.reads(), served.tier), (0, Some(0)), "{name}");
        assert_eq!((body, meta.version.clone()), (Bytes::from("v1"), Some(written.version)), "{name}");
        let asked = GetOptions::new().with_consistency(Consistency::Origin);
        let from_origin = store.get_opts(&key("k"), &asked).await.unwrap();
        assert_eq!(from_origin.meta(), Some(&meta), "{name}: the origin says the same");
        assert_eq!(origin.reads(), 1);
        store.delete("k").await.unwrap();
        assert_eq!(store.get("k").await.unwrap(), None, "{name}");
        assert_eq!(origin.reads(), 1, "{name}");
    }
}

#[tokio::test]
async fn a_write_around_is_read_once_and_then_a_hit() {
    let origin = local();
    let store = TieredStore::builder(origin.clone())
        .front(object_front())
        .write(WritePolicy::Around)
        .open()
        .await
        .unwrap();
    for round in 1..4 {
        store.put("k", format!("v{round}")).await.unwrap();
        for _ in 0..3 {
            assert_eq!(store.get("k").await.unwrap().unwrap(), format!("v{round}"));
        }
        assert_eq!(origin.reads(), round);
    }
}

#[tokio::test]
async fn fresh_always_asks_whether_and_moves_no_body() {
    for front in [byte_front(), slow_front()] {
        let origin = remote();
        let store = TieredStore::builder(origin.clone())
            .front(object_front())
            .front(front)
            .fresh(Freshness::Always)
            .open()
            .await
            .unwrap();
        store.put("k", "v").await.unwrap();
        for asked in 1..4 {
            assert_eq!(store.get("k").await.unwrap().unwrap(), "v");
            settle(&store).await;
            let stats = store.stats().origin;
            assert_eq!((stats.reads, stats.revalidations), (asked, asked));
        }
        // Somebody past the fence.
        origin.put("k", "other").await.unwrap();
        assert_eq!(store.get("k").await.unwrap().unwrap(), "other");
    }
}

#[tokio::test]
async fn revalidate_and_max_age_ask_when_an_entry_is_too_old() {
    let origin = remote();
    let hour = std::time::Duration::from_secs(3600);
    let store = TieredStore::builder(origin.clone())
        .front(object_front())
        .fresh(Freshness::MaxAge(hour))
        .read(ReadPolicy::Revalidate(hour))
        .open()
        .await
        .unwrap();
    store.put("k", "v").await.unwrap();
    let got = store.get_opts(&key("k"), &GetOptions::new()).await.unwrap();
    let Got::Found { served, .. } = got else { panic!("absent") };
    assert!(served.age.is_some_and(|age| age < hour), "{served:?}");
    let now = GetOptions::new().with_consistency(Consistency::AtMost(std::time::Duration::ZERO));
    store.get_opts(&key("k"), &now).await.unwrap();
    assert_eq!((store.stats().origin.reads, store.stats().origin.revalidations), (1, 1));
}

#[tokio::test]
async fn a_stack_below_another_gives_no_older_answers_than_the_upper_one_wants() {
    let (origin, short) = (remote(), std::time::Duration::from_millis(1));
    let stack = |origin: TieredStore, age| {
        TieredStore::builder(origin).front(object_front()).fresh(Freshness::MaxAge(age)).open()
    };
    let bare = TieredStore::builder(origin.clone()).fresh(Freshness::Always).open().await.unwrap();
    let below = stack(bare, 3_600_000 * short).await.unwrap();
    let above = stack(below.clone(), short).await.unwrap();
    below.put("k", "v").await.unwrap();
    below.get("k").await.unwrap().unwrap();
    let reads = origin.reads();
    for wanted in 1..3 {
        larder_store_core::Env::system().sleep(5 * short).await;
        above.get("k").await.unwrap().unwrap();
        above.get_many(["k"]).await.unwrap();
        assert!(origin.reads() >= reads + wanted, "{} reads", origin.reads() - reads);
        let held = origin.reads();
        below.get("k").await.unwrap().unwrap();
        assert_eq!(origin.reads(), held, "the one below goes by its own age");
    }
}

#[tokio::test]
async fn front_only_serves_what_is_there_and_says_what_is_not() {
    let origin = local();
    origin.put("cold", "v").await.unwrap();
    let store = TieredStore::builder(origin.clone())
        .front(object_front())
        .read(ReadPolicy::FrontOnly)
        .open()
        .await
        .unwrap();
    store.put("warm", "v").await.unwrap();
    assert_eq!(store.get("warm").await.unwrap().unwrap(), "v");
    assert_eq!(store.get("cold").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(store.head("cold").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(origin.reads(), 0);
    // A caller can still ask past the policy.
    let asked = GetOptions::new().with_consistency(Consistency::Origin);
    assert!(store.get_opts(&key("cold"), &asked).await.unwrap().meta().is_some());
    assert_eq!(store.get("cold").await.unwrap().unwrap(), "v");
}

#[tokio::test]
async fn a_range_read_and_then_a_whole_read_on_a_cold_front() {
    for (name, origin, store) in stacks(local).await {
        origin.put("k", "0123456789").await.unwrap();
        let part = GetOptions::new().with_range(2..5);
        let got = store.get_opts(&key("k"), &part).await.unwrap();
        assert_eq!(got.into_body().unwrap(), "234", "{name}");
        settle(&store).await;
        assert_eq!(store.stats().tiers[0].fills, 0, "{name}: a part fills nothing");
        assert_eq!(store.get("k").await.unwrap().unwrap(), "0123456789", "{name}");
        settle(&store).await;
        let got = store.get_opts(&key("k"), &part).await.unwrap();
        assert_eq!(got.into_body().unwrap(), "234", "{name}");
        let past = GetOptions::new().with_range(10..12);
        let error = store.get_opts(&key("k"), &past).await.unwrap_err();
        assert_eq!(error.unsatisfied_range(), Some(10), "{name}");
        assert_eq!(origin.reads(), 2, "{name}: the second range was cut from the front");
    }
}

#[tokio::test]
async fn a_counter_update_on_a_cold_front_reads_the_origin() {
    for (name, origin, store) in stacks(local).await {
        origin.put("n", "41").await.unwrap();
        store
            .update("n", |old| {
                let n: u64 = old.and_then(|b| str::from_utf8(&b).ok()?.parse().ok()).unwrap_or(0);
                Some((n + 1).to_string().into())
            })
            .await
            .unwrap();
        assert_eq!((origin.reads(), origin.calls(Op::Put)), (1, 2), "{name}");
        assert_eq!(store.get("n").await.unwrap().unwrap(), "42", "{name}");
        assert_eq!(origin.reads(), 1, "{name}: the result was installed");
    }
}

#[tokio::test]
async fn values_read_as_streams_are_kept_when_they_came_to_their_end() {
    for (name, origin, store) in stacks(local).await {
        let value = Bytes::from(vec![7; 300_000]);
        origin.put("k", value.clone()).await.unwrap();
        let broken = store.get_stream("k").await.unwrap().unwrap();
        drop(broken);
        settle(&store).await;
        assert_eq!(store.stats().tiers[0].fills, 0, "{name}");
        for reads in [2, 2, 2] {
            let stream = store.get_stream("k").await.unwrap().unwrap();
            let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
            assert_eq!(pieces.concat(), value, "{name}");
            settle(&store).await;
            assert_eq!(origin.reads(), reads, "{name}");
        }
    }
}

#[tokio::test]
async fn many_values_come_from_the_fronts_and_one_batch() {
    for (name, origin, store) in stacks(|| local().promising(|g| g.batches.get = Some(100))).await {
        let keys: Vec<Key> = (0..10).map(|i| key(&format!("k{i}"))).collect();
        for key in &keys[..8] {
            origin.put(key, key.as_str().to_owned()).await.unwrap();
        }
        store.get(&keys[3]).await.unwrap();
        settle(&store).await;
        for batches in [1, 1] {
            let got = store.get_many_opts(&keys, &GetOptions::new()).await;
            for (key, got) in keys.iter().zip(got) {
                let want =
                    if key.as_str() < "k8" { Some(Bytes::from(key.as_str().to_owned())) } else { None };
                assert_eq!(got.unwrap().into_body(), want, "{name}");
            }
            settle(&store).await;
            assert_eq!((origin.calls(Op::GetMany), origin.calls(Op::Get)), (batches, 1), "{name}");
        }
    }
}

#[tokio::test]
async fn a_get_can_ask_not_to_be_kept() {
    for (name, origin, store) in stacks(local).await {
        origin.put("k", "v").await.unwrap();
        for reads in 1..3 {
            store.get_opts(&key("k"), &GetOptions::new().with_fill(Fill::Never)).await.unwrap();
            settle(&store).await;
            assert_eq!(origin.reads(), reads, "{name}");
        }
    }
}

#[tokio::test]
async fn a_lower_front_promotes_into_those_above() {
    let (above, below) = (object_front(), slow_front());
    let origin = local();
    let only_below = TieredStore::builder(origin.clone()).front(below.clone()).open().await.unwrap();
    only_below.put("k", "v").await.unwrap();
    let both = TieredStore::builder(origin.clone()).front(above).front(below.clone()).open().await.unwrap();
    for tier in [1, 0, 0] {
        let Got::Found { served, .. } = both.get_opts(&key("k"), &GetOptions::new()).await.unwrap() else {
            panic!("absent");
        };
        assert_eq!(served.tier, Some(tier));
    }
    assert_eq!(origin.reads(), 0);
}
