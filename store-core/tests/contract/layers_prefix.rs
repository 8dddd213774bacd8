//! A part of a store as a store of its own.
#![cfg(feature = "conformance")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use larder_store_core::conformance::{Place, Reference, TestClock};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::layer::prefix::Prefixed;
use larder_store_core::{
    ByteRange, Call, CopyOptions, DeleteItem, DeleteOptions, Env, ErrorKind, GetOptions, Guarantees, Key,
    ListOptions, Listed, Op, Precondition, PutItem, PutOptions, Result, Step, Store, StoreExt, system,
};

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn reference() -> Arc<Reference> {
    Arc::new(Reference::new(&Place::new("whole", Env::system())))
}

/// A store with neighbours of the view, and the view.
async fn view() -> (Arc<Reference>, Prefixed<Arc<Reference>>) {
    let whole = reference();
    for neighbour in ["n", "ns", "ns/", "ns.", "ns0", "nt", "x/ns/a"] {
        whole.put(neighbour, "neighbour").await.unwrap();
    }
    (whole.clone(), whole.prefixed("ns/").unwrap())
}

async fn names(store: &dyn Store, options: ListOptions) -> Vec<String> {
    store.list_opts(options).map_ok(|item| item.name().to_owned()).try_collect().await.unwrap()
}

#[tokio::test]
async fn keys_are_the_callers_everywhere() {
    let (whole, view) = view().await;
    let put = view.put("a", "one").await.unwrap();
    assert_eq!(whole.get("ns/a").await.unwrap().unwrap(), "one");
    assert_eq!(view.get("a").await.unwrap().unwrap(), "one");
    assert_eq!(view.head("a").await.unwrap().unwrap().key, key("a"));
    let got = view.get_opts(&key("a"), &GetOptions::new().with_unless(put.version.clone())).await.unwrap();
    assert_eq!(got.meta().unwrap().key, key("a"), "unchanged names it too");
    let got = view.get_stream_opts(&key("a"), &GetOptions::new()).await.unwrap();
    assert_eq!(got.meta().unwrap().key, key("a"));
    let got = view.try_get(&key("a"), &GetOptions::new()).unwrap().unwrap();
    assert_eq!(got.meta().unwrap().key, key("a"));
    view.copy("a", "b").await.unwrap();
    assert_eq!(whole.get("ns/b").await.unwrap().unwrap(), "one");
    let got = view.get_many_opts(&[key("a"), key("c"), key("b")], &GetOptions::new()).await;
    let keys: Vec<_> = got.iter().map(|g| g.as_ref().unwrap().meta().map(|m| m.key.clone())).collect();
    assert_eq!(keys, [Some(key("a")), None, Some(key("b"))]);
    assert!(view.put_many([("c", "3"), ("d", "4")]).await.unwrap().iter().all(Result::is_ok));
    assert_eq!(whole.get("ns/d").await.unwrap().unwrap(), "4");
    assert!(view.delete_many(["c"]).await.unwrap().iter().all(Result::is_ok));
    assert!(!whole.exists("ns/c").await.unwrap());
    view.delete("d").await.unwrap();
    let step = |k: &str| Step::Put(PutItem { key: key(k), value: "t".into(), options: PutOptions::new() });
    let delete = Step::Delete(DeleteItem { key: key("b"), only: None });
    let check = Step::Check { key: key("a"), pre: Precondition::Matches(put.version) };
    view.transact(vec![step("e"), delete, check]).await.unwrap();
    assert!(whole.exists("ns/e").await.unwrap() && !whole.exists("ns/b").await.unwrap());
    assert_eq!(names(&view, ListOptions::new()).await, ["a", "e"]);
    // No neighbour was touched.
    for neighbour in ["n", "ns", "ns/", "ns.", "ns0", "nt", "x/ns/a"] {
        assert_eq!(whole.get(neighbour).await.unwrap().unwrap(), "neighbour", "{neighbour}");
    }
    assert_eq!((view.id().prefix(), view.id().place()), ("ns/", "whole"));
    assert_ne!(view.id(), whole.id());
    let nested = view.prefixed("deep/").unwrap();
    nested.put("k", "v").await.unwrap();
    assert_eq!(nested.id().prefix(), "ns/deep/");
    assert_eq!(whole.get("ns/deep/k").await.unwrap().unwrap(), "v");
    assert_eq!(names(&nested, ListOptions::new()).await, ["k"]);
}

