//! What is sent again, when, and for how long.
#![cfg(feature = "conformance")]

mod deletes;
mod puts;
mod streams;
mod walk;

use std::sync::Arc;
use std::time::Duration;

use crate::common::faulty::{body, key, plan};
use crate::common::jump::JumpClock;
use crate::common::retried::{Retried, bed, bed_with as bed_of};
use futures_util::TryStreamExt;
use larder_store_core::conformance::{Place, Reference};
use larder_store_core::layer::Layers;
use larder_store_core::layer::fault::{Fault, FaultStore};
use larder_store_core::layer::retry::{Retries, Retry, RetryBudget, RetryOptions};
use larder_store_core::{
    Call, DeleteItem, Env, Error, ErrorKind, GetOptions, Listed, Op, PutItem, PutOptions, Store, StoreExt,
    SweepOptions, derived,
};
use tokio_util::sync::CancellationToken;

const READS: [Op; 8] =
    [Op::Get, Op::GetStream, Op::Head, Op::GetMany, Op::List, Op::Sweep, Op::Flush, Op::Drain];
const WRITES: [Op; 6] = [Op::Put, Op::Delete, Op::PutMany, Op::DeleteMany, Op::Copy, Op::Transact];

async fn call(store: &Retried, op: Op, c: &Call) -> Result<(), Error> {
    let get = GetOptions::new().with_call(c.clone());
    let item = || PutItem { key: key("new"), value: "v".into(), options: PutOptions::new() };
    match op {
        Op::Get => store.get_opts(&key("old"), &get).await.map(drop),
        Op::GetStream => {
            let body = store.get_stream_opts(&key("old"), &get).await?.into_body().unwrap();
            assert_eq!(derived::collect(body, u64::MAX).await?, "0123456789");
            Ok(())
        }
        Op::Head => {
            let head = larder_store_core::HeadOptions::new().with_call(c.clone());
            store.head_opts(&key("old"), &head).await.map(drop)
        }
        Op::GetMany => store.get_many_opts(&[key("old")], &get).await.remove(0).map(drop),
        Op::Put => {
            store.put_opts(&key("new"), "v".into(), &PutOptions::new().with_call(c.clone())).await.map(drop)
        }
        Op::PutStream => {
            let options = PutOptions::new().with_call(c.clone());
            store.put_stream_opts(&key("new"), body(&["v"]), &options).await.map(drop)
        }
        Op::Delete => {
            let options = larder_store_core::DeleteOptions::new().with_call(c.clone());
            store.delete_opts(&key("old"), &options).await.map(drop)
        }
        Op::PutMany => store.put_many_opts(vec![item()], c).await.remove(0).map(drop),
        Op::DeleteMany => {
            let options = larder_store_core::DeleteOptions::new().with_call(c.clone());
            let items = vec![DeleteItem { key: key("old"), only: None }];
            store.delete_many_opts(items, &options).await.remove(0).map(drop)
        }
        Op::Copy => {
            let options = larder_store_core::CopyOptions::new().with_call(c.clone());
            store.copy_opts(&key("old"), &key("new"), &options).await.map(drop)
        }
        Op::Transact => store.transact_opts(vec![larder_store_core::Step::Put(item())], c).await.map(drop),
        Op::List => {
            let options = larder_store_core::ListOptions::new().with_call(c.clone());
            let found: Vec<Listed> = store.list_opts(options).try_collect().await?;
            assert_eq!(found.len(), 1);
            Ok(())
        }
        Op::Sweep => {
            let mut options = SweepOptions::new();
            options.call = c.clone();
            store.sweep(&options).await.map(drop)
        }
        Op::Flush => store.flush(c).await,
        Op::Drain => store.drain(c).await,
        other => panic!("{other} is not tried"),
    }
}

#[tokio::test]
async fn what_passes_is_tried_until_it_passed() {
    for op in READS.iter().chain(&WRITES).copied() {
        for kind in [ErrorKind::Throttled, ErrorKind::Unavailable, ErrorKind::Timeout] {
            let bed = bed([Fault::before([op]).fail(kind).times(9)]).await;
            call(&bed.store, op, &Call::default()).await.unwrap_or_else(|e| panic!("{op}: {e:?}"));
            assert_eq!((bed.faults.cells()[0].asked, bed.clock.sleeps().len()), (10, 9), "{op} {kind}");

            // One more is one too many.
            let bed = bed_of(RetryOptions::new(), 7, [Fault::before([op]).fail(kind)]).await;
            let error = call(&bed.store, op, &Call::default()).await.expect_err(op.name());
            assert_eq!((error.kind(), error.settled(), error.op()), (kind, true, op));
            assert_eq!(bed.faults.cells()[0].asked, 10, "{op} {kind}");
            assert!(error.advice().unwrap().contains("given up after 10 attempts: as many"), "{error}");
            assert_eq!(error.store(), Some(bed.inner.id()));
        }
    }
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    for op in READS.iter().chain(&WRITES).copied().chain([Op::PutStream]) {
        for kind in [
            ErrorKind::Conflict,
            ErrorKind::Cancelled,
            ErrorKind::Invalid,
            ErrorKind::Unsupported,
            ErrorKind::Denied,
            ErrorKind::Corrupt,
            ErrorKind::Full,
            ErrorKind::Closed,
        ] {
            let bed = bed([Fault::before([op]).fail(kind).nth(1)]).await;
            let error = call(&bed.store, op, &Call::default()).await.expect_err(op.name());
            assert_eq!((error.kind(), error.settled(), error.advice()), (kind, true, None), "{op}");
            assert_eq!((bed.faults.cells()[0].asked, bed.clock.sleeps().len()), (1, 0), "{op} {kind}");
        }
    }
}

