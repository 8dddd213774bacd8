//! Read, change, write back: how often the change runs, and what is there afterwards.
#![cfg(feature = "conformance")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt;
use larder_store_core::conformance::{Place, Reference, TestClock};
use larder_store_core::env::{BoxFuture, Clock};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{
    Attributes, Call, CasScope, Deleted, Env, Error, ErrorKind, Guarantees, Key, Op, PutOptions, Result,
    Store, StoreExt, UpdateOptions, Updated,
};
use tokio_util::sync::CancellationToken;

/// A store of its own for each test: within a process the updates of one key of one store take turns.
fn reference(name: &str) -> Arc<Reference> {
    Arc::new(Reference::new(&Place::new(name, Env::system())))
}

fn faulty(name: &str, rule: Fault) -> (Arc<Reference>, FaultStore<Arc<Reference>>) {
    let inner = reference(name);
    (inner.clone(), FaultStore::new(inner, Faults::new(1, [rule]).unwrap()))
}

/// Appends an `x`, and counts.
fn append(runs: &AtomicUsize) -> impl FnMut(Option<Bytes>) -> Option<Bytes> + Send {
    |value| {
        runs.fetch_add(1, SeqCst);
        Some([value.unwrap_or_default(), Bytes::from("x")].concat().into())
    }
}

/// The kind of an update's error, and how often the change ran.
async fn fails(store: &dyn Store, options: UpdateOptions) -> (Error, usize) {
    let runs = AtomicUsize::new(0);
    let error = store.update_opts("k", options, append(&runs)).await.unwrap_err();
    assert_eq!((error.op(), error.store()), (Op::Update, Some(store.id())), "{error}");
    assert_eq!(error.key().map(Key::as_str), Some("k"), "{error}");
    (error, runs.into_inner())
}

/// A clock whose sleeps are one turn of the executor, and are counted.
#[derive(Default)]
struct Hasty {
    sleeps: AtomicUsize,
    longest: std::sync::Mutex<Duration>,
}

#[allow(clippy::disallowed_methods, reason = "it is a clock")]
impl Clock for Hasty {
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn boot(&self) -> Duration {
        Duration::ZERO
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> BoxFuture<'static, ()> {
        self.sleeps.fetch_add(1, SeqCst);
        let mut longest = self.longest.lock().unwrap();
        *longest = deadline.saturating_duration_since(Instant::now()).max(*longest);
        Box::pin(tokio::task::yield_now())
    }
}

#[tokio::test]
async fn a_value_that_was_not_there_and_one_that_was() {
    let (store, runs) = (reference("first"), AtomicUsize::new(0));
    for expected in ["x", "xx"] {
        let Updated::Written { value, written } = store.update("k", append(&runs)).await.unwrap() else {
            panic!("it was written")
        };
        assert_eq!(value, expected);
        assert_eq!(store.get_versioned("k").await.unwrap().unwrap(), (value, written.version));
    }
    assert_eq!(runs.into_inner(), 2);
    // The chain goes on, so that a resent write can be told from another one.
    assert_eq!(store.head("k").await.unwrap().unwrap().version.unwrap().predecessors().len(), 1);
}

#[tokio::test]
async fn conflicts_are_tried_again_after_a_pause_until_the_attempts_are_used_up() {
    let clock = Arc::new(Hasty::default());
    let options = UpdateOptions::new().with_env(Env::system().with_clock(clock.clone()));
    let conflict = || Fault::before([Op::Put]).fail(ErrorKind::Conflict);
    let (_, store) = faulty("attempts", conflict());
    for attempts in [0, 1, 2, 40] {
        clock.sleeps.store(0, SeqCst);
        let (error, runs) = fails(&store, options.clone().with_attempts(attempts)).await;
        let expected = attempts.max(1);
        assert_eq!((error.kind(), runs), (ErrorKind::Conflict, expected as usize));
        assert!(error.to_string().contains(&format!("given up after {expected} attempts")), "{error}");
        assert_eq!(clock.sleeps.load(SeqCst), runs - 1, "a pause between attempts, and none behind the last");
    }
    let longest = *clock.longest.lock().unwrap();
    assert!(longest > Duration::from_millis(10) && longest <= Duration::from_millis(100), "{longest:?}");
    let (inner, store) = faulty("attempts once", conflict().nth(1));
    let runs = AtomicUsize::new(0);
    store.update_opts("k", options, append(&runs)).await.unwrap();
    assert_eq!((runs.into_inner(), inner.get("k").await.unwrap().unwrap()), (2, "x".into()));
}

