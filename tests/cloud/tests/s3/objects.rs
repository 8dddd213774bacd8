//! Objects: put, get, head, delete, and their conditions.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;

use super::client::{BUCKET, client, double, refused};

#[tokio::test]
async fn what_is_put_is_got() {
    let double = double();
    let s3 = client(&double);
    let put = s3
        .put_object()
        .bucket(BUCKET)
        .key("a/b c+ü%")
        .content_type("text/plain")
        .metadata("larder-id", "0123")
        .body(ByteStream::from_static(b"hello"))
        .send()
        .await
        .unwrap();
    assert_eq!(put.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let got = s3
        .get_object()
        .bucket(BUCKET)
        .key("a/b c+ü%")
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .unwrap();
    assert_eq!(got.e_tag(), put.e_tag());
    assert_eq!(got.content_type(), Some("text/plain"));
    assert_eq!(got.metadata().unwrap()["larder-id"], "0123");
    assert_eq!(got.checksum_crc32(), Some("NhCmhg=="));
    assert!(got.last_modified().is_some());
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "hello");
    let list = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert_eq!(list.contents()[0].key(), Some("a/b c+ü%"));
    assert_eq!((list.key_count(), list.is_truncated()), (Some(1), Some(false)));
    let absent = s3.get_object().bucket(BUCKET).key("nothing").send().await;
    assert_eq!(refused(absent), (404, "NoSuchKey".into()));
    let counted: Vec<_> = double.requests().into_iter().collect();
    assert_eq!(counted, [("GetObject", 2), ("ListObjectsV2", 1), ("PutObject", 1)]);
    assert_eq!(double.object(BUCKET, "a/b c+ü%").unwrap().as_deref(), Some(&b"hello"[..]));
}
