//! Requests, counted where they arrive.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder::{Attributes, ByteRange, DeleteOptions, Deleted, ErrorKind, Key, PutOptions, Store, StoreExt};
use larder_cloud_tests::gs::Double;

use crate::service::double;

/// What arrived since the last look.
fn seen(double: &Double) -> Vec<(&'static str, u64)> {
    let seen: BTreeMap<_, _> = double.requests();
    double.reset_requests();
    seen.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn of_each_operation() {
    let double = double();
    let store = larder::open(&double.url("bucket/p")).await.unwrap();
    assert_eq!(seen(&double), [], "opening asks nothing");
    assert_eq!(double.connections(), 0, "opening makes no connection");
    store.put("k", "v").await.unwrap();
    assert_eq!(seen(&double), [("InsertObject", 1)]);
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(seen(&double), [("ReadObject", 1)]);
    assert_eq!(store.get("absent").await.unwrap(), None);
    assert_eq!(seen(&double), [("ReadObject", 1)]);
    store.head("k").await.unwrap().unwrap();
    assert_eq!(seen(&double), [("GetObject", 1)]);
    store.update("k", |_| Some("w".into())).await.unwrap();
    assert_eq!(seen(&double), [("InsertObject", 1), ("ReadObject", 1)]);
    store.delete("k").await.unwrap();
    assert_eq!(seen(&double), [("DeleteObject", 1)]);
    // What is told is what the delete met, so an absent key is not deleted behind the look.
    let tell = DeleteOptions::new().with_tell(true);
    let absent = store.delete_opts(&Key::new("k").unwrap(), &tell).await.unwrap();
    assert_eq!((absent.existed, seen(&double)), (Deleted::No, vec![("GetObject", 1)]));
    store.put_if_absent("k", "v").await.unwrap();
    assert_eq!(seen(&double), [("InsertObject", 1)]);
    let there = store.delete_opts(&Key::new("k").unwrap(), &tell).await.unwrap();
    assert_eq!(there.existed, Deleted::Yes);
    assert_eq!(
        seen(&double),
        [("DeleteObject", 1), ("GetObject", 1)],
        "a look, and a delete of what was seen"
    );

    store.put("k", "v").await.unwrap();
    seen(&double);
    store.copy("k", "copy").await.unwrap();
    assert_eq!(seen(&double), [("GetObject", 1), ("RewriteObject", 1)]);

    let keys: Vec<_> = (0..2500).map(|n| format!("p/many/{n:05}")).collect();
    double.seed("bucket", keys).unwrap();
    let listed: Vec<_> = store.list("many/").try_collect().await.unwrap();
    assert_eq!(listed.len(), 2500);
    assert_eq!(seen(&double), [("ListObjects", 3)], "1 for each thousand");

    let large = Bytes::from(vec![7; 40 << 20]);
    store.put("large", large.clone()).await.unwrap();
    assert_eq!(seen(&double), [("StartUpload", 1), ("UploadPiece", 5)]);
    assert_eq!(store.get("large").await.unwrap(), Some(large.clone()));
    assert_eq!(seen(&double), [("ReadObject", 1)]);
    let part = store.get_range("large", ByteRange::from(20_000_000..20_000_010)).await.unwrap();
    assert_eq!(part, Some(large.slice(20_000_000..20_000_010)));
    assert_eq!(seen(&double), [("ReadObject", 1)], "a part");
    store.close(&Default::default()).await.unwrap();
}

#[tokio::test]
async fn a_value_that_stands_in_the_way_is_looked_at() {
    let double = double();
    let store = larder::open(&double.url("bucket")).await.unwrap();
    let first = store.put("k", "1").await.unwrap();
    let second = store.put("k", "2").await.unwrap();
    seen(&double);
    let error = store.put_if_matches("k", "3", first.version).await.unwrap_err();
    assert_eq!((error.kind(), error.current()), (ErrorKind::Conflict, Some(&second.version)));
    assert_eq!(seen(&double), [("GetObject", 1), ("InsertObject", 1)]);
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"2"[..]));
}

/// What another tool wrote has no facts of Larder, and a download does not tell all of it.
#[tokio::test]
async fn an_object_of_another_tool_takes_one_more() {
    let double = double();
    double.seed_values("bucket", [("p/theirs", b"value".to_vec())]).unwrap();
    double.set_metadata("bucket", "p/theirs", "Owner", "anna");
    let store = larder::open(&double.url("bucket/p")).await.unwrap();
    let got = store.get_opts(&Key::new("theirs").unwrap(), &Default::default()).await.unwrap();
    assert_eq!(seen(&double), [("GetObject", 1), ("ReadObject", 1)]);
    let meta = got.meta().unwrap();
    assert_eq!(meta.attributes, Some(Attributes::new().set("owner", "anna")));
    assert_eq!((meta.write_id, meta.size), (None, Some(5)));
    assert!(meta.modified.is_some(), "the service's time is the only one");
    let head = store.head("theirs").await.unwrap().unwrap();
    assert_eq!(
        (&head.attributes, &head.modified, &head.version),
        (&meta.attributes, &meta.modified, &meta.version)
    );
    // It can be replaced under its version like any other.
    store.put_if_matches("theirs", "ours", head.version.unwrap()).await.unwrap();
}

/// A service whose downloads tell no metadata costs a second request, and nothing is lost.
#[tokio::test]
async fn facts_that_a_download_does_not_tell_are_asked_for() {
    let double = double();
    double.set_tells_metadata(false);
    let store = larder::open(&double.url("bucket")).await.unwrap();
    let env = larder::Env::system();
    let attributes = Attributes::new().content_type("text/plain").cache_control("no-store").set("a", "b");
    let options = PutOptions::new().with_attributes(attributes.clone());
    let written = store.put_opts(&Key::new("k").unwrap(), "v".into(), &options).await.unwrap();
    seen(&double);
    let got = store.get_opts(&Key::new("k").unwrap(), &Default::default()).await.unwrap();
    assert_eq!(seen(&double), [("GetObject", 1), ("ReadObject", 1)]);
    let meta = got.meta().unwrap();
    assert_eq!((meta.write_id, &meta.attributes), (Some(written.write_id), &Some(attributes)));
    let past = PutOptions::new().with_expires(env.wall() - std::time::Duration::from_secs(1));
    store.put_opts(&Key::new("gone").unwrap(), "v".into(), &past).await.unwrap();
    assert_eq!(store.get("gone").await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contended_counter_is_exact() {
    let double = double();
    let store = larder::open(&double.url("bucket")).await.unwrap();
    let others = larder::open(&double.url("bucket")).await.unwrap();
    store.put("n", "0").await.unwrap();
    let add = |store: std::sync::Arc<dyn Store>| async move {
        let count = |now: Option<Bytes>| {
            let now: u64 = std::str::from_utf8(&now.unwrap()).unwrap().parse().unwrap();
            Some((now + 1).to_string().into())
        };
        store.update("n", count).await.unwrap();
    };
    let both = (0..200).map(|n| add(if n % 2 == 0 { store.clone() } else { others.clone() }));
    futures_util::future::join_all(both).await;
    assert_eq!(store.get("n").await.unwrap().as_deref(), Some(&b"200"[..]));
}
