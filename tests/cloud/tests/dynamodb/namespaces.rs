//! Many stores in one table, which know nothing of each other.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder::{Key, OpenOptions, StoreExt};
use larder_store_backends::dynamodb::{DynamoConfig, DynamoStore};

use crate::servers::{Server, drained, on_both};

on_both! { none_sees_another destroying_one_leaves_the_others }

/// Names that look like keys, like each other's beginnings, and like what is before a name in an item's key.
const HOSTILE: [&str; 20] = [
    "",
    ":",
    "0:",
    ":0",
    "app",
    "app/",
    "app/b",
    "/app",
    "0:app",
    "h:0:app",
    "h:0:",
    "m:app",
    "s:app",
    "p:app",
    "..",
    "../app",
    "%2f",
    "é",
    "c:00000000000000000000000000000000:0:app",
    "\u{202e}app",
];

async fn open(server: &Server, namespace: &str, shards: u16) -> DynamoStore {
    let config = DynamoConfig::new("table")
        .with_namespace(namespace)
        .with_region("us-east-1")
        .with_endpoint(format!("http://127.0.0.1:{}", server.port()))
        .with_keys("test", "test")
        .with_shards(shards)
        .with_create(true);
    DynamoStore::open_with(config, &OpenOptions::new()).await.unwrap_or_else(|e| panic!("{namespace:?}: {e}"))
}

/// Everything that a store has.
async fn all(store: &DynamoStore) -> BTreeMap<String, Bytes> {
    let mut all = BTreeMap::new();
    let listed: Vec<_> = store.list("").try_collect().await.unwrap();
    for item in listed {
        let key = item.into_entry().expect("nothing foreign").key;
        all.insert(key.as_str().to_owned(), store.get(&key).await.unwrap().expect("it is listed"));
    }
    all
}

async fn none_sees_another(server: &Server) {
    let mut stores = Vec::new();
    for (n, namespace) in HOSTILE.iter().enumerate() {
        stores.push((*namespace, open(server, namespace, 1 + n as u16 % 3).await));
    }
    let keys = ["k", "app", "b/k", ":", "0:k", "h:0:app", "-", "é"];
    let value = |namespace: &str, key: &str| Bytes::from(format!("{key} of {namespace}").repeat(3));
    let large = |namespace: &str| Bytes::from(format!("large of {namespace} ").repeat(1000));
    for (namespace, store) in &stores {
        assert_eq!(all(store).await, BTreeMap::new(), "{namespace:?} has what another wrote");
        for key in keys {
            // Nobody else's key is in the way.
            store.put_if_absent(key, value(namespace, key)).await.unwrap();
        }
        store.put("large", large(namespace)).await.unwrap();
    }
    let wanted = |namespace: &str| {
        let mut all: BTreeMap<_, _> = keys.iter().map(|k| ((*k).to_owned(), value(namespace, k))).collect();
        all.insert("large".into(), large(namespace));
        all
    };
    for (namespace, store) in &stores {
        assert_eq!(all(store).await, wanted(namespace), "{namespace:?}");
    }
    // What one deletes is its own.
    for (n, (namespace, store)) in stores.iter().enumerate() {
        for key in wanted(namespace).keys() {
            store.delete(Key::new(key.as_str()).unwrap()).await.unwrap();
        }
        drained(store).await;
        assert_eq!(all(store).await, BTreeMap::new());
        for (namespace, store) in &stores[n + 1..] {
            assert_eq!(all(store).await.len(), keys.len() + 1, "{namespace:?}");
        }
    }
}

async fn destroying_one_leaves_the_others(server: &Server) {
    let url = |namespace: &str| server.url(&format!("table/{namespace}"));
    drop(open(server, "", 1).await);
    let (kept, gone) = (["app", "a", "app/b/c", ""], "app/b");
    for namespace in kept.iter().chain([&gone]) {
        let store = larder::open(&url(namespace)).await.unwrap();
        for n in 0..60 {
            store.put(format!("k/{n}"), "v").await.unwrap();
        }
        store.put("large", vec![7; 500_000]).await.unwrap();
    }
    let registry = larder::registry();
    let options = OpenOptions::new();
    let config = |namespace: &str| url(namespace).parse().unwrap();
    assert!(registry.exists(&config(gone), &options).await.unwrap());
    let destroy = registry.destroy(&config(gone), &options).await.unwrap();
    assert!(destroy.names()[0].contains("\"app/b\""), "{:?}", destroy.names());
    destroy.confirm().await.unwrap();
    assert!(!registry.exists(&config(gone), &options).await.unwrap(), "it is gone");
    assert!(registry.destroy(&config(gone), &options).await.is_err(), "there is nothing to destroy");
    assert!(!registry.exists(&config("never"), &options).await.unwrap());
    for namespace in kept {
        let store = larder::open(&url(namespace)).await.unwrap();
        assert_eq!(store.list("").try_collect::<Vec<_>>().await.unwrap().len(), 61, "{namespace:?}");
        assert_eq!(store.get("large").await.unwrap().unwrap().len(), 500_000, "{namespace:?}");
    }
    // Nothing is left of the one, chunks and register included, as whoever asks the service itself sees.
    let items = crate::sweep::items(server.port(), "table").await;
    let left: Vec<_> = items.iter().filter(|pk| pk.ends_with(":app/b")).collect();
    assert!(left.is_empty(), "{left:?}");
    let store = larder::open(&url(gone)).await.unwrap();
    store.put("new", "v").await.unwrap();
    assert_eq!(store.list("").try_collect::<Vec<_>>().await.unwrap().len(), 1);
}
