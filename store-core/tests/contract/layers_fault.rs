//! The store that fails on purpose does fail on purpose, and only then.
#![cfg(feature = "conformance")]

use std::collections::BTreeMap;
use std::time::Duration;

use crate::common::faulty::{body, faulty, key, plan};
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use larder_store_core::conformance::{Reference, TestClock};
use larder_store_core::layer::fault::{Effect, Fault, FaultStore, Faults, When};
use larder_store_core::{
    Call, Copied, DeleteItem, DeleteOptions, Error, ErrorKind, GetOptions, Op, PutItem, PutOptions, Result,
    Step, Store, StoreExt, SweepOptions,
};

fn only<T>(mut outcomes: Vec<Result<T>>) -> Result<()> {
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0).map(drop)
}

const CALLS: &[Op] = &[
    Op::Get,
    Op::GetStream,
    Op::Head,
    Op::Put,
    Op::PutStream,
    Op::Delete,
    Op::GetMany,
    Op::PutMany,
    Op::DeleteMany,
    Op::Copy,
    Op::Transact,
    Op::List,
    Op::Sweep,
    Op::Flush,
    Op::Drain,
    Op::Close,
];

const WRITES: &[Op] =
    &[Op::Put, Op::PutStream, Op::Delete, Op::PutMany, Op::DeleteMany, Op::Copy, Op::Transact];

/// One call of each operation; those that write make `new`, those that remove take `old`.
async fn call(store: &dyn Store, op: Op) -> Result<()> {
    let (old, new, c) = (key("old"), key("new"), Call::default());
    let item = || PutItem { key: key("new"), value: "v".into(), options: PutOptions::new() };
    match op {
        Op::Get => store.get_opts(&old, &GetOptions::new()).await.map(drop),
        Op::GetStream => store.get_stream("old").await.map(drop),
        Op::Head => store.head("old").await.map(drop),
        Op::Put => store.put("new", "v").await.map(drop),
        Op::PutStream => store.put_stream("new", body(&["v"])).await.map(drop),
        Op::Delete => store.delete("old").await.map(drop),
        Op::GetMany => only(store.get_many_opts(&[old], &GetOptions::new()).await),
        Op::PutMany => only(store.put_many_opts(vec![item()], &c).await),
        Op::DeleteMany => {
            let items = vec![DeleteItem { key: old, only: None }];
            only(store.delete_many_opts(items, &DeleteOptions::new()).await)
        }
        Op::Copy => match store.copy("old", &new).await? {
            Copied::Done(_) => Ok(()),
            Copied::Absent => panic!("there is something to copy"),
        },
        Op::Transact => store.transact_opts(vec![Step::Put(item())], &c).await.map(drop),
        Op::List => store.list("").try_collect::<Vec<_>>().await.map(drop),
        Op::Sweep => store.sweep(&SweepOptions::new()).await.map(drop),
        Op::Flush => store.flush(&c).await,
        Op::Drain => store.drain(&c).await,
        Op::Close => store.close(&c).await,
        other => panic!("{other} is no call"),
    }
}

/// Whether the effect of [`call`] is there; `None` for calls without one.
async fn effect(inner: &Reference, op: Op) -> Option<bool> {
    match op {
        Op::Put | Op::PutStream | Op::PutMany | Op::Copy | Op::Transact => {
            Some(inner.exists("new").await.unwrap())
        }
        Op::Delete | Op::DeleteMany => Some(!inner.exists("old").await.unwrap()),
        Op::Close => Some(inner.exists("old").await.is_err()),
        _ => None,
    }
}

#[test]
fn every_call_of_a_store_is_tried_here() {
    let jobs = [Op::Export, Op::Import, Op::Verify];
    let of_collections = [Op::Upsert, Op::Search, Op::Maintain];
    let no_call = [Op::Update, Op::Open, Op::Exists, Op::Destroy, Op::Key, Op::Parse];
    let other = |op: &&Op| no_call.contains(op) || jobs.contains(op) || of_collections.contains(op);
    let all: Vec<_> = Op::ALL.iter().filter(|op| !other(op)).collect();
    assert_eq!(CALLS.iter().collect::<Vec<_>>(), all);
}

