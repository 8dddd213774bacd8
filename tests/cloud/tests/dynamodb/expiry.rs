//! Values that expire: exactly for readers, and later for the service.

use std::time::Duration;

use futures_util::TryStreamExt;
use larder::{DeleteOptions, Deleted, Key, PutOptions, Store, StoreExt};
use larder_store_core::conformance::TestClock;

use crate::servers::{Server, on_both, open_at};
use crate::sweep::client;

on_both! { exactly_for_readers }

async fn exactly_for_readers(server: &Server) {
    drop(server.behind_proxy().await);
    let clock = TestClock::new();
    let store = open_at(&server.url("table/p"), clock.env()).await;
    let at = clock.env().wall() + Duration::from_secs(1000);
    let options = PutOptions::new().with_expires(at);
    let (small, large) = (Key::new("small").unwrap(), Key::new("large").unwrap());
    store.put_opts(&small, "v".into(), &options).await.unwrap();
    store.put_opts(&large, vec![7; 500_000].into(), &options).await.unwrap();
    store.put("stays", "v").await.unwrap();

    // The service is told to wait for longer than any clock is wrong, for chunks longer than for what refers to them.
    let seconds = at.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let all = client(server.port()).scan().table_name("table").consistent_read(true).send().await.unwrap();
    let mut seen = (0, 0);
    for item in all.items() {
        let ttl = item.get("ttl").map(|ttl| ttl.as_n().unwrap().parse::<u64>().unwrap());
        let pk = item["pk"].as_s().unwrap();
        match (&pk[..2], ttl) {
            ("h:", Some(ttl)) => {
                assert!((seconds + 3600..seconds + 3700).contains(&ttl), "{pk}: {ttl} for {seconds}");
                seen.0 += 1;
            }
            ("c:", ttl) => {
                assert!(ttl.unwrap() >= seconds + 7200, "{pk}: {ttl:?} for {seconds}");
                seen.1 += 1;
            }
            ("p:", ttl) => assert!(ttl.unwrap() > seconds + 24 * 3600, "the register stays longest"),
            _ => assert_eq!(ttl, None, "{pk}"),
        }
    }
    assert_eq!(seen, (2, 2));

    clock.hold(at - Duration::from_nanos(1));
    for key in [&small, &large] {
        assert!(store.get(key).await.unwrap().is_some(), "{key} lives until its time");
        store.put_if_absent(key, "w").await.unwrap_err();
    }
    clock.hold(at);
    let names: Vec<_> = store.list("").try_collect().await.unwrap();
    assert_eq!(names.iter().map(larder::Listed::name).collect::<Vec<_>>(), ["stays"], "no listing names it");
    for key in [&small, &large] {
        assert_eq!(store.get(key).await.unwrap(), None, "and not an instant longer");
        assert!(store.head(key).await.unwrap().is_none());
    }
    let gone = store.delete_opts(&small, &DeleteOptions::new().with_tell(true)).await.unwrap();
    assert_eq!(gone.existed, Deleted::No);
    // The service still has it: what is absent is decided where it is written.
    let version = store.put_if_absent(&large, "w").await.unwrap().version;
    assert_eq!(store.get(&large).await.unwrap().as_deref(), Some(&b"w"[..]));
    store.put_if_matches(&large, "x", version).await.unwrap();
}
