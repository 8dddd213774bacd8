//! What people are told, and what is never told.

use larder::gs::{GsConfig, GsStore};
use larder::{Call, Env, ErrorKind, Key, Store, StoreExt};
use larder_cloud_tests::gs::{Double, Fault, FaultPlan, When};
use std::time::Duration;

use crate::service::double;

fn config(double: &Double) -> GsConfig {
    GsConfig::new("bucket")
        .with_endpoint(double.endpoint())
        .with_grpc_endpoint(double.grpc_endpoint())
        .with_attempts(2, Duration::from_secs(5))
        .with_attempt_timeout(Duration::from_secs(1))
}

#[tokio::test]
async fn an_absent_bucket_is_named() {
    let double = double();
    let store = larder::open(&double.url("nothing")).await.unwrap();
    for error in [
        store.get("k").await.unwrap_err(),
        store.head("k").await.unwrap_err(),
        store.put("k", "v").await.unwrap_err(),
        store.delete("k").await.unwrap_err(),
        store.copy("k", "l").await.unwrap_err(),
        store.put("k", vec![0; 17 << 20]).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("bucket"), "{error}");
    }
}

#[tokio::test]
async fn a_token_is_sent_and_never_shown() {
    let double = double();
    double.set_token(Some("ya29.right-token"));
    let right = GsStore::open(config(&double).with_access_token("ya29.right-token")).await.unwrap();
    right.put("k", "v").await.unwrap();
    right.put("large", vec![7; 17 << 20]).await.unwrap();
    assert_eq!(right.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
    assert!(right.head("k").await.unwrap().is_some());
    let wrong = GsStore::open(config(&double).with_access_token("ya29.wrong-token")).await.unwrap();
    for error in [
        wrong.get("k").await.unwrap_err(),
        wrong.head("k").await.unwrap_err(),
        wrong.put("k", "v").await.unwrap_err(),
        wrong.put("k", vec![7; 17 << 20]).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
        let all = format!("{error} {error:?} {:?}", wrong);
        assert!(!all.contains("wrong-token"), "{all}");
    }
    let nobody = GsStore::open(config(&double).with_anonymous()).await.unwrap();
    assert_eq!(nobody.get("k").await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn a_key_file_that_is_none_is_named() {
    let double = double();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    for text in
        [None, Some("no json, secret"), Some("{\"type\":\"service_account\",\"private_key\":\"secret\"}")]
    {
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let store = GsStore::open(config(&double).with_service_account_file(&path)).await.unwrap();
        let error = store.get("k").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{text:?}: {error}");
        let all = format!("{error} {error:?}");
        assert!(all.contains("key.json") && !all.contains("secret"), "{all}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_there() {
    let (endpoint, grpc) = {
        let double = double();
        (double.endpoint(), double.grpc_endpoint())
    };
    let config = GsConfig::new("bucket").with_endpoint(endpoint).with_grpc_endpoint(grpc).with_anonymous();
    let config = config.with_attempts(2, Duration::from_secs(2)).with_attempt_timeout(Duration::from_secs(1));
    let store = GsStore::open(config).await.unwrap();
    for error in [
        store.get("k").await.unwrap_err(),
        store.head("k").await.unwrap_err(),
        store.put("k", "v").await.unwrap_err(),
        store.delete("k").await.unwrap_err(),
    ] {
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unavailable, true), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_silence_are_never_absent() {
    let double = double();
    let store = GsStore::open(config(&double).with_anonymous()).await.unwrap();
    store.put("k", "v").await.unwrap();
    let env = Env::system();
    for (fault, kind) in [
        (Fault::TooManyRequests { retry_after: false }, ErrorKind::Throttled),
        (Fault::Failing(503, When::Before), ErrorKind::Unavailable),
        (Fault::Failing(502, When::Before), ErrorKind::Unavailable),
        (Fault::BlackHole(When::Before), ErrorKind::Unavailable),
        (Fault::Reset(When::Before), ErrorKind::Unavailable),
        (Fault::ExpiredToken, ErrorKind::Denied),
    ] {
        double.faults().set(FaultPlan::new(3).with(fault, 1.0));
        let key = Key::new("k").unwrap();
        let get = loop {
            if let Err(error) = store.get(&key).await {
                break error;
            }
        };
        let head = loop {
            if let Err(error) = store.head(&key).await {
                break error;
            }
        };
        double.faults().clear();
        assert_eq!((get.kind(), head.kind()), (kind, kind), "{fault}: {get} / {head}");
        // Nothing hangs past its deadline.
        double.faults().set(FaultPlan::new(3).with(fault, 1.0));
        let begun = env.now();
        let options = larder::GetOptions::new().with_call(Call::within(&env, Duration::from_millis(300)));
        let _ = store.get_opts(&key, &options).await;
        assert!(env.now() - begun < Duration::from_secs(3), "{fault}");
        double.faults().clear();
    }
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
}

/// A frozen process wakes up with dead connections.
#[tokio::test]
async fn dead_connections_are_replaced() {
    let double = double();
    let store = larder::open(&double.url("bucket")).await.unwrap();
    store.put("k", "v").await.unwrap();
    for _ in 0..3 {
        assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
        assert!(store.head("k").await.unwrap().is_some());
        double.drop_connections();
    }
    store.put("k", "w").await.unwrap();
}

#[tokio::test]
async fn damaged_facts_are_told() {
    let double = double();
    let store = larder::open(&double.url("bucket")).await.unwrap();
    store.put("k", "v").await.unwrap();
    store.put("l", "v").await.unwrap();
    double.set_metadata("bucket", "k", "larder", "1;w=none");
    assert_eq!(store.get("k").await.unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(store.head("k").await.unwrap_err().kind(), ErrorKind::Corrupt);
    use futures_util::TryStreamExt as _;
    let listed: Vec<_> = store.list("").try_collect().await.unwrap();
    assert_eq!(listed.len(), 2, "what is behind it is listed");
    assert!(matches!(&listed[0], larder::Listed::Foreign { name, .. } if name == "k"), "{listed:?}");
    double.set_metadata("bucket", "k", "larder", "2;later");
    assert_eq!(store.get("k").await.unwrap_err().kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn class_and_key_of_what_is_written() {
    let double = double();
    let key = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
    let config = config(&double).with_anonymous().with_storage_class("NEARLINE").with_kms_key(key);
    let store = GsStore::open(config).await.unwrap();
    store.put("small", "v").await.unwrap();
    store.put("large", vec![1; 17 << 20]).await.unwrap();
    store.copy("small", "copy").await.unwrap();
    for name in ["small", "large", "copy"] {
        let (class, used) = double.class("bucket", name).unwrap();
        assert_eq!(
            (class.as_str(), used),
            ("NEARLINE", Some(format!("{key}/cryptoKeyVersions/1"))),
            "{name}"
        );
    }
}