#[tokio::test]
async fn a_read_is_tried_again_after_unknown_and_a_streamed_put_never() {
    for op in READS {
        let bed = bed([Fault::before([op]).fail(ErrorKind::Unknown).times(1)]).await;
        call(&bed.store, op, &Call::default()).await.unwrap();
    }
    for kind in [ErrorKind::Throttled, ErrorKind::Unavailable, ErrorKind::Timeout] {
        let bed = bed([Fault::before([Op::PutStream]).fail(kind).nth(1)]).await;
        let error = call(&bed.store, Op::PutStream, &Call::default()).await.unwrap_err();
        assert_eq!((error.kind(), error.settled(), bed.faults.cells()[0].asked), (kind, true, 1));
        assert!(!bed.inner.exists("new").await.unwrap());
    }
}

#[tokio::test]
async fn pauses_double_up_to_a_bound_and_are_drawn() {
    let ms = Duration::from_millis;
    let mut longest = [Duration::ZERO; 9];
    let mut shortest = [Duration::MAX; 9];
    for seed in 0..200 {
        let clock = JumpClock::new();
        let options = RetryOptions::new()
            .with_budget(RetryBudget::unlimited())
            .with_pauses(ms(100), ms(800))
            .with_patience(None);
        let retries = Retries::new(options, clock.env(seed)).unwrap();
        let down = |_| async { Err::<(), _>(Error::new(ErrorKind::Unavailable, Op::Get, "down")) };
        retries.run(Op::Get, &Call::default(), down).await.unwrap_err();
        for (at, slept) in clock.sleeps().into_iter().enumerate() {
            longest[at] = longest[at].max(slept);
            shortest[at] = shortest[at].min(slept);
        }
    }
    for (at, bound) in [100, 200, 400, 800, 800, 800, 800, 800, 800].into_iter().enumerate() {
        let bound = ms(bound);
        assert!(longest[at] <= bound && longest[at] > bound * 9 / 10, "{at}: {:?}", longest[at]);
        assert!(shortest[at] < bound / 10, "{at}: {:?}", shortest[at]);
    }
}

#[tokio::test]
async fn a_service_that_names_a_pause_gets_it() {
    let clock = JumpClock::new();
    let retries = Retries::new(RetryOptions::new(), clock.env(3)).unwrap();
    let after = Duration::from_secs(7);
    let told = |attempt| async move {
        match attempt {
            1 => Err(Error::new(ErrorKind::Throttled, Op::Get, "slow down").with_retry_after(after)),
            _ => Ok(attempt),
        }
    };
    assert_eq!(retries.run(Op::Get, &Call::default(), told).await.unwrap(), 2);
    assert!(clock.passed() >= after && clock.passed() < after * 2, "{:?}", clock.passed());

    // One that leaves no time for it gets the error at once.
    let call = Call::within(retries.env(), Duration::from_secs(6));
    let before = clock.passed();
    let error = retries.run(Op::Get, &call, told).await.unwrap_err();
    assert_eq!((error.kind(), clock.passed()), (ErrorKind::Throttled, before));
    assert_eq!(error.advice(), Some("given up after 1 attempt: the deadline leaves no time for another"));
    assert_eq!(error.retry_after(), Some(after));
}

#[tokio::test]
async fn nothing_sleeps_past_the_deadline() {
    for op in READS.iter().chain(&WRITES).copied() {
        let bed = bed([Fault::before([op]).fail(ErrorKind::Unavailable)]).await;
        let limit = Duration::from_millis(600);
        let error = call(&bed.store, op, &Call::within(&bed.env, limit)).await.expect_err(op.name());
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unavailable, true), "{op}");
        assert!(error.advice().unwrap().contains("the deadline leaves no time"), "{op}: {error}");
        assert!(bed.clock.passed() < limit, "{op}: {:?}", bed.clock.passed());
        assert!(bed.faults.cells()[0].asked > 1, "{op}");
    }
}