#[tokio::test]
async fn before_has_no_effect_and_after_has_it() {
    for op in CALLS {
        let faults = plan(Fault::before([*op]));
        let (inner, store) = faulty(&faults).await;
        let error = call(&store, *op).await.expect_err(op.name());
        assert_eq!((error.kind(), error.settled(), error.op()), (ErrorKind::Unavailable, true, *op));
        assert_ne!(effect(&inner, *op).await, Some(true), "{op}");
        assert_eq!(error.store(), Some(inner.id()), "{op}");
        assert_eq!(faults.cells()[0].struck, 1);

        let faults = plan(Fault::after([*op]));
        let (inner, store) = faulty(&faults).await;
        let error = call(&store, *op).await.expect_err(op.name());
        let lost = if WRITES.contains(op) { ErrorKind::Unknown } else { ErrorKind::Unavailable };
        assert_eq!((error.kind(), error.settled()), (lost, !WRITES.contains(op)), "{op}");
        assert_ne!(effect(&inner, *op).await, Some(false), "{op}");
        assert!(faults.zero_cells().is_empty());

        // Switched off, and with a rule for another operation, nothing happens.
        for faults in [
            plan(Fault::before([*op])),
            plan(Fault::before([if *op == Op::Get { Op::Put } else { Op::Get }])),
        ] {
            faults.disable();
            let (inner, store) = faulty(&faults).await;
            call(&store, *op).await.unwrap_or_else(|e| panic!("{op}: {e}"));
            assert_ne!(effect(&inner, *op).await, Some(false), "{op}");
            assert_eq!((faults.struck(), faults.cells()[0].asked), (0, 0));
        }
    }
}

#[tokio::test]
async fn any_kind_of_error_settled_or_not() {
    for kind in [
        ErrorKind::Conflict,
        ErrorKind::Unknown,
        ErrorKind::Throttled,
        ErrorKind::Unavailable,
        ErrorKind::Timeout,
        ErrorKind::Cancelled,
        ErrorKind::Invalid,
        ErrorKind::Unsupported,
        ErrorKind::Denied,
        ErrorKind::Corrupt,
        ErrorKind::Full,
        ErrorKind::Closed,
    ] {
        let (_, store) = faulty(&plan(Fault::before([Op::Put]).fail(kind))).await;
        let error = store.put("k", "v").await.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (kind, kind != ErrorKind::Unknown));
        assert_eq!(error.key(), Some(&key("k")));
        let (_, store) = faulty(&plan(Fault::after([Op::Put]).fail(kind))).await;
        assert!(!store.put("k", "v").await.unwrap_err().settled());
        for settled in [true, false] {
            let (_, store) = faulty(&plan(Fault::after([Op::Put]).fail(kind).settled(settled))).await;
            assert_eq!(store.put("k", "v").await.unwrap_err().settled(), settled);
        }
    }
}

#[tokio::test]
async fn an_answer_is_lost_only_if_there_may_have_been_an_effect() {
    let (_, store) = faulty(&plan(Fault::after([Op::Put, Op::Get]))).await;
    let refused = PutOptions::new().with_size_hint(7);
    let error = store.put_opts(&key("k"), "v".into(), &refused).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "a refusal passes: {error}");
    assert_eq!(store.faults().struck(), 0);
    let error = store.put_if_absent("old", "v").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unknown, "a conflict is an answer, and is lost: {error}");
}

