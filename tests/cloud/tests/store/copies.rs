//! Copies that the service makes.

use std::time::Duration;

use bytes::Bytes;
use larder::{
    Attributes, Call, Copied, CopyOptions, Env, ErrorKind, Key, Precondition, PutOptions, Store, StoreExt,
};
use larder_cloud_tests::ministack::MiniStack;
use larder_cloud_tests::s3::{Double, DoubleOptions};

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn double() -> Double {
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket("bucket");
    double
}

fn requests(double: &Double) -> Vec<(&'static str, u64)> {
    let seen = double.requests();
    double.reset_requests();
    seen.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Puts a value with all that can stand beside it, copies it, and looks at the copy.
async fn copied(store: &dyn Store, value: Bytes, pre: Precondition) {
    let (from, to) = (key("from/ä +%2F?.."), key("to"));
    let expires = Env::system().wall() + Duration::from_secs(3600);
    let attributes = Attributes::new().content_type("text/plain").set("owner", "anna").set("Ä", "ö");
    let mut options = PutOptions::new();
    options.attributes = attributes.clone();
    options.expires = Some(expires);
    let source = store.put_opts(&from, value.clone(), &options).await.unwrap();
    let mut options = CopyOptions::default();
    options.pre = pre;
    options.only = Some(source.version);
    let Copied::Done(written) = store.copy_opts(&from, &to, &options).await.unwrap() else {
        panic!("the source is there")
    };
    let got = store.get_opts(&to, &Default::default()).await.unwrap();
    let meta = got.meta().unwrap().clone();
    assert_eq!(meta.version.as_ref(), Some(&written.version));
    assert_eq!(meta.write_id, Some(written.write_id));
    assert_ne!(meta.write_id, Some(source.write_id), "a write of its own");
    assert_eq!(meta.attributes, Some(attributes));
    assert_eq!(meta.expires.and_then(|e| e.at()), Some(expires));
    assert!(got.into_body() == Some(value), "the value");
}

#[tokio::test]
async fn no_byte_of_the_value_comes_here() {
    let double = double();
    let store = larder::open(&format!("{}&part_size=5MiB", double.url("bucket/p"))).await.unwrap();
    let small = Bytes::from(vec![5; 70_000]);
    copied(&*store, small.clone(), Precondition::Any).await;
    let put_and_get = |seen: Vec<(&'static str, u64)>| {
        seen.into_iter().filter(|(name, _)| !["PutObject", "GetObject"].contains(name)).collect::<Vec<_>>()
    };
    assert_eq!(put_and_get(requests(&double)), [("CopyObject", 1), ("HeadObject", 1)]);

    let now = store.head("to").await.unwrap().unwrap().version.unwrap();
    requests(&double);
    copied(&*store, small, Precondition::Matches(now)).await;
    let in_parts = [
        ("CompleteMultipartUpload", 1),
        ("CreateMultipartUpload", 1),
        ("HeadObject", 1),
        ("UploadPartCopy", 1),
    ];
    assert_eq!(put_and_get(requests(&double)), in_parts, "under a condition");

    // Above sixteen parts.
    let large = Bytes::from((0..81_u32 << 20).map(|n| (n >> 11) as u8).collect::<Vec<_>>());
    copied(&*store, large, Precondition::Any).await;
    let seen = requests(&double);
    assert!(seen.contains(&("UploadPartCopy", 2)), "{seen:?}");
    copied(&*store, Bytes::new(), Precondition::Any).await;
    assert_eq!(double.uploads("bucket"), 0, "nothing is left behind");
}

#[tokio::test]
async fn on_another_server() {
    let Some(server) = MiniStack::for_test("copies::on_another_server") else { return };
    server.create_bucket("bucket").unwrap();
    let store = larder::open(&server.url("bucket/p")).await.unwrap();
    for value in [Bytes::new(), Bytes::from(vec![5; 70_000])] {
        copied(&*store, value.clone(), Precondition::Any).await;
        let now = store.head("to").await.unwrap().unwrap().version.unwrap();
        copied(&*store, value, Precondition::Matches(now)).await;
    }
    let error = copied_onto_what_is_there(&*store).await;
    assert_eq!((error.kind(), error.key()), (ErrorKind::Conflict, Some(&key("to"))), "{error}");
}

async fn copied_onto_what_is_there(store: &dyn Store) -> larder::Error {
    store.put("from", "1").await.unwrap();
    store.put("to", "2").await.unwrap();
    let mut options = CopyOptions::default();
    options.pre = Precondition::Absent;
    let error = store.copy_opts(&key("from"), &key("to"), &options).await.unwrap_err();
    assert_eq!(store.get("to").await.unwrap().as_deref(), Some(&b"2"[..]));
    error
}

#[tokio::test]
async fn conditions_are_kept() {
    let double = double();
    let store = larder::open(&double.url("bucket/p")).await.unwrap();
    let error = copied_onto_what_is_there(&*store).await;
    assert_eq!((error.kind(), error.key()), (ErrorKind::Conflict, Some(&key("to"))), "{error}");
    store.drain(&Call::default()).await.unwrap();
    assert_eq!(double.uploads("bucket"), 0, "what was refused is given up");

    // The source is another one meanwhile.
    let old = store.put("from", "1").await.unwrap();
    store.put("from", "2").await.unwrap();
    let mut options = CopyOptions::default();
    options.only = Some(old.version);
    let error = store.copy_opts(&key("from"), &key("to"), &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    let absent = store.copy_opts(&key("absent"), &key("to"), &CopyOptions::default()).await.unwrap();
    assert_eq!(absent, Copied::Absent);
    // Onto itself it is written anew.
    let Copied::Done(again) = store.copy_opts(&key("to"), &key("to"), &CopyOptions::default()).await.unwrap()
    else {
        panic!("it is there")
    };
    let meta = store.head("to").await.unwrap().unwrap();
    assert_eq!((meta.write_id, meta.size), (Some(again.write_id), Some(1)));
}