#[tokio::test]
async fn an_attempt_that_hangs_is_cut_by_the_deadline() {
    let limit = Duration::from_secs(2);
    for op in READS {
        // A stream hangs where it is opened; a listing is the inner store's to cut.
        if op == Op::List {
            continue;
        }
        let bed = bed([Fault::before([op]).hang()]).await;
        let error = call(&bed.store, op, &Call::within(&bed.env, limit)).await.expect_err(op.name());
        assert_eq!((error.kind(), bed.clock.passed()), (ErrorKind::Timeout, limit), "{op}");
        assert_eq!(bed.faults.cells()[0].asked, 1, "{op}");
    }
    for op in WRITES.into_iter().chain([Op::PutStream]) {
        let bed = bed([Fault::before([op]).hang()]).await;
        let error = call(&bed.store, op, &Call::within(&bed.env, limit)).await.expect_err(op.name());
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false), "{op}: {error}");
        assert_eq!((bed.clock.passed(), bed.faults.cells()[0].asked), (limit, 1), "{op}");
        assert_eq!(error.store(), Some(bed.inner.id()), "{op}");
    }
}

#[tokio::test]
async fn a_pause_ends_when_the_call_is_cancelled() {
    // The first token is cancelled by what fails.
    let clock = JumpClock::new();
    let retries = Retries::new(RetryOptions::new(), clock.env(1)).unwrap();
    let token = CancellationToken::new();
    let call = Call::default().with_cancel(token.clone());
    let down = |_| {
        let token = token.clone();
        async move {
            token.cancel();
            Err::<(), _>(Error::new(ErrorKind::Unavailable, Op::Get, "down").on(&key("k")))
        }
    };
    let error = retries.run(Op::Get, &call, down).await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (ErrorKind::Cancelled, Some(&key("k"))));
    assert!(clock.sleeps().is_empty());
}

#[tokio::test]
async fn patience_ends_it_too_and_cuts_no_attempt() {
    let patience = Duration::from_secs(3);
    let options = RetryOptions::new()
        .with_attempts(1_000)
        .with_budget(RetryBudget::unlimited())
        .with_patience(Some(patience));
    let bed = bed_of(options, 7, [Fault::before([Op::Get]).fail(ErrorKind::Unavailable)]).await;
    let error = bed.store.get_opts(&key("old"), &GetOptions::new()).await.unwrap_err();
    assert!(error.advice().unwrap().contains("patience"), "{error}");
    assert!(bed.clock.passed() < patience && bed.clock.passed() > patience / 3);
    let rules = [Fault::before([Op::Get]).delay(patience * 5)];
    let bed = bed_of(options, 7, rules).await;
    assert_eq!(bed.store.get("old").await.unwrap().unwrap(), "0123456789");
}

#[tokio::test]
async fn the_budget_is_shared_and_comes_back() {
    let options = RetryOptions::new().with_pauses(Duration::ZERO, Duration::ZERO);
    let bed = bed_of(options, 7, [Fault::before([Op::Get, Op::Put]).fail(ErrorKind::Unavailable)]).await;
    let asked = || bed.faults.cells().iter().map(|cell| cell.asked).sum::<u64>();
    for _ in 0..500 {
        let error = bed.store.get_opts(&key("old"), &GetOptions::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let error = bed.store.put("new", "v").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    // A thousand first attempts, a fifth of that again, and the reserve.
    assert_eq!(asked(), 1_000 + 200 + 10);
    let error = bed.store.put("new", "v").await.unwrap_err();
    assert!(error.advice().unwrap().contains("budget"), "{error}");
    bed.clock.advance(Duration::from_secs(1));
    let before = asked();
    bed.store.put("new", "v").await.unwrap_err();
    assert_eq!(asked() - before, 10);
}

#[tokio::test]
async fn a_try_get_that_fails_falls_to_a_get() {
    let bed = bed([Fault::before([Op::Get]).fail(ErrorKind::Unavailable).times(1)]).await;
    assert!(bed.store.try_get(&key("old"), &GetOptions::new()).is_none());
    assert!(bed.store.try_get(&key("old"), &GetOptions::new()).unwrap().is_ok());
    let bed = bed_of(RetryOptions::new(), 7, [Fault::before([Op::Get]).fail(ErrorKind::Corrupt)]).await;
    let got = bed.store.try_get(&key("old"), &GetOptions::new());
    assert_eq!(got.unwrap().unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn options_that_contradict_themselves_and_harmful_orders_are_refused() {
    let bad = [
        RetryOptions::new().with_attempts(0),
        RetryOptions::new().with_pauses(Duration::from_secs(2), Duration::from_secs(1)),
        RetryOptions::new().with_budget(RetryBudget::new().with_share(-0.1)),
        RetryOptions::new().with_budget(RetryBudget::new().with_share(f64::NAN)),
        RetryOptions::new().with_budget(RetryBudget::new().with_most(3)),
    ];
    for options in bad {
        let inner = Reference::new(&Place::new("bad", Env::system()));
        assert_eq!(Retry::new(inner, options).unwrap_err().kind(), ErrorKind::Invalid, "{options:?}");
    }
    let store = FaultStore::new(bed([]).await.store, plan(Fault::before([Op::Get])));
    assert!(store.layers().has(Layers::RETRY));
    let error = Retry::new(Arc::new(store.prefixed("p/").unwrap()), RetryOptions::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.why().contains("a retry layer around a retry layer"), "{error}");
}
