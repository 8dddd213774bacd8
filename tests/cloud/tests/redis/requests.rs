//! Round trips, counted on the wire: a request is what is sent before anything is waited for.
//!
//! The proxy counts how often the client begins to speak after the server did. Every request of the store is one command or
//! one pipeline, flushed at once, and these tests make one call at a time, so that this is the number of waits for the
//! network. What batches send at once is counted by the server's own count of scripts.

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder::{
    ByteRange, DeleteItem, DeleteOptions, Deleted, ErrorKind, Key, PutItem, PutOptions, Store, StoreExt,
};
use larder_cloud_tests::redis::{Proxy, Server};

fn url(proxy: &Proxy, namespace: &str) -> String {
    format!("redis://127.0.0.1:{}/0/{namespace}", proxy.port())
}

fn key(text: impl AsRef<str>) -> Key {
    Key::new(text.as_ref()).unwrap()
}

#[tokio::test]
async fn of_each_operation() {
    let Some(server) = Server::for_test("requests::of_each_operation", &[]) else { return };
    let proxy = Proxy::start(server.port()).unwrap();
    let store = larder::open(&url(&proxy, "app")).await.unwrap();
    assert_eq!((proxy.trips(), proxy.connections()), (0, 0), "opening makes no connection");
    store.put("k", "v").await.unwrap();
    assert_eq!(proxy.trips(), 2, "a server that does not know the script is told it");
    store.put("k", "v").await.unwrap();
    assert_eq!(proxy.trips(), 1, "a put");
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(proxy.trips(), 1, "a get");
    assert_eq!(store.get("absent").await.unwrap(), None);
    assert_eq!(proxy.trips(), 1, "a get of nothing");
    store.head("k").await.unwrap().unwrap();
    assert_eq!(proxy.trips(), 1, "a head");
    store.update("k", |_| Some("w".into())).await.unwrap();
    assert_eq!(proxy.trips(), 2, "an update");
    let tell = DeleteOptions::new().with_tell(true);
    assert_eq!(store.delete_opts(&key("k"), &tell).await.unwrap().existed, Deleted::Yes);
    assert_eq!(proxy.trips(), 1, "a delete");
    let version = store.put_if_absent("k", "1").await.unwrap().version;
    assert_eq!(proxy.trips(), 1, "a conditional put");
    store.put_if_matches("k", "2", version.clone()).await.unwrap();
    assert_eq!(proxy.trips(), 1, "a conditional put");
    let error = store.put_if_matches("k", "3", version).await.unwrap_err();
    assert!(error.is(ErrorKind::Conflict) && error.current().is_some(), "{error}");
    assert_eq!(proxy.trips(), 1, "a conditional put that is refused, and what stands in its way");

    // As large as a value may be that stands behind its head.
    let value = Bytes::from(vec![7; 512 << 10]);
    store.put("large", value.clone()).await.unwrap();
    assert_eq!(store.get("large").await.unwrap(), Some(value.clone()));
    assert_eq!(proxy.trips(), 2, "a put and a get");
    let range = ByteRange::from(100_000..100_010);
    store.get_range("large", range).await.unwrap();
    proxy.trips();
    assert_eq!(store.get_range("large", range).await.unwrap(), Some(value.slice(100_000..100_010)));
    assert_eq!(proxy.trips(), 1, "a part of it");
    store.close(&Default::default()).await.unwrap();
}

#[tokio::test]
async fn a_write_asks_the_server_for_no_more_than_it_does() {
    let test = "requests::a_write_asks_the_server_for_no_more_than_it_does";
    let Some(server) = Server::for_test(test, &[]) else { return };
    let store = larder::open(&server.url("app")).await.unwrap();
    store.put("first", "v").await.unwrap();
    let mut before = server.commands().unwrap();
    let mut each = |all: u64| {
        let now = server.commands().unwrap();
        let each = (now - before) as f64 / all as f64;
        before = now;
        each
    };
    // Of eight writes one tidies, which is two commands.
    for n in 0..64 {
        store.put(format!("k/{n}"), "v").await.unwrap();
    }
    assert_eq!(each(64), 6.25, "of a key that was absent");
    for n in 0..64 {
        store.put(format!("k/{n}"), "w").await.unwrap();
    }
    assert_eq!(each(64), 8.25, "of one that was there");
    for n in 0..64 {
        store.delete(format!("k/{n}")).await.unwrap();
    }
    assert_eq!(each(64), 7.25, "a delete");
}