#[tokio::test]
async fn a_change_in_between_is_seen_by_the_next_attempt() {
    let store = reference("between");
    store.put("k", "a").await.unwrap();
    let mut seen = Vec::new();
    let other = store.clone();
    store
        .update("k", |value| {
            seen.push(value.clone());
            // Somebody of another process, twice: a write, then a delete.
            match seen.len() {
                1 => {
                    other.put("k", "b").now_or_never().unwrap().unwrap();
                }
                2 => {
                    other.delete("k").now_or_never().unwrap().unwrap();
                }
                _ => {}
            }
            Some(Bytes::from("mine"))
        })
        .await
        .unwrap();
    assert_eq!(seen, [Some("a".into()), Some("b".into()), None::<Bytes>]);
    assert_eq!(store.get("k").await.unwrap().unwrap(), "mine");
}

#[tokio::test]
async fn what_may_have_happened_is_never_applied_again() {
    for (rule, effect) in [
        (Fault::after([Op::Put]), "x"),
        (Fault::before([Op::Put]).fail(ErrorKind::Unknown), ""),
        (Fault::after([Op::Put]).fail(ErrorKind::Conflict), "x"),
        (Fault::before([Op::Put]).fail(ErrorKind::Conflict).settled(false), ""),
    ] {
        let name = format!("unknown {rule:?}");
        let (inner, store) = faulty(&name, rule);
        let (error, runs) = fails(&store, UpdateOptions::new()).await;
        assert_eq!(runs, 1);
        assert!(!error.settled(), "{error:?}");
        assert_eq!(inner.get("k").await.unwrap().unwrap_or_default(), effect);
    }
    let (inner, store) = faulty("unknown delete", Fault::after([Op::Delete]));
    inner.put("k", "v").await.unwrap();
    let error = store.update("k", |_| None).await.unwrap_err();
    assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false));
    assert!(!inner.exists("k").await.unwrap());
}

