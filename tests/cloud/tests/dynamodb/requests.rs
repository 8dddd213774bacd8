//! Requests, counted where they arrive.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder::{
    ByteRange, Call, DeleteItem, DeleteOptions, Deleted, Env, ErrorKind, GetOptions, Key, PutItem,
    PutOptions, Store, StoreExt,
};
use larder_cloud_tests::dynamodb::Proxy;

use crate::servers::{Server, drained, on_both};

on_both! { of_each_operation of_batches of_large_values of_write_shards a_value_that_stands_in_the_way }

/// What arrived since the last look.
fn seen(proxy: &Proxy) -> BTreeMap<String, u64> {
    proxy.take_requests()
}

fn only(operation: &str, count: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([(operation.to_owned(), count)])
}

async fn of_each_operation(server: &Server) {
    let proxy = server.behind_proxy().await;
    let store = larder::open(&format!("{}{}", proxy.url("table/p"), server.parameters())).await.unwrap();
    assert_eq!(seen(&proxy), BTreeMap::new(), "opening asks nothing");
    assert_eq!(store.get("k").await.unwrap(), None);
    assert_eq!(seen(&proxy), only("GetItem", 2), "the first call asks for the marker too");
    store.put("k", "v").await.unwrap();
    let first = BTreeMap::from([("GetItem".into(), 1), ("PutItem".into(), 2)]);
    assert_eq!(seen(&proxy), first, "the first put leaves the marker");

    store.put("k", "v").await.unwrap();
    assert_eq!(seen(&proxy), only("PutItem", 1));
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(seen(&proxy), only("GetItem", 1));
    assert_eq!(store.get("absent").await.unwrap(), None);
    assert_eq!(seen(&proxy), only("GetItem", 1));
    store.head("k").await.unwrap().unwrap();
    assert_eq!(seen(&proxy), only("GetItem", 1));
    store.update("k", |_| Some("w".into())).await.unwrap();
    assert_eq!(seen(&proxy), BTreeMap::from([("GetItem".into(), 1), ("PutItem".into(), 1)]));
    let version = store.put_if_absent("new", "v").await.unwrap().version;
    assert_eq!(seen(&proxy), only("PutItem", 1));
    store.put_if_matches("new", "w", version).await.unwrap();
    assert_eq!(seen(&proxy), only("PutItem", 1));
    store.delete("k").await.unwrap();
    assert_eq!(seen(&proxy), only("DeleteItem", 1));
    // That there was one is told by the same request.
    let tell = DeleteOptions::new().with_tell(true);
    let gone = store.delete_opts(&Key::new("new").unwrap(), &tell).await.unwrap();
    assert_eq!((gone.existed, seen(&proxy)), (Deleted::Yes, only("DeleteItem", 1)));
    let gone = store.delete_opts(&Key::new("new").unwrap(), &tell).await.unwrap();
    assert_eq!((gone.existed, seen(&proxy)), (Deleted::No, only("DeleteItem", 1)));
    store.put("up to here", vec![7; 4096]).await.unwrap();
    assert_eq!(seen(&proxy), only("PutItem", 1));
    assert_eq!(store.get("up to here").await.unwrap().unwrap().len(), 4096);
    assert_eq!(seen(&proxy), only("GetItem", 1));
    assert_eq!(store.list("").try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert_eq!(seen(&proxy), only("Query", 1));
    store.close(&Call::default()).await.unwrap();
}

async fn of_batches(server: &Server) {
    const COUNT: usize = 1000;
    let proxy = server.behind_proxy().await;
    let store = larder::open(&format!("{}{}", proxy.url("table/p"), server.parameters())).await.unwrap();
    store.put("first", "v").await.unwrap();
    seen(&proxy);
    let keys: Vec<_> = (0..COUNT).map(|n| Key::new(format!("many/{n:04}")).unwrap()).collect();
    let items = keys.iter().map(|key| PutItem {
        key: key.clone(),
        value: Bytes::from(format!("the value of {key}")),
        options: PutOptions::new(),
    });
    for put in store.put_many_opts(items.collect(), &Call::default()).await {
        put.unwrap();
    }
    assert_eq!(seen(&proxy), only("BatchWriteItem", 40));
    for (got, key) in store.get_many_opts(&keys, &GetOptions::new()).await.into_iter().zip(&keys) {
        assert_eq!(got.unwrap().into_body().unwrap(), format!("the value of {key}"));
    }
    assert_eq!(seen(&proxy), only("BatchGetItem", 10));
    // A megabyte is a page: these are a third of one.
    assert_eq!(store.list("many/").try_collect::<Vec<_>>().await.unwrap().len(), COUNT);
    assert_eq!(seen(&proxy), only("Query", 1));
    let gone = keys.into_iter().map(|key| DeleteItem { key, only: None }).collect();
    for gone in store.delete_many_opts(gone, &DeleteOptions::new()).await {
        gone.unwrap();
    }
    assert_eq!(seen(&proxy), only("BatchWriteItem", 40));
    store.close(&Call::default()).await.unwrap();
}

async fn of_large_values(server: &Server) {
    let proxy = server.behind_proxy().await;
    let store = larder::open(&format!("{}{}", proxy.url("table/p"), server.parameters())).await.unwrap();
    store.put("first", "v").await.unwrap();
    seen(&proxy);
    let value = Bytes::from((0..1_000_000u32).map(|n| n as u8).collect::<Vec<_>>());
    store.put("large", value.clone()).await.unwrap();
    assert_eq!(seen(&proxy), only("PutItem", 1 + 3 + 1), "the register, three chunks, and the head");
    assert_eq!(store.get("large").await.unwrap(), Some(value.clone()));
    assert_eq!(seen(&proxy), only("GetItem", 1 + 3), "the head, and three chunks");
    store.head("large").await.unwrap().unwrap();
    assert_eq!(seen(&proxy), only("GetItem", 1));
    let part = store.get_range("large", ByteRange::from(10..20)).await.unwrap();
    assert_eq!(part, Some(value.slice(10..20)));
    assert_eq!(seen(&proxy), only("GetItem", 1 + 2), "the head, the chunk, and that with the checks");
    store.list("").try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(seen(&proxy), only("Query", 1), "a listing looks at no chunk");
    store.delete("large").await.unwrap();
    drained(&*store).await;
    let buried = BTreeMap::from([("DeleteItem".into(), 1), ("UpdateItem".into(), 3 + 1)]);
    assert_eq!(seen(&proxy), buried, "each chunk gets a TTL, and the register");

    // A small value that is put where a large one stands is refused first, as it does not want to hear of what it
    // replaces: with a condition that holds or without.
    let asks = u64::from(matches!(server, Server::Dynalite(_)));
    for conditional in [false, true] {
        let large = store.put("large", value.clone()).await.unwrap().version;
        seen(&proxy);
        match conditional {
            false => store.put("large", "small").await.unwrap(),
            true => store.put_if_matches("large", "small", large).await.unwrap(),
        };
        drained(&*store).await;
        let mut replaced = BTreeMap::from([("PutItem".into(), 2), ("UpdateItem".into(), 3 + 1)]);
        if conditional && asks > 0 {
            replaced.insert("GetItem".into(), asks);
        }
        assert_eq!(seen(&proxy), replaced);
        assert_eq!(store.get("large").await.unwrap().as_deref(), Some(&b"small"[..]));
        seen(&proxy);
    }
    // One that expired, by somebody who wants nothing to be there.
    let soon = PutOptions::new().with_expires(Env::system().wall() + Duration::from_millis(1));
    store.put_opts(&Key::new("ended").unwrap(), value.clone(), &soon).await.unwrap();
    while store.get("ended").await.unwrap().is_some() {}
    seen(&proxy);
    store.put_if_absent("ended", "small").await.unwrap();
    drained(&*store).await;
    assert_eq!(seen(&proxy)["UpdateItem"], 3 + 1);
    // Another version, or anything at all, stands in the way as ever.
    let old = store.put("large", value.clone()).await.unwrap().version;
    let large = store.put("large", value.clone()).await.unwrap().version;
    drained(&*store).await;
    seen(&proxy);
    for error in [
        store.put_if_matches("large", "small", old).await.unwrap_err(),
        store.put_if_absent("large", "small").await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.current()), (ErrorKind::Conflict, Some(&large)));
    }
    assert_eq!(seen(&proxy)["PutItem"], 2, "one each");
    store.close(&Call::default()).await.unwrap();
}

