//! Streams and listings that break off on purpose.
#![cfg(feature = "conformance")]

use std::time::Duration;

use crate::common::faulty::{body, faulty, key, plan};
use futures_util::{FutureExt, StreamExt};
use larder_store_core::conformance::TestClock;
use larder_store_core::layer::fault::{Fault, Faults};
use larder_store_core::{ByteStream, Call, Env, Error, ErrorKind, ListOptions, Op, Store, StoreExt};

async fn read(mut body: ByteStream) -> (String, Option<Error>) {
    let mut all = String::new();
    let mut failed = None;
    while let Some(piece) = body.next().await {
        assert!(failed.is_none(), "something came behind an error");
        match piece {
            Ok(piece) => all.push_str(std::str::from_utf8(&piece).unwrap()),
            Err(error) => failed = Some(error),
        }
    }
    (all, failed)
}

#[tokio::test]
async fn a_read_stream_breaks_off_at_the_byte() {
    for at in 0..12 {
        let faults = plan(Fault::before([Op::GetStream]).cut(at, ErrorKind::Unavailable));
        let (_, store) = faulty(&faults).await;
        let (read, failed) = read(store.get_stream("old").await.unwrap().unwrap()).await;
        assert_eq!(read, "0123456789"[..10.min(at as usize)]);
        let kind = (at <= 10).then_some(ErrorKind::Unavailable);
        assert_eq!(failed.as_ref().map(Error::kind), kind, "{at}");
        assert_eq!(faults.struck(), u64::from(at <= 10));
        assert!(failed.is_none_or(|e| e.store() == Some(store.id()) && e.key() == Some(&key("old"))));
    }
    // A rule that may strike no more lets the rest through, at the byte where it would have struck too.
    let faults = plan(Fault::before([Op::GetStream]).cut(3, ErrorKind::Unavailable).times(1));
    let (_, store) = faulty(&faults).await;
    let both =
        [store.get_stream("old").await.unwrap().unwrap(), store.get_stream("old").await.unwrap().unwrap()];
    let [first, second] = both.map(read);
    assert_eq!(first.await.0, "012");
    let (whole, failed) = second.await;
    assert!(whole == "0123456789" && failed.is_none());
}

#[tokio::test]
async fn a_written_stream_breaks_off_at_the_byte_and_nothing_is_written() {
    for at in 0..9 {
        let faults = plan(Fault::before([Op::PutStream]).cut(at, ErrorKind::Throttled));
        let (inner, store) = faulty(&faults).await;
        let done = store.put_stream("new", body(&["abc", "", "defg"])).await;
        if at <= 7 {
            assert_eq!(done.unwrap_err().kind(), ErrorKind::Throttled, "{at}");
            assert!(!inner.exists("new").await.unwrap());
        } else {
            done.unwrap();
            assert_eq!(inner.get("new").await.unwrap().unwrap(), "abcdefg");
        }
    }
}

async fn names(store: &dyn Store) -> (Vec<String>, Option<ErrorKind>) {
    let mut list = store.list_opts(ListOptions::new());
    let (mut names, mut failed) = (Vec::new(), None);
    while let Some(item) = list.next().await {
        assert!(failed.is_none(), "something came behind an error");
        match item {
            Ok(item) => names.push(item.name().to_owned()),
            Err(error) => {
                assert_eq!(error.store(), Some(store.id()));
                failed = Some(error.kind());
            }
        }
    }
    (names, failed)
}

#[tokio::test]
async fn a_listing_breaks_off_at_the_item() {
    let kind = ErrorKind::Throttled;
    for at in 0..5 {
        let faults = plan(Fault::before([Op::List]).cut(at, kind));
        let (inner, store) = faulty(&faults).await;
        inner.put("a", "").await.unwrap();
        inner.put("b", "").await.unwrap();
        let all = ["a", "b", "old"].map(str::to_owned);
        let cut = 3.min(at as usize);
        assert_eq!(names(&store).await, (all[..cut].to_vec(), (at <= 3).then_some(kind)), "{at}");
        assert_eq!(faults.struck(), u64::from(at <= 3));
        faults.disable();
        assert_eq!(names(&store).await, (all.to_vec(), None));
    }
    let (_, store) = faulty(&plan(Fault::before([Op::List]).fail(kind))).await;
    assert_eq!(names(&store).await, (vec![], Some(kind)));
    let (_, store) = faulty(&plan(Fault::after([Op::List]).fail(kind))).await;
    assert_eq!(names(&store).await, (vec!["old".to_owned()], Some(kind)));
    // Behind an error nothing hangs.
    let rules = [Fault::before([Op::List]).fail(kind), Fault::after([Op::List]).hang()];
    let (_, store) = faulty(&Faults::new(1, rules).unwrap()).await;
    assert_eq!(names(&store).await, (vec![], Some(kind)));
    assert_eq!(store.faults().struck(), 1);
}

/// A wait that a defect cannot make endless.
async fn soon<T>(work: impl Future<Output = T>) -> T {
    let env = Env::system();
    let call = Call::within(&env, Duration::from_secs(10));
    call.guard(&env, Op::List, async { Ok(work.await) }).await.expect("it comes within seconds")
}

#[tokio::test]
async fn a_listing_comes_late_once_or_ends_late_or_is_given_up() {
    let clock = TestClock::new();
    let hour = Duration::from_secs(3600);
    for after in [false, true] {
        let rule = if after { Fault::after([Op::List]) } else { Fault::before([Op::List]) };
        let faults = plan(rule.delay(hour));
        let (inner, store) = faulty(&faults).await;
        inner.put("a", "").await.unwrap();
        let store = store.with_env(clock.env());
        let mut listing = store.list("");
        // Late in front of the items, or behind them: once, and not for each item.
        for _ in 0..if after { 2 } else { 0 } {
            listing.next().now_or_never().unwrap().unwrap().unwrap();
        }
        assert!(listing.next().now_or_never().is_none());
        clock.advance(hour);
        for _ in 0..if after { 0 } else { 2 } {
            soon(listing.next()).await.unwrap().unwrap();
        }
        assert!(soon(listing.next()).await.is_none());
        assert_eq!(faults.struck(), 1);
        // A deadline in between ends it.
        let call = Call::within(&clock.env(), hour / 2);
        let mut listing = store.list_opts(ListOptions::new().with_call(call));
        for _ in 0..if after { 2 } else { 0 } {
            soon(listing.next()).await.unwrap().unwrap();
        }
        assert!(listing.next().now_or_never().is_none());
        clock.advance(hour * 2 / 3);
        assert_eq!(soon(listing.next()).await.unwrap().unwrap_err().kind(), ErrorKind::Timeout);
        assert!(soon(listing.next()).await.is_none());
    }
}
