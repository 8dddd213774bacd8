//! A deadline for each call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::conformance::{Place, Reference};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::layer::timeout::{Timeout, TimeoutOptions};
use larder_store_core::{
    ByteStream, Call, CopyOptions, DeleteItem, DeleteOptions, Env, Error, ErrorKind, GetOptions, HeadOptions,
    ListOptions, Op, PutItem, PutOptions, Result, Step, Store, StoreExt,
};

use crate::common::faulty::{body, key};
use crate::common::jump::JumpClock;

type Timed = Timeout<FaultStore<Arc<Reference>>>;

const READS: Duration = Duration::from_secs(3);
const WRITES: Duration = Duration::from_secs(5);
const PROGRESS: Duration = Duration::from_secs(7);
const PAGE: Duration = Duration::from_secs(11);

struct Bed {
    clock: Arc<JumpClock>,
    env: Env,
    store: Timed,
}

async fn bed(rule: Fault) -> Bed {
    let clock = JumpClock::new();
    let env = clock.env(1);
    let inner = Arc::new(Reference::new(&Place::new("timed", env.clone())));
    inner.put("old", "0123456789").await.unwrap();
    let faulty = FaultStore::new(inner, Faults::new(1, [rule]).unwrap()).with_env(env.clone());
    let options = TimeoutOptions::new()
        .with_reads(Some(READS))
        .with_writes(Some(WRITES))
        .with_progress(Some(PROGRESS))
        .with_page(Some(PAGE));
    let store = Timeout::new(faulty, options).unwrap().with_env(env.clone());
    Bed { clock, env, store }
}

async fn call(store: &Timed, op: Op, call: Call) -> Result<()> {
    let item = || PutItem { key: key("new"), value: "v".into(), options: PutOptions::new() };
    let (old, new) = (key("old"), key("new"));
    let get = GetOptions::new().with_call(call.clone());
    let delete = DeleteOptions::new().with_call(call.clone());
    let put = PutOptions::new().with_call(call.clone());
    match op {
        Op::Get => store.get_opts(&old, &get).await.map(drop),
        Op::Head => store.head_opts(&old, &HeadOptions::new().with_call(call)).await.map(drop),
        Op::GetMany => store.get_many_opts(&[new, old], &get).await.remove(1).map(drop),
        Op::GetStream => store.get_stream_opts(&old, &get).await.map(drop),
        Op::Put => store.put_opts(&new, "v".into(), &put).await.map(drop),
        Op::PutStream => store.put_stream_opts(&new, body(&["v"]), &put).await.map(drop),
        Op::Delete => store.delete_opts(&old, &delete).await.map(drop),
        Op::PutMany => store.put_many_opts(vec![item()], &call).await.remove(0).map(drop),
        Op::DeleteMany => {
            let items = vec![DeleteItem { key: old, only: None }];
            store.delete_many_opts(items, &delete).await.remove(0).map(drop)
        }
        Op::Copy => store.copy_opts(&old, &new, &CopyOptions::new().with_call(call)).await.map(drop),
        Op::Transact => store.transact_opts(vec![Step::Put(item())], &call).await.map(drop),
        Op::List => {
            store.list_opts(ListOptions::new().with_call(call)).try_for_each(|_| async { Ok(()) }).await
        }
        other => panic!("{other}"),
    }
}

const LIMITS: [(Op, Duration, ErrorKind); 11] = [
    (Op::Get, READS, ErrorKind::Timeout),
    (Op::Head, READS, ErrorKind::Timeout),
    (Op::GetMany, READS, ErrorKind::Timeout),
    (Op::GetStream, PROGRESS, ErrorKind::Timeout),
    (Op::List, PAGE, ErrorKind::Timeout),
    (Op::Put, WRITES, ErrorKind::Unknown),
    (Op::Delete, WRITES, ErrorKind::Unknown),
    (Op::PutMany, WRITES, ErrorKind::Unknown),
    (Op::DeleteMany, WRITES, ErrorKind::Unknown),
    (Op::Copy, WRITES, ErrorKind::Unknown),
    (Op::Transact, WRITES, ErrorKind::Unknown),
];

#[track_caller]
fn cut(error: &Error, kind: ErrorKind) {
    assert_eq!((error.kind(), error.settled()), (kind, kind != ErrorKind::Unknown), "{error:?}");
    assert!(error.store().is_some() && error.advice().is_some(), "{error:?}");
}