/// Every listing of the view is the listing of a store that holds those keys alone.
#[tokio::test]
async fn listings_are_those_of_a_store_that_holds_these_alone() {
    let (_, view) = view().await;
    let alone = reference();
    for k in ["a", "a-b", "a/", "a/b", "a/b/c", "a0", "b/x", "n", "ns/", "ns/ns/", "é/1", "\u{10ffff}"] {
        view.put(k, "").await.unwrap();
        alone.put(k, "").await.unwrap();
    }
    let texts = ["", "a", "a/", "a/b", "b", "n", "ns/", "ns/ns/", "é", "\u{10ffff}", "z"];
    for prefix in texts {
        for after in texts {
            for delimiter in [None, Some("/"), Some("s/")] {
                for limit in [None, Some(0), Some(1), Some(3)] {
                    let mut o = ListOptions::new().with_prefix(prefix);
                    o.start_after = (prefix != after).then(|| after.to_owned());
                    o.delimiter = delimiter.map(str::to_owned);
                    o.limit = limit;
                    assert_eq!(names(&view, o.clone()).await, names(&*alone, o.clone()).await, "{o:?}");
                }
            }
        }
    }
    // Metas and common prefixes without the prefix, too.
    let o = ListOptions::new().with_delimiter("/");
    let items: Vec<_> = view.list_opts(o).try_collect().await.unwrap();
    assert!(items.contains(&Listed::Prefix("a/".into())), "{items:?}");
    assert!(items.iter().any(|i| matches!(i, Listed::Entry(meta) if meta.key == key("a-b"))), "{items:?}");
}

#[tokio::test]
async fn system_keys_stay_in_their_space() {
    let (whole, view) = view().await;
    let other = whole.clone().prefixed("other/").unwrap();
    let (marker, o) = (system::key("marker").unwrap(), PutOptions::new());
    view.put_opts(&marker, "s".into(), &o).await.unwrap();
    view.put("marker", "u").await.unwrap();
    assert_eq!(view.get(&marker).await.unwrap().unwrap(), "s");
    assert_eq!(view.get("marker").await.unwrap().unwrap(), "u");
    assert_eq!(view.head(&marker).await.unwrap().unwrap().key, marker);
    assert!(!other.exists(&marker).await.unwrap() && !whole.exists(&marker).await.unwrap());
    assert!(whole.exists(system::key("ns/marker").unwrap()).await.unwrap());
    assert_eq!(names(&view, ListOptions::new()).await, ["marker"]);
    let listed: Vec<_> = view.list_opts(system::listing(ListOptions::new())).try_collect().await.unwrap();
    assert!(matches!(&listed[..], [Listed::Entry(meta)] if meta.key == marker), "{listed:?}");
}

#[tokio::test]
async fn keys_may_be_shorter_by_the_prefix() {
    let (whole, view) = view().await;
    assert_eq!(whole.guarantees().max_key, 1024);
    assert_eq!(view.guarantees().max_key, 1021);
    let (longest, over) = (key(&"k".repeat(1021)), key(&"k".repeat(1022)));
    view.put(&longest, "v").await.unwrap();
    assert_eq!(names(&view, ListOptions::new()).await, [longest.as_str()]);
    let refused = |error: larder_store_core::Error| {
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert_eq!((error.key(), error.store()), (Some(&over), Some(view.id())));
    };
    refused(view.put(&over, "v").await.unwrap_err());
    refused(view.get(&over).await.unwrap_err());
    refused(view.try_get(&over, &GetOptions::new()).unwrap().unwrap_err());
    refused(view.head(&over).await.unwrap_err());
    refused(view.delete(&over).await.unwrap_err());
    refused(view.copy("a", &over).await.unwrap_err());
    refused(view.copy(&over, "a").await.unwrap_err());
    refused(view.get_stream(&over).await.err().unwrap());
    refused(view.put_stream(&over, futures_util::stream::empty().boxed()).await.unwrap_err());
    let delete = |key: &Key| Step::Delete(DeleteItem { key: key.clone(), only: None });
    refused(view.transact(vec![delete(&longest), delete(&over)]).await.unwrap_err());
    assert!(view.exists(&longest).await.unwrap());
    // Of many, the others are carried out, and each has its own outcome.
    let many = |results: Vec<Result<bool>>| {
        let mut results = results.into_iter();
        assert!(results.next().unwrap().unwrap());
        refused(results.next().unwrap().unwrap_err());
        assert!(results.next().unwrap().unwrap() && results.next().is_none());
    };
    let keys = [key("a"), over.clone(), key("b")];
    let put = view.put_many(keys.iter().map(|k| (k, "v"))).await.unwrap();
    many(put.into_iter().map(|one| one.map(|_| true)).collect());
    let got = view.get_many(&keys).await.unwrap();
    many(got.into_iter().map(|one| one.map(|v| v.is_some())).collect());
    let gone = view.delete_many(&keys).await.unwrap();
    many(gone.into_iter().map(|one| one.map(|_| true)).collect());
    assert!(!view.exists("a").await.unwrap() && !view.exists("b").await.unwrap());
}

