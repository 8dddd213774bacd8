//! What the service is told to keep beside every object: class, tags, encryption.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use bytes::Bytes;
use larder::{CopyOptions, Key, Precondition, Store, StoreExt};
use larder_cloud_tests::ministack::MiniStack;
use larder_cloud_tests::s3::{Double, DoubleOptions, KeptWith};

fn client(server: &MiniStack) -> Client {
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(server.endpoint())
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

const HOW: &str =
    "storage_class=STANDARD_IA&tags=team=data,env=a%20b&encryption=kms&kms_key=key-7&part_size=5MiB";

/// Writes in each of the ways.
async fn write(store: &dyn Store) {
    store.put("small", "value").await.unwrap();
    store.put("large", Bytes::from(vec![1; 17 << 20])).await.unwrap();
    let from = Key::new("small").unwrap();
    store.copy_opts(&from, &Key::new("copied").unwrap(), &CopyOptions::default()).await.unwrap();
    let mut options = CopyOptions::default();
    options.pre = Precondition::Absent;
    store.copy_opts(&from, &Key::new("copied in parts").unwrap(), &options).await.unwrap();
}

#[tokio::test]
async fn each_way_of_writing_says_it() {
    let double = Double::start(DoubleOptions::default()).expect("the double starts");
    double.create_bucket("bucket");
    let store = larder::open(&format!("{}&{HOW}", double.url("bucket/p"))).await.unwrap();
    write(&*store).await;
    for name in ["p/small", "p/large", "p/copied", "p/copied in parts"] {
        let kept = KeptWith {
            class: Some("STANDARD_IA".into()),
            tagging: Some("team=data&env=a%20b".into()),
            encryption: Some(("aws:kms".into(), Some("key-7".into()))),
        };
        assert_eq!(double.kept_with("bucket", name), Some(kept), "{name}");
    }
}

#[tokio::test]
async fn another_server_understands_it() {
    let Some(server) = MiniStack::for_test("stored::another_server_understands_it") else { return };
    server.create_bucket("bucket").unwrap();
    let store = larder::open(&format!("{}&{HOW}", server.url("bucket/p"))).await.unwrap();
    write(&*store).await;
    let s3 = client(&server);
    // It forgets the tags of what goes up in parts.
    for (name, tagged) in [("p/small", true), ("p/large", false), ("p/copied", true)] {
        let head = s3.head_object().bucket("bucket").key(name).send().await.unwrap();
        assert_eq!(head.storage_class().map(|class| class.as_str()), Some("STANDARD_IA"), "{name}");
        assert_eq!(head.server_side_encryption().map(|one| one.as_str()), Some("aws:kms"), "{name}");
        assert_eq!(head.ssekms_key_id(), Some("key-7"), "{name}");
        let tags = s3.get_object_tagging().bucket("bucket").key(name).send().await.unwrap();
        let mut tags: Vec<_> = tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
        tags.sort_unstable();
        if tagged {
            assert_eq!(tags, [("env", "a b"), ("team", "data")], "{name}");
        }
    }
    assert_eq!(store.get("small").await.unwrap().as_deref(), Some(&b"value"[..]));
}
