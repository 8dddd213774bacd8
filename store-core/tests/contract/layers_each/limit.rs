//! At most so many calls at once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use larder_store_core::conformance::{Place, Reference};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::layer::limit::Limit;
use larder_store_core::{
    Call, DeleteItem, DeleteOptions, Env, ErrorKind, GetOptions, ListOptions, Op, PutItem, PutOptions, Store,
    StoreExt, SweepOptions,
};

use crate::common::faulty::{body, faulty, key, plan};

type Limited = Limit<FaultStore<Arc<Reference>>>;

/// Calls of `hangs` never end.
async fn limited(at_once: usize, hangs: Op) -> Limited {
    Limit::new(faulty(&plan(Fault::before([hangs]).hang())).await.1, at_once).unwrap()
}

#[tokio::test]
async fn a_call_waits_for_a_place_in_turn() {
    let store = limited(2, Op::Get).await;
    let options = GetOptions::new();
    let old = key("old");
    let mut holding = vec![];
    for _ in 0..2 {
        let mut get = store.get_opts(&old, &options);
        assert!((&mut get).now_or_never().is_none());
        holding.push(get);
    }
    assert_eq!(store.in_use(), 2);
    let mut first = store.head("old").boxed();
    let mut second = store.put("new", "v").boxed();
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    // What needs no waiting needs no place.
    assert!(store.try_get(&old, &options).is_none(), "a hang is for those who wait");
    store.flush(&Call::default()).await.unwrap();
    store.drain(&Call::default()).await.unwrap();
    holding.pop();
    assert!((&mut second).now_or_never().is_none(), "it came second");
    assert!(first.now_or_never().unwrap().unwrap().is_some());
    assert!(second.now_or_never().unwrap().is_ok());
    drop(holding);
    assert_eq!(store.in_use(), 0);
}

#[tokio::test]
async fn who_waits_past_the_deadline_did_nothing() {
    let store = limited(1, Op::Get).await;
    let (old, options) = (key("old"), GetOptions::new());
    let mut holds = store.get_opts(&old, &options);
    assert!((&mut holds).now_or_never().is_none());
    let call = || Call::within(&Env::system(), Duration::from_millis(30));
    let put = PutOptions::new().with_call(call());
    let error = store.put_opts(&key("new"), "v".into(), &put).await.unwrap_err();
    assert_eq!((error.kind(), error.settled()), (ErrorKind::Timeout, true));
    assert_eq!((error.key(), error.store()), (Some(&key("new")), Some(store.id())));
    assert!(error.advice().unwrap().contains("one of the 1 calls"), "{error}");
    let items = vec![PutItem { key: key("new"), value: "v".into(), options: PutOptions::new() }; 3];
    for one in store.put_many_opts(items, &call()).await {
        assert_eq!(one.unwrap_err().kind(), ErrorKind::Timeout);
    }
    let list = ListOptions::new().with_call(Call::within(&Env::system(), Duration::from_millis(60)));
    let mut listing = store.list_opts(list);
    let error = listing.next().await.unwrap().unwrap_err();
    assert_eq!((error.kind(), error.op()), (ErrorKind::Timeout, Op::List));
    assert!(listing.next().await.is_none());
    drop(holds);
    assert!(!store.exists("new").await.unwrap());
    assert_eq!(store.in_use(), 0);
}

#[tokio::test]
async fn a_stream_holds_its_place_until_it_ends_or_is_dropped() {
    let store = limited(3, Op::Sweep).await;
    let mut reading = store.get_stream("old").await.unwrap().unwrap();
    let dropped = store.get_stream("old").await.unwrap().unwrap();
    assert_eq!(store.in_use(), 2);
    drop(dropped);
    assert_eq!(store.in_use(), 1);
    while reading.next().await.is_some() {}
    assert_eq!(store.in_use(), 0);
    // Nothing to stream, nothing to hold.
    assert!(store.get_stream("none").await.unwrap().is_none());
    assert_eq!(store.in_use(), 0);
    store.put_stream("long", body(&["a", "b"])).await.unwrap();
    assert_eq!(store.in_use(), 0);
}

#[tokio::test]
async fn a_listing_takes_a_place_for_each_page_and_none_between() {
    let mut promises = Reference::best();
    promises.listing.page = Some(3);
    let inner = Reference::with_guarantees(&Place::new("paged", Env::system()), promises);
    for n in 0..8 {
        inner.put(format!("k{n}"), "v").await.unwrap();
    }
    let store = Limit::new(inner, 1).unwrap();
    let mut listing = store.list("");
    for n in 0..8 {
        let holds = store.get_stream("k0").await.unwrap();
        let item = listing.next().now_or_never();
        assert_eq!(item.is_none(), n % 3 == 0, "item {n} needs a place if it begins a page");
        drop(holds);
        let item = match item {
            Some(item) => item,
            None => listing.next().await,
        };
        assert_eq!(item.unwrap().unwrap().name(), format!("k{n}"));
        assert_eq!(store.in_use(), 0);
    }
    assert!(listing.next().await.is_none());
}

#[tokio::test]
async fn each_key_of_many_takes_a_place_where_there_is_no_native_batch() {
    // Whatever is held up holds its place: the most at once is what the limit says.
    let rules = [Fault::before([Op::Get, Op::Put, Op::Delete]).hang()];
    let store = Limit::new(faulty(&Faults::new(1, rules).unwrap()).await.1, 5).unwrap();
    let keys: Vec<_> = (0..40).map(|n| key(&format!("k{n}"))).collect();
    let options = GetOptions::new();
    {
        let mut gets = store.get_many_opts(&keys, &options);
        assert!((&mut gets).now_or_never().is_none());
        assert_eq!(store.in_use(), 5);
    }
    {
        let items =
            keys.iter().map(|k| PutItem { key: k.clone(), value: "v".into(), options: PutOptions::new() });
        let call = Call::default();
        let mut puts = store.put_many_opts(items.collect(), &call);
        assert!((&mut puts).now_or_never().is_none());
        assert_eq!(store.in_use(), 5);
    }
    let items = keys.iter().map(|k| DeleteItem { key: k.clone(), only: None }).collect();
    let delete = DeleteOptions::new();
    let mut deletes = store.delete_many_opts(items, &delete);
    assert!((&mut deletes).now_or_never().is_none());
    assert_eq!((store.in_use(), store.inner().faults().struck()), (5, 15));
    drop(deletes);
    assert_eq!(store.in_use(), 0);
}

#[tokio::test]
async fn a_sweep_takes_a_place() {
    let store = limited(1, Op::Sweep).await;
    let options = SweepOptions::new();
    let mut sweep = store.sweep(&options);
    assert!((&mut sweep).now_or_never().is_none());
    assert_eq!(store.in_use(), 1);
}
