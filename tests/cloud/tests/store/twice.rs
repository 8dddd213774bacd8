//! A write that was sent twice and landed twice is one version.

use bytes::Bytes;
use larder::{ErrorKind, Key, Precondition, PutOptions, Store, StoreExt, WriteId};
use larder_cloud_tests::s3::{Double, DoubleOptions, Fault, FaultPlan, When};

/// Its records have two ETags. Whoever writes over the first is refused by the service, and has to look; where the look
/// fails, that is no conflict.
#[tokio::test]
async fn no_conflict_where_nobody_could_look() {
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket("bucket");
    let url = format!("{}&layout=record&attempts=4&part_size=5MiB", double.url("bucket"));
    let store = larder::open(&url).await.unwrap();
    let key = Key::new("k").unwrap();
    for (seed, len) in (0..24).map(|seed| (seed, if seed % 4 == 0 { 17 << 20 } else { 100 })) {
        let twice = |n: u8| {
            let mut options = PutOptions::new();
            options.write_id = Some(WriteId::from_bytes([seed as u8 + n; 16]));
            options
        };
        let first = store.put_opts(&key, Bytes::from_static(b"one"), &twice(1)).await.unwrap();
        let again = store.put_opts(&key, Bytes::from_static(b"one"), &twice(1)).await.unwrap();
        assert_ne!(first.version.tag(), again.version.tag(), "it has two ETags");

        let looks = ["GetObject", "HeadObject"];
        double.faults().set(FaultPlan::new(seed).only(Fault::Bare(503, When::Before), 0.9, &looks));
        let over = PutOptions::new().with_pre(Precondition::Matches(first.version));
        let done = store.put_opts(&key, vec![b'2'; len].into(), &over).await;
        double.faults().clear();
        match done {
            Ok(_) => assert_eq!(store.get("k").await.unwrap().map(|value| value.len()), Some(len)),
            Err(error) => {
                assert_eq!((error.kind(), error.settled()), (ErrorKind::Unavailable, true), "{error}");
                assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"one"[..]));
            }
        }
    }
}
