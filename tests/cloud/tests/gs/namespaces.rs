//! Stores side by side in one bucket.

use futures_util::TryStreamExt;
use larder::{Key, ListOptions, Listed, OpenOptions, Store, StoreExt};

use crate::service::double;

const HOSTILE: [&str; 14] = [
    "a",
    "../a",
    "a/../b",
    "..",
    ".",
    "./a",
    "/",
    "//a",
    " ",
    ".well-known/acme-challenge/x",
    "a%2Fb",
    "a?b#c&d",
    "\u{202e}a",
    "p/a",
];

/// A prefix is no other's, though it begins like it; and none leaves its own.
#[tokio::test]
async fn never_see_each_other() {
    let double = double();
    let mut stores = Vec::new();
    for prefix in ["p", "pp", "p p", "q/r"] {
        stores.push((prefix, larder::open(&double.url(&format!("bucket/{prefix}"))).await.unwrap()));
    }
    for (prefix, store) in &stores {
        for key in HOSTILE {
            store.put(key, format!("{prefix}:{key}")).await.unwrap_or_else(|e| panic!("{key:?}: {e}"));
        }
    }
    let mut sorted = HOSTILE.map(str::to_owned).to_vec();
    sorted.sort();
    for (prefix, store) in &stores {
        let listed: Vec<Listed> = store.list_opts(ListOptions::new()).try_collect().await.unwrap();
        assert_eq!(listed.iter().map(Listed::name).collect::<Vec<_>>(), sorted, "{prefix}");
        for key in HOSTILE {
            let value = store.get(key).await.unwrap();
            assert_eq!(value.as_deref(), Some(format!("{prefix}:{key}").as_bytes()), "{prefix} {key:?}");
        }
    }
    // One is emptied, and the others stay.
    let before = double.count("bucket");
    let url = double.url("bucket/pp");
    larder::registry().destroy_url(&url, &OpenOptions::new()).await.unwrap().confirm().await.unwrap();
    assert_eq!(double.count("bucket"), before - HOSTILE.len());
    for (prefix, store) in &stores {
        let there = store.get("..").await.unwrap().is_some();
        assert_eq!(there, *prefix != "pp", "{prefix}");
    }
}

/// At the root of a bucket some names are refused, and no key is.
#[tokio::test]
async fn the_root_takes_every_key() {
    let double = double();
    let store = larder::open(&double.url("bucket")).await.unwrap();
    for key in HOSTILE {
        store.put(key, key).await.unwrap_or_else(|e| panic!("{key:?}: {e}"));
        assert_eq!(store.get(key).await.unwrap().as_deref(), Some(key.as_bytes()), "{key:?}");
        assert!(store.head(key).await.unwrap().is_some(), "{key:?}");
        store.copy(key, "copied").await.unwrap();
        assert_eq!(store.get("copied").await.unwrap().as_deref(), Some(key.as_bytes()), "{key:?}");
        store.delete("copied").await.unwrap();
    }
    let mut sorted = HOSTILE.map(str::to_owned).to_vec();
    sorted.sort();
    let listed: Vec<Listed> = store.list_opts(ListOptions::new()).try_collect().await.unwrap();
    assert_eq!(listed.iter().map(Listed::name).collect::<Vec<_>>(), sorted);
    for key in HOSTILE {
        store.delete_opts(&Key::new(key).unwrap(), &Default::default()).await.unwrap();
    }
    assert_eq!(double.count("bucket"), 0);
}