async fn of_write_shards(server: &Server) {
    let proxy = server.behind_proxy().await;
    let url = format!("{}{}", proxy.url("table/sharded"), server.parameters());
    let store = larder::open(&format!("{url}&shards=4")).await.unwrap();
    for n in 0..40 {
        store.put(format!("k/{n}"), "v").await.unwrap();
    }
    seen(&proxy);
    assert_eq!(store.list("k/").try_collect::<Vec<_>>().await.unwrap().len(), 40);
    assert_eq!(seen(&proxy), only("Query", 4), "one for each shard");
    store.get("k/7").await.unwrap().unwrap();
    assert_eq!(seen(&proxy), only("GetItem", 1));
    // Whoever does not say how many takes what is there; whoever says otherwise is refused, by every call.
    let same = larder::open(&url).await.unwrap();
    assert_eq!(same.list("k/").try_collect::<Vec<_>>().await.unwrap().len(), 40);
    let other = larder::open(&format!("{url}&shards=3")).await.unwrap();
    for error in [
        other.get("k/7").await.map(drop).unwrap_err(),
        other.put("k/7", "w").await.map(drop).unwrap_err(),
        other.delete("k/7").await.map(drop).unwrap_err(),
        other.list("").try_collect::<Vec<_>>().await.map(drop).unwrap_err(),
        other.get_many(["k/7"]).await.map(|mut got| got.remove(0).map(drop)).and_then(|got| got).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("4 write shards"), "{error}");
    }
    assert_eq!(store.get("k/7").await.unwrap().as_deref(), Some(&b"v"[..]));
}

async fn a_value_that_stands_in_the_way(server: &Server) {
    let proxy = server.behind_proxy().await;
    let store = larder::open(&format!("{}{}", proxy.url("table/p"), server.parameters())).await.unwrap();
    let first = store.put("k", "1").await.unwrap();
    let second = store.put("k", "2").await.unwrap();
    seen(&proxy);
    let error = store.put_if_matches("k", "3", first.version).await.unwrap_err();
    assert_eq!((error.kind(), error.current()), (ErrorKind::Conflict, Some(&second.version)));
    let asked = seen(&proxy);
    match server {
        Server::MiniStack(_) => assert_eq!(asked, only("PutItem", 1), "the refusal tells what stands there"),
        // It does not tell, and is asked.
        Server::Dynalite(_) => {
            assert_eq!(asked, BTreeMap::from([("GetItem".into(), 1), ("PutItem".into(), 1)]));
        }
    }
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"2"[..]));
}
