//! Listings: pages of the service, merged in the order of the keys.

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use larder::{ErrorKind, ListOptions, Listed, Store, StoreExt};

use crate::servers::{Server, on_both};
use crate::sweep::client;

on_both! { more_than_a_page foreign_items_are_told damage_is_told }

async fn more_than_a_page(server: &Server) {
    let proxy = server.behind_proxy().await;
    for shards in [1, 3] {
        let url = format!("{}{}&shards={shards}", proxy.url(&format!("table/{shards}")), server.parameters());
        let store = larder::open(&url).await.unwrap();
        // Three megabytes and more, bodies included.
        let name = |n: usize| format!("k/{:02}/{n:04}", n % 37);
        let value = Bytes::from(vec![7; 4000]);
        for put in store.put_many((0..800).map(|n| (name(n), value.clone()))).await.unwrap() {
            put.unwrap();
        }
        let mut wanted: Vec<_> = (0..800).map(name).collect();
        wanted.sort();
        proxy.take_requests();
        let listed: Vec<_> = store.list("k/").try_collect().await.unwrap();
        assert!(listed.iter().map(Listed::name).eq(wanted.iter().map(String::as_str)), "{shards} shards");
        let pages = proxy.take_requests()["Query"];
        assert!((4..=4 + 2 * shards).contains(&pages), "{pages} requests for 3.3 MB in {shards} shards");
        // No body travels.
        let (_, answer) = proxy.largest();
        assert!(answer < 600_000, "an answer of {answer} bytes");
        // A listing of a few asks for a few.
        let few: Vec<_> = store.list_opts(ListOptions::new().with_limit(5)).try_collect().await.unwrap();
        assert!(few.iter().map(Listed::name).eq(wanted[..5].iter().map(String::as_str)));
        assert_eq!(proxy.take_requests()["Query"], shards);
        let folders = ListOptions::new().with_prefix("k/").with_delimiter("/");
        let folders: Vec<_> = store.list_opts(folders).try_collect().await.unwrap();
        assert_eq!(folders.len(), 37);
        assert!(folders.iter().all(|folder| matches!(folder, Listed::Prefix(_))));
        let rest = ListOptions::new().with_start_after(wanted[700].as_str());
        let rest: Vec<_> = store.list_opts(rest).try_collect().await.unwrap();
        assert!(rest.iter().map(Listed::name).eq(wanted[701..].iter().map(String::as_str)));
    }
}

/// What others wrote into a partition of ours is named, and in the way of nobody but who would destroy it.
async fn foreign_items_are_told(server: &Server) {
    drop(server.behind_proxy().await);
    let url = server.url("table/p");
    let store = larder::open(&url).await.unwrap();
    store.put("k", "v").await.unwrap();
    let put = |sk: &[u8]| {
        use aws_sdk_dynamodb::primitives::Blob;
        use aws_sdk_dynamodb::types::AttributeValue;
        let client = client(server.port()).put_item().table_name("table");
        client
            .item("pk", AttributeValue::S("h:0:p".into()))
            .item("sk", AttributeValue::B(Blob::new(sk)))
            .item("what", AttributeValue::S("of somebody else".into()))
            .send()
    };
    put(b"theirs").await.unwrap();
    put(b"\xffno text").await.unwrap();
    put(b"a\nline").await.unwrap();
    let listed: Vec<_> = store.list("").try_collect().await.unwrap();
    let foreign: Vec<_> =
        listed.iter().filter(|item| matches!(item, Listed::Foreign { .. })).map(Listed::name).collect();
    assert_eq!(foreign, ["a\nline", "theirs", "\u{fffd}no text"]);
    assert_eq!(listed.len(), 4);
    assert_eq!(store.get("theirs").await.unwrap_err().kind(), ErrorKind::Corrupt);
    let registry = larder::registry();
    let error = registry.destroy(&url.parse().unwrap(), &larder::OpenOptions::new()).await.unwrap_err();
    assert!(error.to_string().contains("no value of this store"), "{error}");
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
}

/// A bit that fell over in the service is an error that names the key, and never another value.
async fn damage_is_told(server: &Server) {
    use aws_sdk_dynamodb::primitives::Blob;
    use aws_sdk_dynamodb::types::AttributeValue;
    drop(server.behind_proxy().await);
    let store = larder::open(&server.url("table/p")).await.unwrap();
    store.put("small", "a small value").await.unwrap();
    store.put("large", vec![7; 500_000]).await.unwrap();
    let client = client(server.port());
    let all = client.scan().table_name("table").consistent_read(true).send().await.unwrap();
    for item in all.items().iter().filter(|item| !item["pk"].as_s().unwrap().starts_with("m:")) {
        for name in ["h", "b"] {
            let Some(AttributeValue::B(bytes)) = item.get(name) else { continue };
            let mut damaged = bytes.as_ref().to_vec();
            let at = damaged.len() / 2;
            damaged[at] ^= 0x10;
            let mut other = item.clone();
            other.insert(name.into(), AttributeValue::B(Blob::new(damaged)));
            client.put_item().table_name("table").set_item(Some(other)).send().await.unwrap();
            let of_large = item["pk"].as_s().unwrap().starts_with("c:")
                || item["sk"].as_b().unwrap().as_ref() == b"large";
            let key = if of_large { "large" } else { "small" };
            let error = store.get(key).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
            assert_eq!(error.key().map(larder::Key::as_str), Some(key));
            let streamed = match store.get_stream(key).await {
                Ok(body) => body.unwrap().try_collect::<Vec<_>>().await.map(drop),
                Err(error) => Err(error),
            };
            assert_eq!(streamed.unwrap_err().kind(), ErrorKind::Corrupt);
            if name == "h" {
                let listed: Vec<_> = store.list("").collect().await;
                let told =
                    listed.iter().filter_map(|item| item.as_ref().err()).any(|e| e.is(ErrorKind::Corrupt));
                assert!(told, "a listing passes it over");
            }
            client.put_item().table_name("table").set_item(Some(item.clone())).send().await.unwrap();
        }
    }
    assert_eq!(store.get("small").await.unwrap().as_deref(), Some(&b"a small value"[..]));
    // A chunk that is gone is damage too, and not another length.
    let chunk = all.items().iter().find(|item| item["pk"].as_s().unwrap().starts_with("c:")).unwrap();
    let key = ["pk", "sk"].map(|name| (name.to_owned(), chunk[name].clone()));
    client.delete_item().table_name("table").set_key(Some(key.into())).send().await.unwrap();
    let error = store.get("large").await.unwrap_err();
    assert!(error.is(ErrorKind::Corrupt) && error.to_string().contains("is gone"), "{error}");
}