/// The fate of 3,000 calls.
async fn fates(seed: u64) -> (Vec<Option<ErrorKind>>, Vec<String>) {
    let rules = [
        Fault::before([Op::Put, Op::Get]).rate(0.2),
        Fault::after([Op::Put]).rate(0.1),
        Fault::before([Op::Delete]).fail(ErrorKind::Throttled).rate(0.05),
        Fault::before([Op::Get]).fail(ErrorKind::Corrupt).keys("k1").rate(0.5).times(20),
    ];
    let faults = Faults::new(seed, rules).unwrap();
    let (_, store) = faulty(&faults).await;
    let mut fates = Vec::new();
    for i in 0..1000 {
        let k = format!("k{}", i % 4);
        fates.push(store.put(&k, "v").await.err());
        fates.push(store.get(&k).await.err());
        fates.push(store.delete(&k).await.err());
    }
    let fates = fates.into_iter().map(|e| e.map(|e| e.kind())).collect();
    (fates, faults.cells().iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn the_same_seed_has_the_same_faults() {
    let first = fates(7).await;
    assert_eq!(first, fates(7).await);
    assert_ne!(first.0, fates(8).await.0);
    let mut counts = BTreeMap::new();
    for (i, kind) in first.0.iter().enumerate() {
        *counts.entry((i % 3, kind.map(|k| k.to_string()))).or_insert(0) += 1;
    }
    let count = |op: usize, kind: &str| counts.get(&(op, Some(kind.to_owned()))).copied().unwrap_or(0);
    // Within five standard deviations of the rates; puts meet the second rule when the first let them through.
    assert!((137..=263).contains(&count(0, "unavailable")), "{counts:?}");
    assert!((37..=123).contains(&count(0, "unknown outcome")), "{counts:?}");
    assert!((15..=85).contains(&count(2, "throttled")), "{counts:?}");
    assert_eq!(count(1, "corrupt"), 20, "{counts:?}");
    assert_eq!(
        count(1, "throttled") + count(2, "unavailable") + count(2, "unknown outcome"),
        0,
        "{counts:?}"
    );
}

#[tokio::test]
async fn the_number_of_the_call_decides_and_not_who_comes_first() {
    let struck = |order: Vec<u64>| async move {
        let faults = plan(Fault::before([Op::Put]).rate(0.3));
        let (_, store) = faulty(&faults).await;
        let puts = order.into_iter().map(|i| {
            let store = &store;
            async move { store.put(format!("{i}"), "v").await.is_err() }
        });
        futures_util::future::join_all(puts).await
    };
    assert_eq!(struck((0..200).collect()).await, struck((0..200).rev().collect()).await);
}

#[tokio::test]
async fn the_nth_call_and_so_many_times() {
    let faults = plan(Fault::before([Op::Put]).nth(3));
    let (_, store) = faulty(&faults).await;
    let mut failed = Vec::new();
    for i in 1..=6 {
        if store.put("k", "v").await.is_err() {
            failed.push(i);
        }
    }
    assert_eq!(failed, [3]);
    let faults = plan(Fault::before([Op::Put, Op::Delete]).times(2));
    let (_, store) = faulty(&faults).await;
    assert!(store.put("k", "v").await.is_err());
    assert!(store.delete("k").await.is_err());
    assert!(store.put("k", "v").await.is_ok());
    let cells: Vec<_> = faults.cells().iter().map(ToString::to_string).collect();
    assert_eq!(cells, ["put before fail unavailable: 1 of 2", "delete before fail unavailable: 1 of 1"]);
    assert_eq!(faults.struck(), 2);
}

#[tokio::test]
async fn keys_by_prefix() {
    let faults = plan(Fault::before([Op::Put, Op::List, Op::Copy, Op::Transact]).keys("a/"));
    let (_, store) = faulty(&faults).await;
    assert!(store.put("a/1", "v").await.is_err());
    assert!(store.put("b/1", "v").await.is_ok());
    assert!(store.copy("b/1", "a/1").await.is_err());
    assert!(store.copy("b/1", "b/2").await.is_ok());
    let put = |k: &str| Step::Put(PutItem { key: key(k), value: "v".into(), options: PutOptions::new() });
    assert!(store.transact(vec![put("b/3"), put("a/3")]).await.is_err());
    assert!(store.transact(vec![put("b/3")]).await.is_ok());
    assert!(store.list("a/").next().await.unwrap().is_err());
    assert!(store.list("").next().await.unwrap().is_ok());
    assert_eq!(faults.cells().iter().map(|c| c.asked).collect::<Vec<_>>(), [1, 1, 1, 1]);
}

#[tokio::test]
async fn cells_show_what_never_struck() {
    let faults = Faults::new(
        1,
        [
            Fault::before([Op::Put, Op::Delete]),
            Fault::after([Op::Put]).nth(100),
            Fault::before([Op::Put]).nth(1),
            Fault::before([Op::GetStream]).cut(3, ErrorKind::Unavailable),
        ],
    )
    .unwrap();
    let (_, store) = faulty(&faults).await;
    assert!(store.put("k", "v").await.is_err());
    let zero: Vec<_> = faults.zero_cells().iter().map(|c| (c.op, c.when, c.effect)).collect();
    let fail = Effect::Fail;
    assert_eq!(
        zero,
        [
            (Op::Delete, When::Before, fail(ErrorKind::Unavailable)),
            (Op::Put, When::After, fail(ErrorKind::Unknown)),
            (Op::GetStream, When::Before, Effect::Cut { at: 3, kind: ErrorKind::Unavailable }),
        ]
    );
    assert!(format!("{faults:?}").contains("put before fail unavailable: 1 of 2"), "{faults:?}");
}

#[tokio::test]
async fn a_hang_never_answers_until_it_is_dropped() {
    for op in CALLS {
        for rule in [Fault::before([*op]).hang(), Fault::after([*op]).hang()] {
            let faults = plan(rule);
            let after = faults.cells()[0].when == When::After;
            let (inner, store) = faulty(&faults).await;
            // The inner store never waits: what does not answer at once never does.
            assert!(call(&store, *op).now_or_never().is_none(), "{op} answered");
            if let Some(effect) = effect(&inner, *op).await {
                assert_eq!(effect, after, "{op}");
            }
            assert_eq!(faults.struck(), 1, "{op}");
            faults.disable();
            if *op != Op::Close {
                call(&store, *op).await.unwrap_or_else(|e| panic!("{op} goes on: {e}"));
            }
        }
    }
}

#[tokio::test]
async fn a_delay_is_by_the_environments_clock_and_keeps_the_deadline() {
    let hour = Duration::from_secs(3600);
    for (after, lost) in [(false, ErrorKind::Timeout), (true, ErrorKind::Unknown)] {
        let rule = || if after { Fault::after([Op::Put]) } else { Fault::before([Op::Put]) };
        let clock = TestClock::new();
        let (inner, store) = faulty(&plan(rule().delay(hour))).await;
        let store = store.with_env(clock.env());
        let mut put = Box::pin(store.put("new", "v"));
        assert!((&mut put).now_or_never().is_none());
        assert_eq!(inner.exists("new").await.unwrap(), after);
        clock.advance(hour);
        put.await.unwrap();
        assert!(inner.exists("new").await.unwrap());
        // A deadline inside the delay: before the effect nothing was done, after it the answer is lost.
        let call = Call::within(&clock.env(), hour / 2);
        let options = PutOptions::new().with_call(call);
        let (k, v) = (key("k"), Bytes::from("v"));
        let mut put = store.put_opts(&k, v, &options);
        assert!((&mut put).now_or_never().is_none());
        clock.advance(hour * 2 / 3);
        let error = put.await.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (lost, !after), "{error}");
        assert_eq!(inner.exists("k").await.unwrap(), after);
        assert_eq!(error.key(), Some(&k));
    }
}

#[tokio::test]
async fn many_are_struck_one_by_one() {
    let put = |k: &str| PutItem { key: key(k), value: "v".into(), options: PutOptions::new() };
    let keys = ["a1", "b1", "a2", "b2"].map(key);
    for (after, kind) in [(false, ErrorKind::Unavailable), (true, ErrorKind::Unknown)] {
        let rule = |op| if after { Fault::after([op]) } else { Fault::before([op]) };
        let faults = plan(rule(Op::PutMany).keys("b"));
        let (inner, store) = faulty(&faults).await;
        let done = store.put_many_opts(["a1", "b1", "a2", "b2"].map(put).to_vec(), &Call::default()).await;
        let kinds: Vec<_> = done.iter().map(|d| d.as_ref().err().map(Error::kind)).collect();
        assert_eq!(kinds, [None, Some(kind), None, Some(kind)]);
        assert_eq!(done[1].as_ref().unwrap_err().key(), Some(&keys[1]));
        assert_eq!(inner.exists("b1").await.unwrap(), after);
        assert!(inner.exists("a2").await.unwrap());

        faults.disable();
        store.put_many_opts(["a1", "b1", "a2", "b2"].map(put).to_vec(), &Call::default()).await;
        let faults = plan(rule(Op::DeleteMany).keys("b"));
        let store = FaultStore::new(inner.clone(), faults);
        let items = keys.iter().map(|key| DeleteItem { key: key.clone(), only: None }).collect();
        let done = store.delete_many_opts(items, &DeleteOptions::new()).await;
        let kinds: Vec<_> = done.iter().map(|d| d.as_ref().err().map(Error::kind)).collect();
        assert_eq!(kinds, [None, Some(kind), None, Some(kind)]);
        assert_eq!(inner.exists("b1").await.unwrap(), !after);
        assert!(!inner.exists("a1").await.unwrap());
    }
    let (inner, store) = faulty(&plan(Fault::before([Op::GetMany]).nth(2))).await;
    inner.put("a1", "one").await.unwrap();
    inner.put("b1", "two").await.unwrap();
    inner.put("a2", "three").await.unwrap();
    let got = store.get_many(&keys).await.unwrap();
    assert_eq!(got[0].as_ref().unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(got[1].as_ref().unwrap_err().key(), Some(&keys[1]));
    assert_eq!(got[2].as_ref().unwrap().as_deref(), Some(&b"three"[..]));
    assert_eq!(got[3].as_ref().unwrap(), &None);
}

#[tokio::test]
async fn a_get_that_does_not_wait_is_a_get() {
    let o = GetOptions::new();
    let old = key("old");
    // One draw for one call, whichever way it goes.
    let faults = plan(Fault::before([Op::Get]).nth(2));
    let (_, store) = faulty(&faults).await;
    assert!(store.try_get(&old, &o).unwrap().is_ok());
    let error = store.try_get(&old, &o).unwrap().unwrap_err();
    assert_eq!((error.kind(), error.key()), (ErrorKind::Unavailable, Some(&old)));
    assert!(store.try_get(&old, &o).unwrap().is_ok());
    assert_eq!(faults.cells()[0].asked, 3);
    // What has to wait is carried out by the get that follows, and is not drawn again.
    let clock = TestClock::new();
    let faults = plan(Fault::before([Op::Get]).delay(Duration::from_secs(60)).nth(1));
    let (_, store) = faulty(&faults).await;
    let store = store.with_env(clock.env());
    let mut get = Box::pin(store.get("old"));
    assert!((&mut get).now_or_never().is_none());
    clock.advance(Duration::from_secs(60));
    assert!(get.await.unwrap().is_some());
    let cell = &faults.cells()[0];
    assert_eq!((cell.asked, cell.struck), (1, 1));
    assert!(store.try_get(&old, &o).is_some());
    // Of two rules that fail, the first one does.
    let rules =
        [Fault::after([Op::Get]).fail(ErrorKind::Corrupt), Fault::before([Op::Get]).fail(ErrorKind::Denied)];
    let (_, store) = faulty(&Faults::new(1, rules).unwrap()).await;
    assert_eq!(store.get("old").await.unwrap_err().kind(), ErrorKind::Denied);
}

#[test]
fn rules_that_could_never_strike_are_refused() {
    for (rule, message) in [
        (Fault::before([]), "names no operation"),
        (Fault::before([Op::Put, Op::Update]), "update is no call of a store"),
        (Fault::before([Op::Open]), "open is no call of a store"),
        (Fault::before([Op::Put]).cut(1, ErrorKind::Full), "put has no stream to cut"),
        (Fault::before([Op::Flush]).keys("a"), "flush has no key"),
        (Fault::before([Op::Put]).rate(0.0), "0 is no rate"),
        (Fault::before([Op::Put]).rate(1.1), "1.1 is no rate"),
        (Fault::before([Op::Put]).rate(f64::NAN), "NaN is no rate"),
        (Fault::before([Op::Put]).rate(0.5).nth(1), "a rate and names one call"),
        (Fault::before([Op::Put]).nth(0), "from 1 on"),
        (Fault::before([Op::Put]).times(0), "strikes 0 times"),
    ] {
        let error = Faults::new(1, [rule]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(message), "{error}");
    }
    assert!(Faults::new(1, [Fault::before([Op::Put, Op::Put]).rate(1.0)]).unwrap().cells().len() == 1);
}
