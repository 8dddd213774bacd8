//! URLs for those who have no credentials.

use std::time::Duration;

use larder::s3::{S3Config, S3Store};
use larder::{Call, ErrorKind, Key, OpenOptions, Store, StoreExt};
use larder_cloud_tests::s3::{Double, DoubleOptions};
use larder_store_core::config::StoreConfig;

use crate::http::send;

async fn open(url: &str) -> S3Store {
    let config = S3Config::try_from(&StoreConfig::parse(url).unwrap()).unwrap();
    S3Store::open_with(config, &OpenOptions::new()).await.unwrap()
}

fn double() -> Double {
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket("bucket");
    double
}

#[tokio::test(flavor = "multi_thread")]
async fn they_get_and_put_one_value_until_they_expire() {
    let double = double();
    let store = open(&double.url("bucket/p")).await;
    let (call, lasts) = (Call::default(), Duration::from_secs(60));
    let key = Key::new("a b/ä+?&=%.txt").unwrap();
    let put = store.presigned_put(&key, lasts, &call).await.unwrap();
    let get = store.presigned_get(&key, lasts, &call).await.unwrap();
    assert_eq!(double.requests().values().sum::<u64>(), 0, "signing asks nothing");
    assert_eq!((put.method(), get.method()), ("PUT", "GET"));

    assert_eq!(send("GET", get.url(), get.headers(), b"").0, 404, "it is absent still");
    assert_eq!(send("PUT", put.url(), put.headers(), b"value").0, 200);
    assert_eq!(store.get(key.clone()).await.unwrap().as_deref(), Some(&b"value"[..]));
    assert_eq!(send("GET", get.url(), get.headers(), b""), (200, b"value".to_vec()));
    // What they are not for.
    assert_eq!(send("DELETE", get.url(), &[], b"").0, 403);
    assert_eq!(send("PUT", get.url(), &[], b"other").0, 403);
    let other = get.url().replacen(".txt", ".doc", 1);
    assert_eq!(send("GET", &other, &[], b"").0, 403, "of another key");

    double.set_clock_offset(61);
    assert_eq!(send("GET", get.url(), get.headers(), b"").0, 403, "it has expired");
    // A secret is in it.
    assert!(!format!("{get:?}").contains("Signature"), "{get:?}");
}

#[tokio::test]
async fn what_cannot_be_signed_is_refused() {
    let double = double();
    let (call, key) = (Call::default(), Key::new("k").unwrap());
    let hour = Duration::from_secs(3600);
    let store = open(&double.url("bucket")).await;
    for lasts in [Duration::ZERO, Duration::from_secs(7 * 24 * 3600 + 1)] {
        let error = store.presigned_get(&key, lasts, &call).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    let record = open(&format!("{}&layout=record", double.url("bucket"))).await;
    let anonymous = double.url("bucket");
    let (place, _) = anonymous.split_once("&access_key").unwrap();
    let anonymous = open(&format!("{place}&anonymous=true")).await;
    for store in [&record, &anonymous] {
        let error = store.presigned_put(&key, hour, &call).await.unwrap_err();
        assert_eq!((error.kind(), error.key()), (ErrorKind::Unsupported, Some(&key)), "{error}");
    }
    store.close(&call).await.unwrap();
    assert_eq!(store.presigned_get(&key, hour, &call).await.unwrap_err().kind(), ErrorKind::Closed);
}