#[tokio::test]
async fn of_a_range_is_only_what_covers_it() {
    let Some(server) = Server::for_test("requests::of_a_range_is_only_what_covers_it", &[]) else { return };
    let store = larder::open(&server.url("app")).await.unwrap();
    let sent = || -> u64 {
        let said = server.cli(&["INFO", "stats"]).unwrap();
        said.lines()
            .find_map(|line| line.strip_prefix("total_net_output_bytes:")?.trim().parse().ok())
            .unwrap()
    };
    for size in [500 << 10, 5 << 20] {
        store.put("k", vec![1; size]).await.unwrap();
        store.get_range("k", ByteRange::from(0..1)).await.unwrap();
        let own = {
            let before = sent();
            sent() - before
        };
        let before = sent();
        let part = store.get_range("k", ByteRange::from(300_000..300_010)).await.unwrap().unwrap();
        let moved = sent() - before - own;
        assert_eq!(part.len(), 10);
        assert!(moved < 70_000, "{moved} bytes for ten, of {size}");
    }
}

#[tokio::test]
async fn of_listings_and_batches() {
    let Some(server) = Server::for_test("requests::of_listings_and_batches", &[]) else { return };
    let proxy = Proxy::start(server.port()).unwrap();
    let store = larder::open(&url(&proxy, "app")).await.unwrap();
    store.put("warm", "up").await.unwrap();
    store.delete("warm").await.unwrap();

    let keys: Vec<Key> = (0..1000).map(|n| key(format!("many/{n:04}"))).collect();
    let items = |value: &'static str| -> Vec<PutItem> {
        let item = |key: &Key| PutItem { key: key.clone(), value: value.into(), options: PutOptions::new() };
        keys.iter().map(item).collect()
    };
    server.cli(&["CONFIG", "RESETSTAT"]).unwrap();
    proxy.trips();
    let done = store.put_many_opts(items("v"), &Default::default()).await;
    assert!(done.iter().all(Result::is_ok));
    let (trips, scripts) = (proxy.trips(), server.calls("evalsha").unwrap());
    assert!(trips <= 10 && (1..=10).contains(&scripts), "a thousand puts: {trips} trips, {scripts} scripts");

    let got = store.get_many_opts(&keys, &Default::default()).await;
    assert!(got.into_iter().all(|got| got.unwrap().into_body().as_deref() == Some(b"v")));
    let trips = proxy.trips();
    assert!(trips <= 10, "a thousand gets: {trips} trips");

    let listed: Vec<_> = store.list("many/").try_collect().await.unwrap();
    assert_eq!((listed.len(), proxy.trips()), (1000, 2), "a page, and the look for another");
    let listed: Vec<_> = store.list("").try_collect().await.unwrap();
    assert_eq!(listed.len(), 1000);
    proxy.trips();
    store.put_many_opts(items("w"), &Default::default()).await;
    store.delete(&keys[999]).await.unwrap();
    proxy.trips();
    let listed: Vec<_> = store.list("many/").try_collect().await.unwrap();
    assert_eq!((listed.len(), proxy.trips()), (999, 1), "a listing that one page holds");

    server.cli(&["CONFIG", "RESETSTAT"]).unwrap();
    let items = keys.iter().map(|key| DeleteItem { key: key.clone(), only: None }).collect();
    let done = store.delete_many_opts(items, &DeleteOptions::new()).await;
    assert!(done.iter().all(Result::is_ok));
    let (trips, scripts) = (proxy.trips(), server.calls("evalsha").unwrap());
    assert!(
        trips <= 10 && (1..=10).contains(&scripts),
        "a thousand deletes: {trips} trips, {scripts} scripts"
    );
    assert!(store.list("").try_collect::<Vec<_>>().await.unwrap().is_empty());
}

#[tokio::test]
async fn of_folders_is_not_what_lies_in_them() {
    let Some(server) = Server::for_test("requests::of_folders_is_not_what_lies_in_them", &[]) else { return };
    let proxy = Proxy::start(server.port()).unwrap();
    let store = larder::open(&url(&proxy, "app")).await.unwrap();
    let mut items = Vec::new();
    for folder in 0..20 {
        for n in 0..300 {
            let key = key(format!("{folder:02}/{n:03}"));
            items.push(PutItem { key, value: "v".into(), options: PutOptions::new() });
        }
    }
    assert!(store.put_many_opts(items, &Default::default()).await.iter().all(Result::is_ok));
    let options = larder::ListOptions::new().with_delimiter("/");
    let warm: Vec<_> = store.list_opts(options.clone()).try_collect().await.unwrap();
    assert_eq!(warm.len(), 20);
    proxy.trips();
    let listed: Vec<_> = store.list_opts(options).try_collect().await.unwrap();
    assert_eq!((listed.len(), proxy.trips()), (20, 1), "twenty folders of three hundred");
}