#[tokio::test]
async fn prefixes_that_are_refused() {
    let whole = reference();
    for (prefix, message) in [
        (String::new(), "an empty prefix"),
        ("a\n".into(), "can begin no key"),
        ("x".repeat(545), "a prefix of 545 bytes leaves 479 of 1024"),
        ("x".repeat(2000), "a prefix of 2000 bytes leaves 0 of 1024"),
    ] {
        let error = whole.clone().prefixed(prefix).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(message), "{error}");
    }
    assert_eq!(whole.clone().prefixed("x".repeat(544)).unwrap().guarantees().max_key, 480);
    let mut short = Guarantees::in_process();
    short.max_key = 500;
    let short = Arc::new(Reference::with_guarantees(&Place::new("short", Env::system()), short));
    assert!(short.clone().prefixed("x".repeat(21)).is_err());
    let view = short.prefixed("x".repeat(20)).unwrap();
    view.put("k".repeat(480), "v").await.unwrap();
}

#[tokio::test]
async fn errors_name_the_callers_key_and_the_view() {
    let (_, view) = view().await;
    // Such keys hold the prefix once more, and lose it only once.
    for k in ["a", "ns/a", "ns/ns/a"] {
        let first = view.put(k, "one").await.unwrap().version;
        view.put(k, "two").await.unwrap();
        let stale = GetOptions::new().with_only(first.clone());
        let matches = || PutOptions::new().with_pre(Precondition::Matches(first.clone()));
        let put = || PutItem { key: key(k), value: "v".into(), options: matches() };
        let body = || futures_util::stream::empty().boxed();
        let copy = CopyOptions::new().with_pre(Precondition::Absent);
        let delete = DeleteItem { key: key(k), only: Some(first.clone()) };
        let errors = [
            view.put_if_absent(k, "x").await.unwrap_err(),
            view.put_opts(&key(k), "x".into(), &matches()).await.unwrap_err(),
            view.put_stream_opts(&key(k), body(), &matches()).await.unwrap_err(),
            view.get_opts(&key(k), &stale).await.unwrap_err(),
            view.try_get(&key(k), &stale).unwrap().unwrap_err(),
            view.get_stream_opts(&key(k), &stale).await.err().unwrap(),
            view.get_many_opts(&[key(k)], &stale).await.remove(0).unwrap_err(),
            view.put_many_opts(vec![put()], &Call::default()).await.remove(0).unwrap_err(),
            view.delete_many_opts(vec![delete], &DeleteOptions::new()).await.remove(0).unwrap_err(),
            view.delete_opts(&key(k), &DeleteOptions::new().with_only(first.clone())).await.unwrap_err(),
            view.copy_opts(&key(k), &key(k), &copy).await.unwrap_err(),
            view.transact(vec![Step::Put(put())]).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert_eq!((error.key(), error.store()), (Some(&key(k)), Some(view.id())), "{error}");
            let said = error.to_string();
            assert!(said.contains("reference:whole under \"ns/\""), "{said}");
        }
        let error = view.get_range(k, ByteRange::from(9..10)).await.unwrap_err();
        assert_eq!((error.key(), error.unsatisfied_range()), (Some(&key(k)), Some(3)));
    }
}

