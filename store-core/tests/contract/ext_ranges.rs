//! Several parts of one version of a value.
#![cfg(feature = "conformance")]
#![allow(clippy::single_range_in_vec_init, reason = "one range is meant")]

use std::sync::Arc;

use crate::common::rng::Rng;
use bytes::Bytes;
use futures_util::FutureExt;
use larder_store_core::conformance::{Place, Reference};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{
    ByteRange, Call, Env, ErrorKind, Guarantees, Key, Op, Ranges, RangesOptions, Store, StoreExt,
};

type Counting = FaultStore<Arc<Reference>>;

/// A store with ten thousand bytes under `k`, which counts its reads.
async fn store(rule: Fault) -> (Arc<Reference>, Counting, Bytes) {
    let inner = Arc::new(Reference::new(&Place::new("ranges", Env::system())));
    let value: Bytes = (0..10_000u32).map(|i| (i % 251) as u8).collect();
    inner.put("k", value.clone()).await.unwrap();
    (inner.clone(), FaultStore::new(inner, Faults::new(1, [rule]).unwrap()), value)
}

async fn counting() -> (Arc<Reference>, Counting, Bytes) {
    store(Fault::before([Op::Get, Op::Head]).nth(u64::MAX)).await
}

/// Gets and heads so far.
fn asked(store: &Counting) -> (u64, u64) {
    let cells = store.faults().cells();
    (cells[0].asked, cells[1].asked)
}

#[tokio::test]
async fn any_parts_in_their_order() {
    let (_, store, value) = counting().await;
    let mut rng = Rng::new(5);
    for _ in 0..2_000 {
        let ranges: Vec<ByteRange> = (0..rng.below(8))
            .map(|_| {
                let start = rng.below(9_999) as u64;
                match rng.below(6) {
                    0 => ByteRange::From(start),
                    1 => ByteRange::suffix(1 + rng.below(12_000) as u64),
                    _ => (start..start + 1 + rng.below(3_000) as u64).into(),
                }
            })
            .collect();
        let gap = *rng.pick(&[0, 1, 500, u64::MAX]);
        let options = RangesOptions::new().with_coalesce(gap).with_concurrency(rng.below(4));
        let parts = store.get_ranges_opts("k", ranges.clone(), options).await.unwrap().unwrap();
        let expected: Vec<_> = ranges
            .iter()
            .map(|range| {
                let part = range.resolve(10_000).unwrap();
                value.slice(part.start as usize..part.end as usize)
            })
            .collect();
        assert!(parts == expected, "{ranges:?} {gap}");
    }
}

#[tokio::test]
async fn as_many_requests_as_there_are_gaps() {
    let coalesce = |bytes| RangesOptions::new().with_coalesce(bytes);
    for (ranges, options, requests) in [
        (vec![0..10, 20..30, 5_000..5_001], RangesOptions::new(), (1, 0)),
        (vec![0..10, 20..30, 5_000..5_001], coalesce(10), (2, 0)),
        (vec![0..10, 20..30, 5_000..5_001], coalesce(9), (3, 0)),
        (vec![20..30, 0..25, 0..1], coalesce(0), (1, 0)),
        (vec![0..10_000], coalesce(0), (1, 0)),
        (vec![], coalesce(0), (0, 1)),
    ] {
        let (_, store, _) = counting().await;
        let parts = store.get_ranges_opts("k", ranges.clone(), options).await.unwrap().unwrap();
        assert_eq!(parts.len(), ranges.len());
        assert_eq!(asked(&store), requests, "{ranges:?}");
    }
    let (_, store, _) = counting().await;
    let ranges = [ByteRange::suffix(5), (0..5).into()];
    store.get_ranges_opts("k", ranges, coalesce(0)).await.unwrap().unwrap();
    assert_eq!(asked(&store), (2, 1), "a head finds the end");
}

#[tokio::test]
async fn absent_is_none_whatever_is_asked() {
    let (_, store, _) = counting().await;
    let none: [ByteRange; 0] = [];
    assert!(store.get_ranges("absent", none).await.unwrap().is_none());
    assert!(store.get_ranges("absent", [0..1]).await.unwrap().is_none());
    assert!(store.get_ranges("absent", [ByteRange::suffix(1)]).await.unwrap().is_none());
    let version = store.head("k").await.unwrap().unwrap().version.unwrap();
    let only = RangesOptions::new().with_only(version).with_coalesce(0);
    assert!(store.get_ranges_opts("absent", [0..1, 5..6], only).await.unwrap().is_none());
    assert_eq!(store.get_ranges("k", none).await.unwrap(), Some(vec![]));
}

