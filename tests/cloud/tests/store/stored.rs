//! What the service is told to keep beside every object: class, tags, encryption.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use bytes::Bytes;
use larder::{CopyOptions, Key, Store, StoreExt};
use larder_cloud_tests::ministack::MiniStack;

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

#[tokio::test]
async fn each_way_of_writing_says_it() {
    let Some(server) = MiniStack::for_test("stored::each_way_of_writing_says_it") else { return };
    server.create_bucket("bucket").unwrap();
    let how =
        "storage_class=STANDARD_IA&tags=team=data,env=a%20b&encryption=kms&kms_key=key-7&part_size=5MiB";
    let store = larder::open(&format!("{}&{how}", server.url("bucket/p"))).await.unwrap();
    store.put("small", "value").await.unwrap();
    store.put("large", Bytes::from(vec![1; 17 << 20])).await.unwrap();
    let (from, to) = (Key::new("small").unwrap(), Key::new("copied").unwrap());
    store.copy_opts(&from, &to, &CopyOptions::default()).await.unwrap();
    let s3 = client(&server);
    for name in ["p/small", "p/large", "p/copied"] {
        let head = s3.head_object().bucket("bucket").key(name).send().await.unwrap();
        assert_eq!(head.storage_class().map(|class| class.as_str()), Some("STANDARD_IA"), "{name}");
        assert_eq!(head.server_side_encryption().map(|one| one.as_str()), Some("aws:kms"), "{name}");
        assert_eq!(head.ssekms_key_id(), Some("key-7"), "{name}");
        let tags = s3.get_object_tagging().bucket("bucket").key(name).send().await.unwrap();
        let mut tags: Vec<_> = tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
        tags.sort_unstable();
        assert_eq!(tags, [("env", "a b"), ("team", "data")], "{name}");
    }
    assert_eq!(store.get("small").await.unwrap().as_deref(), Some(&b"value"[..]));
}
