//! What is counted, timed and traced.

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use larder_store_core::conformance::Reference;
use larder_store_core::layer::fault::{Fault, FaultStore};
use larder_store_core::layer::observe::Observe;
use larder_store_core::{Call, ErrorKind, GetOptions, Op, PutItem, PutOptions, Store, StoreExt};

use super::recorder::Kept;
use crate::common::capture::Capture;
use crate::common::faulty::{body, faulty, key, plan};

fn calls(kept: &Kept, op: &str, outcome: &str) -> f64 {
    kept.at(&format!("larder_calls_total{{op={op:?},store=\"reference:faulty\",outcome={outcome:?}}}"))
}

fn at(kept: &Kept, name: &str) -> f64 {
    kept.at(&format!("{name}{{store=\"reference:faulty\"}}"))
}

/// Runs on this thread alone, so that the local recorder and subscriber see all of it.
fn observed(rule: Fault, test: impl AsyncFnOnce(&Kept, Observe<FaultStore<Arc<Reference>>>)) -> String {
    let (kept, capture) = (Kept::default(), Capture::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    metrics::with_local_recorder(&kept, || {
        tracing::subscriber::with_default(capture.clone(), || {
            runtime.block_on(async {
                let store = Observe::new(faulty(&plan(rule)).await.1);
                test(&kept, store).await;
            });
        });
    });
    assert_eq!(at(&kept, "larder_calls_in_flight"), 0.0);
    capture.text()
}

#[test]
fn calls_are_counted_by_their_outcome() {
    let text = observed(Fault::before([Op::Head]).fail(ErrorKind::Unknown), async |kept, store| {
        store.get("old").await.unwrap();
        store.get_opts(&key("old"), &GetOptions::new()).await.unwrap();
        store.get("none").await.unwrap();
        store.put("secret-name", "12345").await.unwrap();
        store.head("old").await.unwrap_err();
        let version = store.get_versioned("old").await.unwrap().unwrap().1;
        let unless = GetOptions::new().with_unless(version);
        store.get_opts(&key("old"), &unless).await.unwrap();
        store.copy("none", "other").await.unwrap();
        assert_eq!(calls(kept, "get", "ok"), 3.0);
        assert_eq!((calls(kept, "get", "absent"), calls(kept, "get", "unchanged")), (1.0, 1.0));
        assert_eq!((calls(kept, "put", "ok"), calls(kept, "head", "unknown_outcome")), (1.0, 1.0));
        assert_eq!(calls(kept, "copy", "absent"), 1.0);
        assert_eq!(
            (at(kept, "larder_read_bytes_total"), at(kept, "larder_written_bytes_total")),
            (30.0, 5.0)
        );
        // Gets that did not wait are not timed.
        assert_eq!(kept.at("larder_call_seconds{op=\"get\",store=\"reference:faulty\"}"), 3.0);
    });
    assert!(text.contains("span DEBUG larder") && text.contains("op=\"put\""), "{text}");
    assert!(text.contains("key_len=11") && text.contains("error=unknown outcome"), "{text}");
    assert!(!text.contains("secret-name"), "{text}");
}

#[test]
fn streams_count_until_they_end_and_what_nobody_waits_for_is_dropped() {
    observed(Fault::before([Op::Delete]).hang(), async |kept, store| {
        let mut stream = store.get_stream("old").await.unwrap().unwrap();
        assert_eq!(at(kept, "larder_calls_in_flight"), 1.0);
        assert_eq!(calls(kept, "get_stream", "ok"), 0.0);
        while stream.next().await.is_some() {}
        assert_eq!((calls(kept, "get_stream", "ok"), at(kept, "larder_read_bytes_total")), (1.0, 10.0));

        drop(store.get_stream("old").await.unwrap());
        assert_eq!(calls(kept, "get_stream", "dropped"), 1.0);
        drop(store.list(""));
        assert_eq!(calls(kept, "list", "dropped"), 1.0);
        assert_eq!(store.list("").count().await, 1);
        assert_eq!(calls(kept, "list", "ok"), 1.0);
        assert!(store.delete("old").now_or_never().is_none());
        assert_eq!(calls(kept, "delete", "dropped"), 1.0);
        store.put_stream("s", body(&["123", "4567"])).await.unwrap();
        assert_eq!(at(kept, "larder_written_bytes_total"), 7.0);
        assert!(kept.names().iter().all(|name| name.starts_with("larder_")));
    });
}

#[test]
fn of_many_each_key_counts() {
    observed(Fault::before([Op::PutMany]).fail(ErrorKind::Full).nth(2), async |kept, store| {
        let item = |name: &str| PutItem { key: key(name), value: "v".into(), options: PutOptions::new() };
        store.put_many_opts(vec![item("a"), item("b"), item("c")], &Call::default()).await;
        assert_eq!((calls(kept, "put_many", "ok"), calls(kept, "put_many", "full")), (2.0, 1.0));
        store.get_many(["a", "b", "c"]).await.unwrap();
        assert_eq!((calls(kept, "get_many", "ok"), calls(kept, "get_many", "absent")), (2.0, 1.0));
        assert_eq!(kept.at("larder_call_seconds{op=\"get_many\",store=\"reference:faulty\"}"), 1.0);
    });
}
