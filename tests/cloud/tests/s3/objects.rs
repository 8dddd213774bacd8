//! Objects: put, get, head, delete, what comes with them, and ranges.

use std::collections::BTreeMap;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use larder_cloud_tests::s3::{Double, DoubleOptions};

use super::client::{BUCKET, client, double, get, put, refused};

#[tokio::test]
async fn what_is_put_is_got() {
    let double = double();
    let s3 = client(&double);
    let put = s3
        .put_object()
        .bucket(BUCKET)
        .key("a/b c+ü%")
        .content_type("text/plain")
        .cache_control("no-store")
        .metadata("larder-id", "0123")
        .body(ByteStream::from_static(b"hello"))
        .send()
        .await
        .unwrap();
    assert_eq!(put.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    let get = s3.get_object().bucket(BUCKET).key("a/b c+ü%").checksum_mode(ChecksumMode::Enabled);
    let got = get.send().await.unwrap();
    assert_eq!(got.e_tag(), put.e_tag());
    assert_eq!((got.content_type(), got.cache_control()), (Some("text/plain"), Some("no-store")));
    assert_eq!(got.content_encoding(), None);
    assert_eq!(got.metadata().unwrap()["larder-id"], "0123");
    assert_eq!(got.checksum_crc32(), Some("NhCmhg=="));
    assert_eq!(got.last_modified().unwrap().subsec_nanos(), 0);
    assert_eq!(got.body.collect().await.unwrap().into_bytes(), "hello");
    let head = s3.head_object().bucket(BUCKET).key("a/b c+ü%").send().await.unwrap();
    assert_eq!((head.content_length(), head.e_tag()), (Some(5), put.e_tag()));
    assert_eq!(head.metadata().unwrap()["larder-id"], "0123");
    let list = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
    assert_eq!(list.contents()[0].key(), Some("a/b c+ü%"));
    let absent = s3.get_object().bucket(BUCKET).key("nothing").send().await;
    assert_eq!(refused(absent), (404, "NoSuchKey".into()));
    assert_eq!(refused(s3.head_object().bucket(BUCKET).key("nothing").send().await).0, 404);
    let counted = [("GetObject", 2), ("HeadObject", 2), ("ListObjectsV2", 1), ("PutObject", 1)];
    assert_eq!(double.requests(), BTreeMap::from(counted));
    assert_eq!(double.connections(), 1);
    assert_eq!(double.object(BUCKET, "a/b c+ü%").unwrap().as_deref(), Some(&b"hello"[..]));
}

#[tokio::test]
async fn an_empty_object_is_no_absent_one() {
    let double = double();
    let s3 = client(&double);
    put(&s3, "empty", "").await;
    assert_eq!(get(&s3, "empty").await, "");
    let range = s3.get_object().bucket(BUCKET).key("empty").range("bytes=0-0").send().await;
    assert_eq!(refused(range), (416, "InvalidRange".into()));
    s3.delete_object().bucket(BUCKET).key("empty").send().await.unwrap();
    // Deleting what is not there is done as well.
    s3.delete_object().bucket(BUCKET).key("empty").send().await.unwrap();
    assert_eq!(double.count(BUCKET), 0);
}

/// In memory and on disk, over the size where a body becomes a file.
#[tokio::test]
async fn ranges_of_small_and_large_bodies() {
    let folder = tempfile::tempdir().unwrap();
    let on_disk = DoubleOptions {
        buckets: vec![BUCKET.into()],
        bodies: Some(folder.path().to_owned()),
        ..DoubleOptions::default()
    };
    for (double, files) in [(double(), 0), (Double::start(on_disk).unwrap(), 1)] {
        let s3 = client(&double);
        let large: Vec<u8> = (0..700_000_u32).map(|i| (i % 251) as u8).collect();
        for (key, value) in [("small", &large[..1000]), ("large", &large[..])] {
            s3.put_object().bucket(BUCKET).key(key).body(value.to_vec().into()).send().await.unwrap();
            let len = value.len();
            let ranges = [
                ("bytes=0-0".to_owned(), 0..1),
                ("bytes=10-19".to_owned(), 10..20),
                (format!("bytes={}-{}", len / 3, len + 50), len / 3..len),
                (format!("bytes={}-", len - 1), len - 1..len),
                ("bytes=-7".to_owned(), len - 7..len),
                (format!("bytes=-{}", len + 9), 0..len),
            ];
            for (range, at) in ranges {
                let got = s3.get_object().bucket(BUCKET).key(key).range(&range).send().await.unwrap();
                let said = format!("bytes {}-{}/{len}", at.start, at.end - 1);
                assert_eq!(got.content_range(), Some(&said[..]), "{range}");
                assert_eq!(got.content_length(), Some(at.len() as i64));
                assert!(got.body.collect().await.unwrap().to_vec() == value[at], "{key} {range}");
            }
            let behind = s3.get_object().bucket(BUCKET).key(key).range(format!("bytes={len}-")).send().await;
            assert_eq!(refused(behind), (416, "InvalidRange".into()));
            assert!(
                s3.get_object()
                    .bucket(BUCKET)
                    .key(key)
                    .send()
                    .await
                    .unwrap()
                    .body
                    .collect()
                    .await
                    .unwrap()
                    .to_vec()
                    == value
            );
        }
        let kept = || std::fs::read_dir(folder.path()).unwrap().next();
        let inside = kept().map(|bodies| std::fs::read_dir(bodies.unwrap().path()).unwrap().count());
        assert_eq!(inside.unwrap_or(0), files);
        // A body goes with its object, the folder with the server.
        s3.delete_object().bucket(BUCKET).key("large").send().await.unwrap();
        if files > 0 {
            assert_eq!(std::fs::read_dir(kept().unwrap().unwrap().path()).unwrap().count(), 0);
        }
    }
}

#[tokio::test]
async fn every_checksum_is_checked_and_given_back() {
    let double = double();
    let s3 = client(&double);
    for algorithm in [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
        ChecksumAlgorithm::Crc64Nvme,
    ] {
        let put = s3.put_object().bucket(BUCKET).key("k").checksum_algorithm(algorithm.clone());
        put.body(ByteStream::from_static(b"123456789")).send().await.unwrap();
        let got = s3
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .unwrap();
        let sums = [
            got.checksum_crc32(),
            got.checksum_crc32_c(),
            got.checksum_sha1(),
            got.checksum_sha256(),
            got.checksum_crc64_nvme(),
        ];
        assert_eq!(sums.iter().flatten().count(), 1, "{algorithm}");
        assert_eq!(got.body.collect().await.unwrap().into_bytes(), "123456789");
    }
    let wrong = [("AAAAAA==", "BadDigest"), ("!", "InvalidRequest"), ("AAAA", "InvalidRequest")];
    for (sum, code) in wrong {
        let put = s3.put_object().bucket(BUCKET).key("k").checksum_crc32(sum);
        let put = put.body(ByteStream::from_static(b"other")).send().await;
        assert_eq!(refused(put), (400, code.into()), "{sum}");
    }
    for (md5, code) in [("1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"), ("nonsense", "InvalidDigest")] {
        let put = s3.put_object().bucket(BUCKET).key("k").content_md5(md5);
        assert_eq!(refused(put.body(ByteStream::from_static(b"other")).send().await), (400, code.into()));
    }
    assert_eq!(get(&s3, "k").await, "123456789");
}

#[tokio::test]
async fn metadata_and_keys_have_their_limits() {
    let double = double();
    let s3 = client(&double);
    let with =
        |size: usize| s3.put_object().bucket(BUCKET).key("k").metadata("name", "v".repeat(size)).send();
    with(2044).await.unwrap();
    assert_eq!(refused(with(2045).await), (400, "MetadataTooLarge".into()));
    let named = |key: String| s3.put_object().bucket(BUCKET).key(key).send();
    named("ü".repeat(512)).await.unwrap();
    assert_eq!(refused(named("ü".repeat(512) + "x").await), (400, "KeyTooLongError".into()));
    for key in ["a/../b", "a/b/../../c", "..a", "/a", "a//b", "./a", "a/", "a b?c#d&e=f"] {
        put(&s3, key, key).await;
        assert_eq!(get(&s3, key).await, key);
        assert!(double.object(BUCKET, key).unwrap().is_some(), "{key} was kept under another name");
    }
    for key in ["../a", "a/../../b", "a/..//../.."] {
        assert_eq!(refused(named(key.into()).await), (400, "InvalidURI".into()), "{key}");
    }
}