#[tokio::test]
async fn other_errors_end_it_at_once() {
    for kind in [
        ErrorKind::Throttled,
        ErrorKind::Unavailable,
        ErrorKind::Timeout,
        ErrorKind::Full,
        ErrorKind::Corrupt,
    ] {
        let (inner, store) = faulty(&format!("get {kind}"), Fault::before([Op::Get]).fail(kind));
        let (error, runs) = fails(&store, UpdateOptions::new()).await;
        assert_eq!((error.kind(), runs), (kind, 0));
        assert!(!inner.exists("k").await.unwrap());
        let (inner, store) = faulty(&format!("put {kind}"), Fault::before([Op::Put]).fail(kind));
        let (error, runs) = fails(&store, UpdateOptions::new()).await;
        assert_eq!((error.kind(), runs), (kind, 1));
        assert!(!inner.exists("k").await.unwrap());
    }
    let mut none = Guarantees::in_process();
    none.cas = CasScope::None;
    let none = Reference::with_guarantees(&Place::new("none", Env::system()), none);
    let (error, runs) = fails(&none, UpdateOptions::new()).await;
    assert_eq!((error.kind(), runs), (ErrorKind::Unsupported, 0));
    let mut short = Guarantees::in_process();
    short.max_key = 480;
    let short = Reference::with_guarantees(&Place::new("short", Env::system()), short);
    let error = short.update("k".repeat(481), |_| panic!("it is refused before it runs")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn a_deadline_ends_every_wait() {
    let clock = TestClock::new();
    let (env, minute) = (clock.env(), Duration::from_secs(60));
    let options = || UpdateOptions::new().with_env(clock.env()).with_call(Call::within(&clock.env(), minute));
    let late = |rule: Fault, name: &str| {
        let (inner, store) = faulty(name, rule.delay(2 * minute));
        (inner, store.with_env(env.clone()))
    };
    // In the get: nothing ran. In the put: nothing was sent, or it may have happened.
    for (rule, kind, expected, effect) in [
        (Fault::before([Op::Get]), ErrorKind::Timeout, 0, false),
        (Fault::before([Op::Put]), ErrorKind::Timeout, 1, false),
        (Fault::after([Op::Put]), ErrorKind::Unknown, 1, true),
    ] {
        let (inner, store) = late(rule, &format!("late {kind} {expected}"));
        let mut update = Box::pin(fails(&store, options()));
        assert!((&mut update).now_or_never().is_none());
        clock.advance(minute);
        let (error, runs) = update.await;
        assert_eq!((error.kind(), runs), (kind, expected), "{error}");
        assert_eq!(inner.exists("k").await.unwrap(), effect);
    }
    // In the queue behind another update of the key.
    let (_, store) = faulty("queue", Fault::before([Op::Get]).hang().nth(1));
    let mut first = Box::pin(store.update("k", |_| panic!("it hangs before")));
    assert!((&mut first).now_or_never().is_none());
    let mut second = Box::pin(fails(&store, options()));
    assert!((&mut second).now_or_never().is_none());
    clock.advance(minute);
    let (error, runs) = second.await;
    assert_eq!((error.kind(), runs), (ErrorKind::Timeout, 0));
    // Whoever drops an update lets the next one have its turn.
    drop(first);
    store.update("k", |_| Some("v".into())).await.unwrap();
    // In the pause between attempts, by the caller's own hand.
    let cancel = CancellationToken::new();
    let (_, store) = faulty("pause", Fault::before([Op::Put]).fail(ErrorKind::Conflict));
    let options = UpdateOptions::new().with_call(Call::default().with_cancel(cancel.clone()));
    let mut runs = 0;
    let change = |_: Option<Bytes>| {
        runs += 1;
        if runs == 3 {
            cancel.cancel();
        }
        Some(Bytes::new())
    };
    let error = store.update_opts("k", options, change).await.unwrap_err();
    assert_eq!((error.kind(), runs), (ErrorKind::Cancelled, 3));
}

#[tokio::test]
async fn nothing_deletes() {
    let (inner, store) = faulty("delete", Fault::before([Op::Put]).fail(ErrorKind::Corrupt));
    assert_eq!(store.update("k", |value| value).await.unwrap(), Updated::Nothing);
    inner.put("k", "v").await.unwrap();
    let Updated::Removed(removed) = store.update("k", |_| None).await.unwrap() else {
        panic!("it was there")
    };
    assert_eq!((removed.existed, inner.exists("k").await.unwrap()), (Deleted::Yes, false));
    // Only what was read is removed.
    inner.put("k", "a").await.unwrap();
    let mut seen = Vec::new();
    let updated = store
        .update("k", |value| {
            seen.extend(value);
            if seen.len() == 1 {
                drop(inner.put("k", "b").now_or_never().unwrap().unwrap());
            }
            None
        })
        .await;
    assert!(matches!(updated, Ok(Updated::Removed(_))));
    assert_eq!(seen, ["a", "b"]);
}

#[tokio::test]
async fn attributes_and_expiry_are_kept() {
    let clock = TestClock::new();
    let store = Arc::new(Reference::new(&Place::new("kept", clock.env())));
    let expires = clock.env().wall() + Duration::from_secs(3600);
    let attributes = Attributes::new().content_type("text/plain").set("owner", "anna");
    let put = PutOptions::new().with_expires(expires).with_attributes(attributes.clone());
    store.put_opts(&Key::new("k").unwrap(), "a".into(), &put).await.unwrap();
    let runs = AtomicUsize::new(0);
    store.update("k", append(&runs)).await.unwrap();
    let meta = store.head("k").await.unwrap().unwrap();
    assert_eq!((meta.expires.unwrap().at(), meta.attributes), (Some(expires), Some(attributes)));
    let others = Attributes::new().set("owner", "ben");
    let options = UpdateOptions::new().with_attributes(others.clone());
    store.update_opts("k", options, append(&runs)).await.unwrap();
    let meta = store.head("k").await.unwrap().unwrap();
    assert_eq!((meta.expires.unwrap().at(), meta.attributes), (Some(expires), Some(others)));
    // What has expired is not there, and takes nothing over.
    clock.advance(Duration::from_secs(3600));
    store
        .update("k", |value| {
            assert_eq!(value, None);
            Some("new".into())
        })
        .await
        .unwrap();
    let meta = store.head("k").await.unwrap().unwrap();
    assert_eq!((meta.expires.unwrap().at(), meta.attributes), (None, Some(Attributes::new())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contention_in_a_process_costs_two_requests_an_update() {
    const TASKS: usize = 64;
    const ROUNDS: usize = 20;
    // Rules that never strike, to count the calls.
    let (inner, store) = faulty("contended", Fault::before([Op::Get, Op::Put, Op::Head]).nth(u64::MAX));
    let store = Arc::new(store);
    let tasks = (0..TASKS).map(|_| {
        let store = store.clone();
        async move {
            for _ in 0..ROUNDS {
                store.update("n", |n| Some(count(n).map_or(1, |n| n + 1).to_string().into())).await?;
            }
            Ok::<_, Error>(())
        }
    });
    #[allow(clippy::disallowed_methods, reason = "it is a test")]
    let tasks: Vec<_> = tasks.map(tokio::spawn).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(count(inner.get("n").await.unwrap()), Some(TASKS * ROUNDS));
    let asked: Vec<_> = store.faults().cells().iter().map(|c| (c.op, c.asked)).collect();
    let each = (TASKS * ROUNDS) as u64;
    assert_eq!(asked, [(Op::Get, each), (Op::Put, each), (Op::Head, 0)]);
}

fn count(value: Option<Bytes>) -> Option<usize> {
    value.map(|v| std::str::from_utf8(&v).unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_change_that_panics_leaves_the_key_to_others() {
    let store = reference("panic");
    store.put("k", "v").await.unwrap();
    let update = std::panic::AssertUnwindSafe(store.update("k", |_| panic!("on purpose")));
    assert!(update.catch_unwind().await.is_err());
    let done: Result<Updated> = store.update("k", |_| Some("w".into())).await;
    assert!(done.is_ok());
}
