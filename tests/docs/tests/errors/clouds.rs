//! What goes wrong between a store and a cloud, on an S3 server that refuses as S3 does.

use std::time::Duration;

use larder::{Call, Error, ErrorKind, GetOptions, Key, PutOptions, Result, Store, StoreExt, SweepOptions};
use larder_cloud_tests::s3::{Double, DoubleOptions, Rights};

use crate::provoke::without_ports;
use crate::rows::Rows;

const SECTION: &str = "Clouds";

/// A store on the double that gives up at once.
async fn open(double: &Double, more: &str) -> std::sync::Arc<dyn Store> {
    larder::open(&format!("{}&attempts=1{more}", double.url("bucket/app"))).await.unwrap()
}

pub(crate) async fn add(rows: &mut Rows) {
    let double = Double::start(DoubleOptions::default()).unwrap();
    double.create_bucket("bucket");
    let mut row = |cause: &str, kind: ErrorKind, answer: Result<(), Error>| {
        rows.add(SECTION, cause.to_owned(), None, kind, without_ports(answer, &[double.port().to_string()]));
    };
    let store = open(&double, "").await;
    store.put("k", "v").await.unwrap();

    let url = double.url("nobucket/app").replace("s3://nobucket", "s3://no-bucket");
    let missing = larder::open(&url).await.unwrap();
    row("a bucket that is missing, at a get", ErrorKind::Invalid, missing.get("k").await.map(drop));
    row("a bucket that is missing, at a head", ErrorKind::Invalid, missing.head("k").await.map(drop));
    row("a bucket that is missing, at a put", ErrorKind::Invalid, missing.put("k", "v").await.map(drop));

    let all = Rights::default();
    double.set_rights(Rights { get_object: false, ..all });
    row("no right to read", ErrorKind::Denied, store.get("k").await.map(drop));
    double.set_rights(Rights { put_object: false, ..all });
    row("no right to write", ErrorKind::Denied, store.put("k", "v").await.map(drop));
    double.set_rights(Rights { delete_object: false, ..all });
    row("no right to delete", ErrorKind::Denied, store.delete("k").await.map(drop));
    double.set_rights(Rights { list_bucket: false, ..all });
    row("an absent key without the right to list", ErrorKind::Denied, store.get("absent").await.map(drop));
    let listed: Result<Vec<_>> = futures_util::TryStreamExt::try_collect(store.list("")).await;
    row("no right to list", ErrorKind::Denied, listed.map(drop));
    double.set_rights(Rights { list_uploads: false, ..all });
    row("no right to list uploads", ErrorKind::Denied, store.sweep(&SweepOptions::new()).await.map(drop));
    double.set_rights(all);

    let url = double.url("bucket/app").replace(double.region(), "mars-north-1");
    let elsewhere = larder::open(&url).await.unwrap();
    row("another region than the bucket's", ErrorKind::Invalid, elsewhere.get("k").await.map(drop));
    double.set_clock_offset(3600);
    row("a clock that is an hour off", ErrorKind::Denied, open(&double, "").await.get("k").await.map(drop));
    double.set_clock_offset(0);
    let url = double.url("bucket/app").replace("secret_key=", "secret_key=x");
    let forged = larder::open(&url).await.unwrap();
    row("a secret key that is another one", ErrorKind::Denied, forged.get("k").await.map(drop));
    let url = double.url("bucket/app").replace("access_key=", "access_key=x");
    let unknown = larder::open(&url).await.unwrap();
    row("an access key that is not known", ErrorKind::Denied, unknown.get("k").await.map(drop));
    double.set_session_token(Some("token"));
    double.set_token_expired(true);
    let expired = open(&double, "&session_token=token").await;
    row("credentials that have expired", ErrorKind::Denied, expired.get("k").await.map(drop));
    double.set_token_expired(false);
    double.set_session_token(None);

    double.set_latency(Duration::from_secs(30));
    let silent = open(&double, "&attempt_timeout=200ms").await;
    row("a service that does not answer, at a get", ErrorKind::Unavailable, silent.get("k").await.map(drop));
    row("a service that does not answer, at a put", ErrorKind::Unknown, silent.put("k", "v").await.map(drop));
    let key = Key::new("k").unwrap();
    let soon = || Call::within(&larder::Env::system(), Duration::from_millis(100));
    let late = silent.get_opts(&key, &GetOptions::new().with_call(soon())).await;
    row("a deadline that passes, at a get", ErrorKind::Timeout, late.map(drop));
    let late = silent.put_opts(&key, "v".into(), &PutOptions::new().with_call(soon())).await;
    row("a deadline that passes, at a put", ErrorKind::Unknown, late.map(drop));
    double.set_latency(Duration::ZERO);

    let nobody =
        larder::open("s3://bucket?endpoint=http://127.0.0.1:1&access_key=a&secret_key=b&attempts=1").await;
    row(
        "an endpoint that nobody answers at",
        ErrorKind::Unavailable,
        nobody.unwrap().get("k").await.map(drop),
    );
    row("no bucket", ErrorKind::Invalid, larder::open("s3:app").await.map(drop));
    row("half of a key", ErrorKind::Invalid, larder::open("s3://bucket?access_key=a").await.map(drop));
    // As a build without the feature has it.
    let bare = larder::Registry::new();
    let missing = bare.open_url("s3://bucket", &larder::OpenOptions::new()).await;
    row("a feature that is not compiled in", ErrorKind::Unsupported, missing.map(drop));
    let stack = "memory: | s3://bucket?region=eu-west-1";
    row(
        "a stack over a bucket that does not say how fresh",
        ErrorKind::Invalid,
        larder::open(stack).await.map(drop),
    );
    row(
        "a cache without a bound above a bucket",
        ErrorKind::Unsupported,
        larder::open("s3://cache?region=eu-west-1 | s3://bucket?region=eu-west-1&fresh=30s").await.map(drop),
    );
}