#[tokio::test]
async fn errors_in_streams_and_listings_are_renamed_and_those_of_others_are_not() {
    let whole = reference();
    let rules = [
        Fault::before([Op::GetStream]).cut(1, ErrorKind::Unavailable),
        Fault::before([Op::List]).cut(0, ErrorKind::Throttled),
        Fault::before([Op::Flush, Op::Drain, Op::Sweep]).fail(ErrorKind::Full),
    ];
    let view = FaultStore::new(whole.clone(), Faults::new(1, rules).unwrap()).prefixed("ns/").unwrap();
    view.put("a", "one").await.unwrap();
    let error = view.get_stream("a").await.unwrap().unwrap().try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (ErrorKind::Unavailable, Some(&key("a"))));
    assert_eq!(error.store(), Some(view.id()));
    let error = view.list("").try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!((error.kind(), error.store()), (ErrorKind::Throttled, Some(view.id())));
    let call = Call::default();
    assert_eq!(view.flush(&call).await.unwrap_err().store(), Some(view.id()));
    assert_eq!(view.drain(&call).await.unwrap_err().store(), Some(view.id()));
    assert_eq!(
        view.sweep(&larder_store_core::SweepOptions::new()).await.unwrap_err().store(),
        Some(view.id())
    );
    // A body that comes from another store fails as that store says, whatever its keys look like.
    let other = Reference::new(&Place::new("other", Env::system()));
    other.put("ns/src", "xyz").await.unwrap();
    let other = FaultStore::new(
        other,
        Faults::new(1, [Fault::before([Op::GetStream]).cut(1, ErrorKind::Corrupt)]).unwrap(),
    );
    let body = other.get_stream("ns/src").await.unwrap().unwrap();
    let error = view.put_stream("b", body).await.unwrap_err();
    assert_eq!((error.key(), error.store()), (Some(&key("ns/src")), Some(other.id())), "{error}");
}

#[tokio::test]
async fn closing_a_view_closes_the_view_alone() {
    let (whole, view) = view().await;
    let sibling = whole.clone().prefixed("ns/").unwrap();
    view.put("a", "one").await.unwrap();
    let call = Call::default();
    view.close(&call).await.unwrap();
    view.close(&call).await.unwrap();
    let (a, o) = (key("a"), PutOptions::new());
    let put = || PutItem { key: key("a"), value: "v".into(), options: PutOptions::new() };
    let body = || futures_util::stream::empty().boxed();
    let errors = [
        view.get("a").await.unwrap_err(),
        view.try_get(&a, &GetOptions::new()).unwrap().unwrap_err(),
        view.get_opts(&a, &GetOptions::new()).await.unwrap_err(),
        view.get_stream("a").await.err().unwrap(),
        view.head("a").await.unwrap_err(),
        view.put_opts(&a, Bytes::new(), &o).await.unwrap_err(),
        view.put_stream("a", body()).await.unwrap_err(),
        view.delete("a").await.unwrap_err(),
        view.copy("a", "b").await.unwrap_err(),
        view.get_many_opts(std::slice::from_ref(&a), &GetOptions::new()).await.remove(0).unwrap_err(),
        view.put_many_opts(vec![put()], &call).await.remove(0).unwrap_err(),
        view.delete_many(["a"]).await.unwrap().remove(0).unwrap_err(),
        view.transact(vec![Step::Put(put())]).await.unwrap_err(),
        view.list("").next().await.unwrap().unwrap_err(),
        view.sweep(&larder_store_core::SweepOptions::new()).await.unwrap_err(),
        view.flush(&call).await.unwrap_err(),
        view.drain(&call).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind(), error.store()), (ErrorKind::Closed, Some(view.id())), "{error}");
    }
    assert_eq!(sibling.get("a").await.unwrap().unwrap(), "one");
    view.inner().close(&call).await.unwrap();
    assert_eq!(sibling.get("a").await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn closing_sees_out_what_is_in_flight_until_its_deadline() {
    let clock = TestClock::new();
    let minute = Duration::from_secs(60);
    let slow = Faults::new(1, [Fault::before([Op::Put]).delay(minute)]).unwrap();
    let view = FaultStore::new(reference(), slow)
        .with_env(clock.env())
        .prefixed("ns/")
        .unwrap()
        .with_env(clock.env());
    let mut put = Box::pin(view.put("a", "one"));
    assert!((&mut put).now_or_never().is_none());
    let hurry = Call::within(&clock.env(), minute / 2);
    let call = Call::default();
    let (mut hurried, mut patient) = (view.close(&hurry), view.close(&call));
    assert!((&mut hurried).now_or_never().is_none() && (&mut patient).now_or_never().is_none());
    assert_eq!(view.put("b", "two").await.unwrap_err().kind(), ErrorKind::Closed);
    clock.advance(minute * 2 / 3);
    assert_eq!(hurried.await.unwrap_err().kind(), ErrorKind::Timeout);
    clock.advance(minute);
    put.await.unwrap();
    patient.await.unwrap();
}
