//! Streams, listings and batches that go on where they broke off.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use larder_store_core::layer::fault::Fault;
use larder_store_core::layer::retry::{RetryBudget, RetryOptions};
use larder_store_core::{
    ByteRange, Call, DeleteItem, DeleteOptions, Deleted, ErrorKind, GetOptions, Got, Key, ListOptions,
    Listed, Op, PutItem, PutOptions, Store, StoreExt, derived,
};

use crate::common::faulty::key;
use crate::common::retried::{Bed, bed, bed_with, patient};

fn long() -> Bytes {
    (0..300_000u32).flat_map(|n| n.to_le_bytes()).collect()
}

async fn read(bed: &Bed, options: &GetOptions) -> larder_store_core::Result<Bytes> {
    let got = bed.store.get_stream_opts(&key("long"), options).await?;
    let meta = got.meta().cloned().unwrap();
    assert_eq!(meta.size, Some(1_200_000));
    derived::collect(got.into_body().unwrap(), u64::MAX).await
}

#[tokio::test]
async fn a_stream_goes_on_at_its_offset_and_within_its_range() {
    let ranges: [Option<ByteRange>; 5] = [
        None,
        Some((5..1_000_000).into()),
        Some((70_000..).into()),
        Some(ByteRange::suffix(900_001)),
        Some((1_199_990..9_000_000).into()),
    ];
    for kind in [ErrorKind::Unavailable, ErrorKind::Throttled, ErrorKind::Timeout, ErrorKind::Unknown] {
        for range in ranges {
            for cut in [0, 7, 65_536, 100_000] {
                let bed = bed([Fault::before([Op::GetStream]).cut(cut, kind).times(5)]).await;
                bed.inner.put("long", long()).await.unwrap();
                let mut options = GetOptions::new();
                options.range = range;
                let part = range.map_or(0..1_200_000, |range| range.resolve(1_200_000).unwrap());
                let expected = long().slice(part.start as usize..part.end as usize);
                assert!(read(&bed, &options).await.unwrap() == expected, "{kind} {range:?} {cut}");
                let struck = bed.faults.cells()[0].struck;
                let most = if expected.len() as u64 > 5 * cut { 5 } else { 0 };
                assert!(struck >= most.min(5), "{struck} cuts at {cut} of {range:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_stream_whose_version_goes_away_ends_in_a_conflict() {
    for theirs in [Some("theirs"), None] {
        let bed = bed([Fault::before([Op::GetStream]).cut(100_000, ErrorKind::Unavailable).nth(1)]).await;
        bed.inner.put("long", long()).await.unwrap();
        let inner = bed.inner.clone();
        bed.clock.meanwhile(move || match theirs {
            Some(value) => inner.put("long", value).now_or_never().unwrap().is_ok(),
            None => inner.delete("long").now_or_never().unwrap().is_ok(),
        });
        let error = read(&bed, &GetOptions::new()).await.unwrap_err();
        assert_eq!((error.kind(), error.key()), (ErrorKind::Conflict, Some(&key("long"))), "{theirs:?}");
    }
}

#[tokio::test]
async fn a_stream_that_is_damaged_does_not_go_on_and_one_that_never_gets_on_gives_up() {
    let bed = bed([Fault::before([Op::GetStream]).cut(9, ErrorKind::Corrupt)]).await;
    bed.inner.put("long", long()).await.unwrap();
    assert_eq!(read(&bed, &GetOptions::new()).await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(bed.asked(Op::GetStream), 1);

    // It breaks off behind what it brings, for ever: as long as it brings something, it goes on.
    let bed =
        bed_with(patient(), 7, [Fault::before([Op::GetStream]).cut(40_000, ErrorKind::Unavailable)]).await;
    bed.inner.put("long", long()).await.unwrap();
    assert_eq!(read(&bed, &GetOptions::new()).await.unwrap(), long());
    assert_eq!(bed.asked(Op::GetStream), 30);

    let bed = bed_with(patient(), 7, [Fault::before([Op::GetStream]).cut(0, ErrorKind::Unavailable)]).await;
    bed.inner.put("long", long()).await.unwrap();
    let error = read(&bed, &GetOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.advice().unwrap().contains("given up after 10 attempts"), "{error}");
}

async fn names(bed: &Bed, options: ListOptions) -> larder_store_core::Result<Vec<String>> {
    bed.store.list_opts(options).map_ok(|item: Listed| item.name().to_owned()).try_collect().await
}

#[tokio::test]
async fn a_listing_goes_on_behind_its_last_name() {
    let all = || {
        vec![
            ListOptions::new(),
            ListOptions::new().with_limit(17),
            ListOptions::new().with_prefix("b").with_start_after("b/04"),
            ListOptions::new().with_delimiter("/"),
            ListOptions::new().with_delimiter("/").with_limit(3),
            ListOptions::new().with_limit(0),
        ]
    };
    for cut in [0, 1, 2, 10] {
        for (at, options) in all().into_iter().enumerate() {
            let rules = [
                Fault::before([Op::List]).cut(cut, ErrorKind::Unavailable).times(6),
                Fault::after([Op::List]).fail(ErrorKind::Throttled).times(2),
                Fault::before([Op::List]).fail(ErrorKind::Unknown).times(2),
            ];
            let bed = bed(rules).await;
            for group in ["a", "b", "c"] {
                for n in 0..12 {
                    bed.inner.put(format!("{group}/{n:02}"), "v").await.unwrap();
                }
            }
            let expected: Vec<String> = bed
                .inner
                .list_opts(options.clone())
                .map_ok(|i| i.name().to_owned())
                .try_collect()
                .await
                .unwrap();
            assert_eq!(names(&bed, options).await.unwrap(), expected, "cut {cut}, options {at}");
        }
    }
}

#[tokio::test]
async fn a_listing_that_is_denied_ends_and_stays_ended() {
    let bed = bed([Fault::before([Op::List]).cut(1, ErrorKind::Denied).nth(1)]).await;
    bed.inner.put("z", "v").await.unwrap();
    let mut items = bed.store.list("");
    assert!(items.next().await.unwrap().is_ok());
    assert_eq!(items.next().await.unwrap().unwrap_err().kind(), ErrorKind::Denied);
    assert!(items.next().await.is_none());
}

fn many(count: usize) -> Vec<Key> {
    (0..count).map(|n| key(&format!("m/{n:03}"))).collect()
}

fn put(key: &Key, value: impl Into<Bytes>) -> PutItem {
    PutItem { key: key.clone(), value: value.into(), options: PutOptions::new() }
}

#[tokio::test]
async fn of_many_only_those_that_failed_are_sent_again_and_in_order() {
    let keys = many(100);
    let rules = [
        Fault::before([Op::PutMany, Op::GetMany, Op::DeleteMany]).rate(0.2),
        Fault::after([Op::PutMany, Op::DeleteMany]).rate(0.1),
    ];
    let bed = bed(rules).await;
    let items = keys.iter().map(|key| put(key, key.as_str().to_owned())).collect();
    let outcomes = bed.store.put_many_opts(items, &Call::default()).await;
    assert!(outcomes.iter().all(|one| one.is_ok()));
    assert!(outcomes.iter().any(|one| !one.as_ref().unwrap().settled), "some answers were lost");
    let asked = bed.asked(Op::PutMany);
    assert!((110..200).contains(&asked), "{asked} puts of 100 keys");

    let got = bed.store.get_many_opts(&keys, &GetOptions::new()).await;
    for (got, key) in got.into_iter().zip(&keys) {
        let Ok(Got::Found { meta, body, .. }) = got else { panic!("{got:?}") };
        assert_eq!((&meta.key, body.as_ref()), (key, key.as_str().as_bytes()));
    }
    let asked = bed.asked(Op::GetMany);
    assert!((105..160).contains(&asked), "{asked} gets of 100 keys");

    let items = keys.iter().map(|key| DeleteItem { key: key.clone(), only: None }).collect();
    let removed = bed.store.delete_many_opts(items, &DeleteOptions::new()).await;
    for one in removed {
        let one = one.unwrap();
        assert_eq!(one.existed == Deleted::Yes, one.settled, "{one:?}");
    }
    assert_eq!(bed.inner.entries("m/").count().await, 0);
}

#[tokio::test]
async fn of_several_with_one_key_the_later_one_wins_even_if_the_first_failed() {
    let bed = bed([Fault::before([Op::PutMany]).nth(1)]).await;
    let (a, b) = (key("a"), key("b"));
    let items = vec![put(&a, "1"), put(&b, "2"), put(&a, "3"), put(&a, "4")];
    let outcomes = bed.store.put_many_opts(items, &Call::default()).await;
    assert!(outcomes.iter().all(|one| one.is_ok()), "{outcomes:?}");
    assert_eq!(bed.inner.get("a").await.unwrap().unwrap(), "4");
    let ids: Vec<_> = outcomes.iter().map(|one| one.as_ref().unwrap().write_id).collect();
    assert_eq!(bed.inner.head("a").await.unwrap().unwrap().write_id, Some(ids[3]));
}

#[tokio::test]
async fn a_batch_takes_from_the_budget_what_it_sends_and_goes_on_in_part() {
    let budget = RetryBudget::new().with_reserve(6, 0).with_share(0.0);
    let options = RetryOptions::new().with_budget(budget).with_pauses(Duration::ZERO, Duration::ZERO);
    let bed = bed_with(options, 7, [Fault::before([Op::PutMany]).times(10)]).await;
    let items = many(10).iter().map(|key| put(key, "v")).collect();
    let outcomes = bed.store.put_many_opts(items, &Call::default()).await;
    for (at, one) in outcomes.iter().enumerate() {
        match one {
            Ok(written) => assert!(at < 6 && written.settled, "{at}"),
            Err(error) => {
                assert_eq!((error.kind(), error.settled()), (ErrorKind::Unavailable, true), "{at}");
                assert!(at >= 6 && error.advice().unwrap().contains("1 attempt: the budget"), "{at} {error}");
            }
        }
    }
}
