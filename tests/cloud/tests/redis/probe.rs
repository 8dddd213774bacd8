//! What a server's settings make of the store's word.

use larder::redis::{Probe, RedisConfig, RedisStore};
use larder::{Call, Durability, ErrorKind, Retention, Store, StoreExt};
use larder_cloud_tests::redis::{Programs, Server};

use crate::subject::ACL;

async fn probed(server: &Server) -> Probe {
    let config = RedisConfig::new(format!("127.0.0.1:{}", server.port()));
    RedisStore::open(config).await.unwrap().probe(&Call::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_how_long_a_write_lasts() {
    let test = "probe::tells_how_long_a_write_lasts";
    let Some(programs) = Programs::for_test(test) else { return };
    let always: &[&str] = &["appendonly yes", "appendfsync always"];
    for (settings, durability, says) in [
        (always, Durability::Durable, "every write is synced"),
        (&["appendonly yes", "appendfsync everysec"][..], Durability::Host, "each second"),
        (&["appendonly yes", "appendfsync no"][..], Durability::Host, "when the system likes"),
        (&["save 60 1000"][..], Durability::Host, "only snapshots"),
        (&[][..], Durability::Host, "a restart loses everything"),
    ] {
        let server = Server::start(&programs, settings).unwrap();
        let probe = probed(&server).await;
        assert!(probe.conditions.conditions_hold() && probe.conditions.conditional_delete, "{probe}");
        assert_eq!(probe.durability(), durability, "{settings:?}: {probe}");
        assert!(probe.to_string().contains(says), "{settings:?}: {probe}");
        assert!(!probe.evicts(), "{probe}");
        assert_eq!(server.cli(&["ZCARD", "{larder::0}I"]).unwrap(), "0", "nothing is left behind");

        // What is said at open is what every Redis keeps, unless it was asked.
        let store = larder::open(&server.url("app")).await.unwrap();
        assert_eq!(store.guarantees().durability, Durability::Host);
        let store = larder::open(&format!("{}&durability=probed", server.url("app"))).await.unwrap();
        assert_eq!(store.guarantees().durability, durability, "{settings:?}");
        assert_eq!(store.put("k", "v").await.unwrap().durability, durability);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tells_what_does_not_keep() {
    let settings = ["maxmemory 100mb", "maxmemory-policy allkeys-lru"];
    let Some(server) = Server::for_test("probe::tells_what_does_not_keep", &settings) else { return };
    let probe = probed(&server).await;
    assert!(probe.evicts() && probe.to_string().contains("EVICTS VALUES"), "{probe}");
    let url = format!("{}&durability=probed", server.url("app"));
    let store = larder::open(&url).await.unwrap();
    assert_eq!(store.guarantees().retention, Retention::MayEvict);
    // What may drop values is no origin.
    let stack = larder::open(&format!("memory:?capacity=1MiB | {url}&fresh=sole_writer")).await;
    let error = stack.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    // The same policy without a bound drops nothing.
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    assert!(!probed(&server).await.evicts());
}

#[tokio::test(flavor = "multi_thread")]
async fn says_what_it_may_not_ask() {
    let Some(server) = Server::for_test("probe::says_what_it_may_not_ask", &[ACL]) else { return };
    let url = |query: &str| format!("redis://anna:geheim@127.0.0.1:{}/0/app{query}", server.port());
    let config = larder_store_core::config::StoreConfig::parse(&url("")).unwrap();
    let store = RedisStore::open(RedisConfig::try_from(&config).unwrap()).await.unwrap();
    let probe = store.probe(&Call::default()).await.unwrap();
    assert!(probe.conditions.conditions_hold(), "{probe}");
    assert!(probe.to_string().contains("its persistence is not told"), "{probe}");
    assert_eq!((probe.durability(), probe.servers[0].evicts()), (Durability::Host, None));
    // INFO alone tells all but when the file is synced.
    server.cli(&["ACL", "SETUSER", "anna", "+info"]).unwrap();
    let probe = store.probe(&Call::default()).await.unwrap();
    assert_eq!(
        (probe.servers[0].append_only, &probe.servers[0].append_fsync),
        (Some(false), &None),
        "{probe}"
    );
    assert_eq!(probe.servers[0].evicts(), Some(false));
    let store = larder::open(&url("?durability=probed")).await.unwrap();
    assert_eq!(store.guarantees().durability, Durability::Host);
}
