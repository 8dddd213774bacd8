//! Older values, in a bucket that keeps them.

use futures_util::TryStreamExt as _;
use larder::s3::{ObjectVersion, S3Config, S3Store};
use larder::{Call, Got, Key, OpenOptions, StoreExt};
use larder_cloud_tests::ministack::MiniStack;
use larder_store_core::config::StoreConfig;

use crate::http::send;

#[tokio::test(flavor = "multi_thread")]
async fn they_are_listed_and_read() {
    let Some(server) = MiniStack::for_test("versions::they_are_listed_and_read") else { return };
    server.create_bucket("bucket").unwrap();
    let on = b"<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";
    assert_eq!(send("PUT", &format!("{}/bucket?versioning", server.endpoint()), &[], on).0, 200);
    let call = Call::default();
    for layout in ["plain", "record"] {
        let url = format!("{}&layout={layout}", server.url(&format!("bucket/{layout}")));
        let config = S3Config::try_from(&StoreConfig::parse(&url).unwrap()).unwrap();
        let store = S3Store::open_with(config, &OpenOptions::new()).await.unwrap();
        let key = Key::new("k ä").unwrap();
        for value in ["first", "second", "third"] {
            store.put(key.clone(), value).await.unwrap();
            store.put(Key::new("k ä/other").unwrap(), "x").await.unwrap();
        }
        store.delete(key.clone()).await.unwrap();
        assert_eq!(store.get(key.clone()).await.unwrap(), None);
        let kept: Vec<ObjectVersion> = store.versions(&key, &call).try_collect().await.unwrap();
        assert_eq!(kept.len(), 4, "three values and the mark: {kept:?}");
        assert_eq!(kept.iter().filter(|one| one.deleted).count(), 1, "{kept:?}");
        assert!(kept.iter().find(|one| one.latest).is_some_and(|one| one.deleted), "{kept:?}");
        let mut values = Vec::new();
        for one in &kept {
            match store.get_version(&key, &one.id, &call).await.unwrap() {
                Got::Found { body, meta, .. } => {
                    assert!(!one.deleted && meta.version.is_some() && meta.write_id.is_some(), "{meta:?}");
                    values.push(String::from_utf8(body.to_vec()).unwrap());
                }
                got => assert!(one.deleted, "{got:?}"),
            }
        }
        values.sort();
        assert_eq!(values, ["first", "second", "third"]);
        let none: Vec<_> = store.versions(&Key::new("k").unwrap(), &call).try_collect().await.unwrap();
        assert_eq!(none, [], "only what has this very name");
    }
}
