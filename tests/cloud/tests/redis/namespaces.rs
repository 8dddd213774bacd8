//! Stores in one Redis that never meet, whatever their namespaces are called.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder::redis::{RedisConfig, RedisStore};
use larder::{ErrorKind, Key, OpenOptions, Store, StoreExt, SweepOptions};
use larder_cloud_tests::redis::Server;
use larder_store_core::config::StoreConfig;

const HOSTILE: [&str; 24] = [
    "", "a", "ab", "a:", "a:0", "a:0}", "a:0}v:", "a}", "{a}", "{", "}", "{}", "}{", "a*", "*", "a?", "?",
    "[ab]", "[a-z]*", "\\", "a\\*", "%61", "a/b", "é ",
];

fn url(server: &Server, namespace: &str) -> String {
    let escaped: String = namespace.bytes().map(|byte| format!("%{byte:02X}")).collect();
    server.url(&escaped)
}

async fn names(store: &dyn Store) -> Vec<String> {
    let listed: Vec<_> = store.list("").try_collect().await.unwrap();
    listed.iter().map(|item| item.name().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn are_apart() {
    let Some(server) = Server::for_test("namespaces::are_apart", &[]) else { return };
    // What is not the store's: it looks like what one would write, or like what would be removed by a careless pattern.
    let foreign = ["larder", "{larder:a", "{larder:a}", "{larder:}x", "a", "*", "v:k", "{larder:A:0}v:k"];
    for name in foreign {
        server.cli(&["SET", name, "foreign"]).unwrap();
    }
    let mut stores: BTreeMap<&str, Arc<dyn Store>> = BTreeMap::new();
    for namespace in HOSTILE {
        let store = larder::open(&url(&server, namespace)).await.unwrap();
        assert!(names(&*store).await.is_empty(), "{namespace:?} begins empty");
        store.put("k", namespace.to_owned()).await.unwrap();
        store.put("large", vec![namespace.len() as u8; 2 << 20]).await.unwrap();
        store.put(format!("own/{namespace}"), "x").await.unwrap();
        stores.insert(namespace, store);
    }
    let whole = async |namespace: &str, store: &Arc<dyn Store>| {
        assert_eq!(names(&**store).await, ["k", "large", &format!("own/{namespace}")], "{namespace:?}");
        assert_eq!(store.get("k").await.unwrap().as_deref(), Some(namespace.as_bytes()));
        let large = store.get("large").await.unwrap();
        assert_eq!(large, Some(Bytes::from(vec![namespace.len() as u8; 2 << 20])), "{namespace:?}");
        store.sweep(&SweepOptions::default().with_older_than(std::time::Duration::ZERO)).await.unwrap();
    };
    for (namespace, store) in &stores {
        whole(namespace, store).await;
    }
    // One after the other goes, and none of the others feels it.
    let registry = larder::registry();
    for namespace in HOSTILE {
        let config = StoreConfig::parse(&url(&server, namespace)).unwrap();
        stores.remove(namespace);
        registry.destroy(&config, &OpenOptions::new()).await.unwrap().confirm().await.unwrap();
        assert!(!registry.exists(&config, &OpenOptions::new()).await.unwrap(), "{namespace:?}");
        assert!(names(&*registry.open(&config, &OpenOptions::new()).await.unwrap()).await.is_empty());
        for (other, store) in &stores {
            whole(other, store).await;
        }
    }
    assert_eq!(server.cli(&["DBSIZE"]).unwrap(), foreign.len().to_string(), "and nothing is left behind");
    for name in foreign {
        assert_eq!(server.cli(&["GET", name]).unwrap(), "foreign");
    }
    for command in ["keys", "flushdb", "flushall", "swapdb", "randomkey"] {
        assert_eq!(server.calls(command).unwrap(), 0, "{command} was called");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_databases_are_apart() {
    let Some(server) = Server::for_test("namespaces::with_databases_are_apart", &[]) else { return };
    let open = async |database| {
        let config = RedisConfig::new(format!("127.0.0.1:{}", server.port())).with_database(database);
        RedisStore::open(config.with_namespace("app")).await.unwrap()
    };
    let (zero, nine) = (open(0).await, open(9).await);
    zero.put("k", "0").await.unwrap();
    assert_eq!(nine.get("k").await.unwrap(), None);
    nine.put("k", "9").await.unwrap();
    assert_eq!(zero.get("k").await.unwrap().as_deref(), Some(&b"0"[..]));
    assert_ne!(zero.id(), nine.id());
    let error = open(999).await.get("k").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

/// Whoever says another number of shards would not find what is there.
#[tokio::test(flavor = "multi_thread")]
async fn are_spread_as_they_were_made() {
    let Some(server) = Server::for_test("namespaces::are_spread_as_they_were_made", &[]) else { return };
    let open = async |shards| larder::open(&format!("{}&shards={shards}", server.url("app"))).await.unwrap();
    let four = open(4).await;
    for n in 0..200 {
        four.put(format!("k/{n:03}"), "v").await.unwrap();
    }
    let listed = names(&*four).await;
    assert_eq!(listed.len(), 200);
    assert!(listed.is_sorted(), "merged in order");
    for shard in 0..4 {
        let count: u64 =
            server.cli(&["ZCARD", &format!("{{larder:app:{shard}}}i")]).unwrap().parse().unwrap();
        assert!(count > 20, "shard {shard} has {count}");
    }
    let limited: Vec<_> = four
        .list_opts(larder::ListOptions::new().with_prefix("k/").with_start_after("k/099").with_limit(3))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(limited.iter().map(|item| item.name()).collect::<Vec<_>>(), ["k/100", "k/101", "k/102"]);
    for other in [1, 3, 8] {
        let other = open(other).await;
        let refused = [
            other.get("k/000").await.map(drop).unwrap_err(),
            other.put("k/new", "v").await.map(drop).unwrap_err(),
            other.delete("k/000").await.map(drop).unwrap_err(),
            other.list("").try_collect::<Vec<_>>().await.map(drop).unwrap_err(),
            other.get_many(["k/000", "k/001"]).await.unwrap().pop().unwrap().map(drop).unwrap_err(),
        ];
        for error in refused {
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains("shards=4"), "{error}");
        }
    }
    // Two keys in one transaction are refused before anything is asked.
    let before = server.calls("evalsha").unwrap();
    let item = |name: &str| {
        larder::Step::Put(larder::PutItem {
            key: Key::new(name).unwrap(),
            value: "v".into(),
            options: larder::PutOptions::new(),
        })
    };
    let error = four.transact(vec![item("a"), item("b")]).await.unwrap_err();
    assert!(error.is(ErrorKind::Unsupported) && error.to_string().contains("slot"), "{error}");
    assert_eq!(server.calls("evalsha").unwrap(), before);
    four.transact(vec![item("a")]).await.unwrap();
    assert_eq!(four.guarantees().transactions.unwrap().max_steps, 1);
}