#[tokio::test]
async fn whatever_hangs_ends_in_time_and_a_write_is_unknown() {
    for (op, limit, kind) in LIMITS {
        let bed = bed(Fault::before([op]).hang()).await;
        cut(&call(&bed.store, op, Call::default()).await.expect_err(op.name()), kind);
        assert_eq!(bed.clock.passed(), limit, "{op}");
    }
    let bed = bed(Fault::before([Op::PutStream]).hang()).await;
    cut(&call(&bed.store, Op::PutStream, Call::default()).await.unwrap_err(), ErrorKind::Unknown);
    assert_eq!(bed.clock.passed(), PROGRESS);
}

#[tokio::test]
async fn the_earlier_deadline_holds_and_a_call_that_is_over_is_not_begun() {
    for (op, limit, kind) in LIMITS {
        if op == Op::List {
            continue; // Its own deadline is the inner store's to keep.
        }
        let bed = bed(Fault::before([op]).hang()).await;
        let earlier = limit / 2;
        let error = call(&bed.store, op, Call::within(&bed.env, earlier)).await.unwrap_err();
        assert_eq!((error.kind(), bed.clock.passed()), (kind, earlier), "{op}");
        let error = call(&bed.store, op, Call::default().with_deadline(bed.env.now())).await.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Timeout, true), "{op}");
        assert_eq!(bed.store.inner().faults().struck(), 1, "{op}");
    }
}

#[tokio::test]
async fn what_is_done_in_time_is_left_alone() {
    for (op, limit, _) in LIMITS {
        let bed = bed(Fault::before([op]).delay(limit - Duration::from_millis(1)).times(1)).await;
        call(&bed.store, op, Call::default()).await.unwrap_or_else(|e| panic!("{op}: {e:?}"));
    }
}

/// A source or a store that takes `pause` before each piece.
fn slow(env: &Env, pieces: usize, pause: Duration) -> ByteStream {
    let env = env.clone();
    let pieces = stream::iter(0..pieces).then(move |_| {
        let env = env.clone();
        async move {
            env.sleep(pause).await;
            Ok(Bytes::from_static(b"piece"))
        }
    });
    pieces.boxed()
}

#[tokio::test]
async fn a_stream_is_bounded_by_its_progress() {
    let just = PROGRESS - Duration::from_millis(1);
    let bed = bed(Fault::before([Op::Sweep])).await;
    bed.store.put_stream("slow", slow(&bed.env, 50, just)).await.unwrap();
    assert_eq!(bed.clock.passed(), just * 50);
    assert_eq!(bed.store.get("slow").await.unwrap().unwrap().len(), 250);

    let error = bed.store.put_stream("stalls", slow(&bed.env, 1, PROGRESS * 9)).await;
    // On this clock whoever sleeps first wakes first: the piece comes too late, or the upload is given up.
    if let Err(error) = &error {
        cut(error, ErrorKind::Unknown);
    }
    let endless = slow(&bed.env, 3, just).chain(stream::pending()).boxed();
    let before = bed.clock.passed();
    let error = bed.store.put_stream("endless", endless).await.unwrap_err();
    cut(&error, ErrorKind::Unknown);
    assert_eq!(bed.clock.passed() - before, just * 3 + PROGRESS);
    assert!(!bed.store.exists("endless").await.unwrap());
    // It ends in the store, behind the last piece.
    let call = Call::within(&bed.env, Duration::from_secs(1));
    let options = PutOptions::new().with_call(call);
    assert!(bed.store.put_stream_opts(&key("x"), stream::pending().boxed(), &options).await.is_err());
}

#[tokio::test]
async fn a_listing_is_bounded_from_item_to_item() {
    let bed = bed(Fault::after([Op::List]).hang()).await;
    let mut items = bed.store.list("");
    assert_eq!(items.next().await.unwrap().unwrap().name(), "old");
    // The caller may take its time.
    bed.clock.advance(PAGE * 3);
    let error = items.next().await.unwrap().unwrap_err();
    cut(&error, ErrorKind::Timeout);
    assert!(items.next().await.is_none());
}

#[tokio::test]
async fn a_timeout_of_nothing_is_refused_and_none_is_no_timeout() {
    let inner = || Reference::new(&Place::new("bad", Env::system()));
    let error = Timeout::new(inner(), TimeoutOptions::new().with_page(Some(Duration::ZERO))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let never = TimeoutOptions::new().with_reads(None).with_writes(None).with_progress(None).with_page(None);
    let store = Timeout::new(inner(), never).unwrap();
    store.put_stream("k", body(&["v"])).await.unwrap();
    assert_eq!(store.entries("").count().await, 1);
}