#[tokio::test]
async fn parts_that_cover_nothing_are_errors_with_the_key() {
    let (_, store, value) = counting().await;
    let k = Key::new("k").unwrap();
    let apart = || RangesOptions::new().with_coalesce(0);
    for (ranges, size) in [
        (vec![ByteRange::from(0..1), (10_000..10_001).into()], Some(10_000)),
        (vec![(0..1).into(), (9_000..9_001).into(), (12_000..u64::MAX).into()], Some(10_000)),
        (vec![ByteRange::From(10_000)], Some(10_000)),
        (vec![(0..1).into(), (5..5).into()], None),
        (vec![ByteRange::suffix(0)], None),
    ] {
        for options in [apart(), RangesOptions::new()] {
            let before = asked(&store);
            let error = store.get_ranges_opts("k", ranges.clone(), options).await.unwrap_err();
            assert_eq!((error.kind(), error.unsatisfied_range()), (ErrorKind::Invalid, size), "{error}");
            assert_eq!((error.key(), error.store()), (Some(&k), Some(store.id())), "{error}");
            assert!(size.is_some() || asked(&store) == before, "refused before any I/O");
        }
    }
    // One that reaches over the end is cut there.
    let parts = store.get_ranges("k", [9_990..u64::MAX]).await.unwrap().unwrap();
    assert_eq!(parts, [value.slice(9_990..)]);
    let mut none = Guarantees::in_process();
    none.ranges = Ranges::None;
    let none = Reference::with_guarantees(&Place::new("none", Env::system()), none);
    assert_eq!(none.get_ranges("k", [0..1]).await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn never_a_mix_of_two_versions() {
    let apart = || RangesOptions::new().with_coalesce(0).with_concurrency(1);
    let ranges = || [0..1u64, 100..101, 200..201];
    // The value changes, or goes away, while the second part is waited for; and before a head is followed by its reads.
    for from_the_end in [false, true] {
        for gone in [false, true] {
            let clock = larder_store_core::conformance::TestClock::new();
            let minute = std::time::Duration::from_secs(60);
            let nth = if from_the_end { 1 } else { 2 };
            let (inner, store, _) = store(Fault::before([Op::Get]).delay(minute).nth(nth)).await;
            let store = store.with_env(clock.env());
            let mut wanted: Vec<ByteRange> = ranges().map(ByteRange::from).into();
            if from_the_end {
                wanted.push(ByteRange::suffix(1));
            }
            let mut read = Box::pin(store.get_ranges_opts("k", wanted, apart()));
            assert!((&mut read).now_or_never().is_none());
            match gone {
                true => {
                    inner.delete("k").await.unwrap();
                }
                false => {
                    inner.put("k", vec![7; 10_000]).await.unwrap();
                }
            }
            clock.advance(minute);
            let error = read.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert_eq!(error.key().map(Key::as_str), Some("k"));
        }
    }
    // Of the version that the caller has, or of none.
    let (inner, store, _) = counting().await;
    let old = inner.head("k").await.unwrap().unwrap().version.unwrap();
    inner.put("k", vec![7; 10_000]).await.unwrap();
    let error = store.get_ranges_opts("k", ranges(), apart().with_only(old)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn so_many_requests_at_once_and_no_more() {
    for concurrency in [0, 1, 3, 10] {
        let (inner, store, _) = store(Fault::before([Op::Get]).hang()).await;
        let version = inner.head("k").await.unwrap().unwrap().version.unwrap();
        let options = RangesOptions::new().with_coalesce(0).with_only(version).with_concurrency(concurrency);
        let ranges = (0..20).map(|i| i * 100..i * 100 + 1);
        assert!(store.get_ranges_opts("k", ranges, options).now_or_never().is_none());
        assert_eq!(store.faults().struck(), concurrency.max(1) as u64);
    }
}

#[tokio::test]
async fn errors_and_deadlines_come_through() {
    let (_, store, _) = store(Fault::before([Op::Get]).fail(ErrorKind::Throttled).nth(2)).await;
    let apart = RangesOptions::new().with_coalesce(0);
    let error = store.get_ranges_opts("k", [0..1, 100..101], apart.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
    let over = Call::default().with_deadline(Env::system().now());
    let error = store.get_ranges_opts("k", [0..1], apart.with_call(over)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
}
