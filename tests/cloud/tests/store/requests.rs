//! Requests, counted where they arrive.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder::{ByteRange, DeleteItem, DeleteOptions, Deleted, ErrorKind, Key, Store, StoreExt};
use larder_cloud_tests::s3::{Double, DoubleOptions};

fn double() -> Double {
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket("bucket");
    double
}

/// What arrived since the last look.
fn seen(double: &Double) -> Vec<(&'static str, u64)> {
    let seen: BTreeMap<_, _> = double.requests();
    double.reset_requests();
    seen.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn of_each_operation() {
    for layout in ["plain", "record"] {
        let double = double();
        let store = larder::open(&format!("{}&layout={layout}", double.url("bucket/p"))).await.unwrap();
        assert_eq!(seen(&double), [], "opening asks nothing");
        assert_eq!(double.connections(), 0, "opening makes no connection");
        store.put("k", "v").await.unwrap();
        assert_eq!(seen(&double), [("PutObject", 1)]);
        assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
        assert_eq!(seen(&double), [("GetObject", 1)]);
        assert_eq!(store.get("absent").await.unwrap(), None);
        assert_eq!(seen(&double), [("GetObject", 1)]);
        store.head("k").await.unwrap().unwrap();
        assert_eq!(seen(&double).iter().map(|(_, count)| count).sum::<u64>(), 1, "a head");
        store.update("k", |_| Some("w".into())).await.unwrap();
        assert_eq!(seen(&double), [("GetObject", 1), ("PutObject", 1)]);
        store.delete("k").await.unwrap();
        assert_eq!(seen(&double), [("DeleteObject", 1)]);
        // What is told is what the delete met, so an absent key is not deleted behind the look.
        let tell = DeleteOptions::new().with_tell(true);
        let absent = store.delete_opts(&Key::new("k").unwrap(), &tell).await.unwrap();
        assert_eq!(absent.existed, Deleted::No);
        assert_eq!(seen(&double).iter().map(|(_, count)| count).sum::<u64>(), 1, "a look");
        store.put("k", "v").await.unwrap();
        seen(&double);
        let there = store.delete_opts(&Key::new("k").unwrap(), &tell).await.unwrap();
        assert_eq!(there.existed, Deleted::Yes);
        assert_eq!(seen(&double).len(), 2, "a look, and a delete of what was seen");
        store.put_if_absent("k", "v").await.unwrap();
        assert_eq!(seen(&double), [("PutObject", 1)]);

        let keys: Vec<_> = (0..2500).map(|n| format!("p/{n:05}")).collect();
        double.seed("bucket", keys.iter().map(|key| key.replacen("p/", "p/many/", 1)));
        let listed: Vec<_> = store.list("many/").try_collect().await.unwrap();
        assert_eq!(listed.len(), 2500);
        assert_eq!(seen(&double), [("ListObjectsV2", 3)], "1 for each thousand");
        let items: Vec<_> = listed
            .into_iter()
            .map(|item| DeleteItem { key: item.into_entry().unwrap().key, only: None })
            .collect();
        let done = store.delete_many_opts(items, &DeleteOptions::new()).await;
        assert!(done.iter().all(Result::is_ok));
        assert_eq!(seen(&double), [("DeleteObjects", 3)], "1 for each thousand");

        let large = Bytes::from(vec![7; 40 << 20]);
        store.put("large", large.clone()).await.unwrap();
        let parts = seen(&double);
        let parts: Vec<_> = parts.iter().map(|(name, _)| *name).collect();
        assert_eq!(parts, ["CompleteMultipartUpload", "CreateMultipartUpload", "UploadPart"]);
        assert_eq!(store.get("large").await.unwrap(), Some(large.clone()));
        assert_eq!(seen(&double), [("GetObject", 1)]);
        let part = store.get_range("large", ByteRange::from(20_000_000..20_000_010)).await.unwrap();
        assert_eq!(part, Some(large.slice(20_000_000..20_000_010)));
        let asked = if layout == "plain" { 1 } else { 3 };
        assert_eq!(seen(&double), [("GetObject", asked)], "a part");
        store.close(&Default::default()).await.unwrap();
    }
}

#[tokio::test]
async fn of_a_stack_only_where_the_fronts_know_nothing() {
    let double = double();
    let folder = tempfile::tempdir().unwrap();
    let stack = format!(
        "memory:?capacity=16MiB | lmdb:{}?capacity=64MiB | {}&fresh=sole_writer",
        folder.path().display(),
        double.url("bucket/p")
    );
    let store = larder::open(&stack).await.unwrap();
    assert_eq!(double.connections(), 0, "opening makes no connection");
    store.put("k", "v").await.unwrap();
    assert_eq!(seen(&double), [("PutObject", 1)]);
    for _ in 0..10 {
        assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
    }
    assert_eq!(seen(&double), [], "a put is in the fronts");
    double.seed("bucket", ["p/cold"]);
    for _ in 0..10 {
        assert_eq!(store.get("cold").await.unwrap().as_deref(), Some(&b""[..]));
    }
    assert_eq!(seen(&double), [("GetObject", 1)]);
    store.close(&Default::default()).await.unwrap();
    // Another process finds the same in the folder.
    let store = larder::open(&stack).await.unwrap();
    assert_eq!(store.get("cold").await.unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(seen(&double), [], "a hit asks nothing");
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
    assert_eq!(seen(&double), [("HeadObject", 1), ("PutObject", 1)]);
    assert_eq!(store.get(Key::new("k").unwrap()).await.unwrap().as_deref(), Some(&b"2"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_callers() {
    let double = double();
    double.set_latency(std::time::Duration::from_millis(20));
    let value = Bytes::from_static(b"value");
    let store = larder::open(&double.url("bucket/p")).await.unwrap();
    store.put("k", value.clone()).await.unwrap();
    seen(&double);

    // Through a stack they wait for one answer.
    let stack = larder::open(&format!("memory:?capacity=16MiB | {}&fresh=30s", double.url("bucket/p"))).await;
    let stack = stack.unwrap();
    let got = futures_util::future::join_all((0..10_000).map(|_| stack.get("k"))).await;
    assert!(got.into_iter().all(|got| got.unwrap() == Some(value.clone())));
    assert_eq!(seen(&double), [("GetObject", 1)]);

    // Alone each asks for itself, and waits for its turn.
    double.set_latency(std::time::Duration::ZERO);
    let got = futures_util::future::join_all((0..10_000).map(|_| store.get("k"))).await;
    assert!(got.into_iter().all(|got| got.unwrap() == Some(value.clone())));
    assert_eq!(seen(&double), [("GetObject", 10_000)]);
    // 256 requests are under way at once; connections that come late are as many more.
    assert!(double.connections() <= 2 * 256, "{} connections", double.connections());
}
