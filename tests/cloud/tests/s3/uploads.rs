//! Uploads in parts.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart,
};

use super::client::{BUCKET, client, double, get, put, refused};

const FIVE: usize = 5 << 20;

async fn begin(s3: &Client, key: &str) -> String {
    let begun = s3.create_multipart_upload().bucket(BUCKET).key(key).metadata("m", "1").send().await.unwrap();
    begun.upload_id().unwrap().to_owned()
}

async fn part(s3: &Client, key: &str, id: &str, number: i32, size: usize) -> CompletedPart {
    let body = vec![number as u8; size];
    let part = s3.upload_part().bucket(BUCKET).key(key).upload_id(id).part_number(number).body(body.into());
    let done = part.send().await.unwrap();
    CompletedPart::builder().part_number(number).e_tag(done.e_tag().unwrap()).build()
}

fn these(parts: &[&CompletedPart]) -> CompletedMultipartUpload {
    CompletedMultipartUpload::builder()
        .set_parts(Some(parts.iter().map(|&one| one.clone()).collect()))
        .build()
}

#[tokio::test]
async fn parts_make_an_object() {
    let double = double();
    let s3 = client(&double);
    let id = begin(&s3, "k").await;
    let first = part(&s3, "k", &id, 2, FIVE).await;
    let last = part(&s3, "k", &id, 7, 3).await;
    part(&s3, "k", &id, 9, 3).await;
    assert_eq!(refused(s3.get_object().bucket(BUCKET).key("k").send().await).0, 404);
    let listed = s3.list_parts().bucket(BUCKET).key("k").upload_id(&id).max_parts(2).send().await.unwrap();
    let sizes: Vec<_> =
        listed.parts().iter().map(|part| (part.part_number().unwrap(), part.size().unwrap())).collect();
    assert_eq!(sizes, [(2, FIVE as i64), (7, 3)]);
    assert_eq!((listed.is_truncated(), listed.next_part_number_marker()), (Some(true), Some("7")));
    let complete =
        |parts| s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id).multipart_upload(parts);
    assert_eq!(refused(complete(these(&[])).send().await), (400, "MalformedXML".into()));
    assert_eq!(refused(complete(these(&[&last, &first])).send().await), (400, "InvalidPartOrder".into()));
    let wrong = CompletedPart::builder().part_number(7).e_tag(first.e_tag().unwrap()).build();
    assert_eq!(refused(complete(these(&[&first, &wrong])).send().await), (400, "InvalidPart".into()));
    let done = complete(these(&[&first, &last])).send().await.unwrap();
    assert!(done.e_tag().unwrap().ends_with("-2\""));
    let got =
        s3.get_object().bucket(BUCKET).key("k").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!((got.e_tag(), got.metadata().unwrap()["m"].as_str()), (done.e_tag(), "1"));
    assert!(got.checksum_crc64_nvme().is_some());
    assert_eq!(got.checksum_type(), Some(&ChecksumType::FullObject));
    // The SDK holds the checksum against the bytes itself.
    let whole = got.body.collect().await.unwrap().to_vec();
    assert!(whole.len() == FIVE + 3 && whole[FIVE - 1] == 2 && whole[FIVE..] == [7; 3]);
    let second = s3.get_object().bucket(BUCKET).key("k").part_number(2).send().await.unwrap();
    assert_eq!((second.parts_count(), second.content_length()), (Some(2), Some(3)));
    let across = s3.get_object().bucket(BUCKET).key("k").range(format!("bytes={}-{}", FIVE - 2, FIVE + 1));
    assert_eq!(across.send().await.unwrap().body.collect().await.unwrap().to_vec(), [2, 2, 7, 7]);
    assert_eq!(refused(complete(these(&[&first, &last])).send().await), (404, "NoSuchUpload".into()));
    assert_eq!(double.uploads(BUCKET), 0);
}

#[tokio::test]
async fn small_parts_are_refused_but_for_the_last() {
    let double = double();
    let s3 = client(&double);
    let id = begin(&s3, "k").await;
    let first = part(&s3, "k", &id, 1, FIVE - 1).await;
    let last = part(&s3, "k", &id, 2, 1).await;
    let complete = s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
    let refusal = complete.multipart_upload(these(&[&first, &last])).send().await;
    assert_eq!(refused(refusal), (400, "EntityTooSmall".into()));
    // It is still there, to be mended.
    let first = part(&s3, "k", &id, 1, FIVE).await;
    let complete = s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
    complete.multipart_upload(these(&[&first, &last])).send().await.unwrap();
    for number in [0, 10_001] {
        let part = s3.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(number).send().await;
        assert_eq!(refused(part), (400, "InvalidArgument".into()));
    }
    let part = s3.upload_part().bucket(BUCKET).key("k").upload_id("none").part_number(1).send().await;
    assert_eq!(refused(part), (404, "NoSuchUpload".into()));
}

#[tokio::test]
async fn completion_has_conditions() {
    let double = double();
    let s3 = client(&double);
    let id = begin(&s3, "k").await;
    let only = part(&s3, "k", &id, 1, 1).await;
    let complete = || {
        let complete = s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
        complete.multipart_upload(these(&[&only]))
    };
    let tag = put(&s3, "k", "there").await;
    assert_eq!(refused(complete().if_none_match("*").send().await), (412, "PreconditionFailed".into()));
    put(&s3, "k", "another").await;
    assert_eq!(refused(complete().if_match(&tag).send().await), (412, "PreconditionFailed".into()));
    assert_eq!(get(&s3, "k").await, "another");
    s3.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(refused(complete().if_match(&tag).send().await), (404, "NoSuchKey".into()));
    complete().if_none_match("*").send().await.unwrap();
    assert_eq!(get(&s3, "k").await, "\u{1}");
}

#[tokio::test]
async fn uploads_are_listed_and_aborted() {
    let double = double();
    let s3 = client(&double);
    let mut begun = Vec::new();
    for key in ["p/b", "p/a", "p/b", "q"] {
        begun.push((key.to_owned(), begin(&s3, key).await));
    }
    part(&s3, "p/b", &begun[0].1, 1, 10).await;
    begun.retain(|(key, _)| key.starts_with("p/"));
    begun.sort();
    let mut found = Vec::new();
    let (mut key, mut id) = (None, None);
    loop {
        let list = s3.list_multipart_uploads().bucket(BUCKET).prefix("p/").max_uploads(1);
        let page = list.set_key_marker(key).set_upload_id_marker(id).send().await.unwrap();
        let one = |upload: &aws_sdk_s3::types::MultipartUpload| {
            assert!(upload.initiated().is_some());
            (upload.key().unwrap().to_owned(), upload.upload_id().unwrap().to_owned())
        };
        found.extend(page.uploads().iter().map(one));
        if page.is_truncated() != Some(true) {
            break;
        }
        (key, id) = (page.next_key_marker, page.next_upload_id_marker);
    }
    assert_eq!(found, begun);
    for (key, id) in &found {
        let abort = || s3.abort_multipart_upload().bucket(BUCKET).key(key).upload_id(id).send();
        abort().await.unwrap();
        assert_eq!(refused(abort().await), (404, "NoSuchUpload".into()));
    }
    assert_eq!(double.uploads(BUCKET), 1);
}

#[tokio::test]
async fn declared_checksums_are_asked_of_every_part() {
    let double = double();
    let s3 = client(&double);
    let cases = [
        (ChecksumAlgorithm::Crc32, Some(ChecksumType::FullObject)),
        (ChecksumAlgorithm::Crc32C, None),
        (ChecksumAlgorithm::Sha256, None),
        (ChecksumAlgorithm::Crc64Nvme, None),
    ];
    for (algorithm, kind) in cases {
        let begin =
            s3.create_multipart_upload().bucket(BUCKET).key("k").checksum_algorithm(algorithm.clone());
        let id = begin.set_checksum_type(kind.clone()).send().await.unwrap().upload_id.unwrap();
        let mut parts = Vec::new();
        for (number, size) in [(1, FIVE), (2, 9)] {
            let part = s3.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(number);
            let part = part.checksum_algorithm(algorithm.clone()).body(vec![number as u8; size].into());
            let done = part.send().await.unwrap();
            parts.push(
                CompletedPart::builder()
                    .part_number(number)
                    .set_e_tag(done.e_tag)
                    .set_checksum_crc32(done.checksum_crc32)
                    .set_checksum_crc32_c(done.checksum_crc32_c)
                    .set_checksum_sha256(done.checksum_sha256)
                    .set_checksum_crc64_nvme(done.checksum_crc64_nvme)
                    .build(),
            );
        }
        let other = s3.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(3);
        let other = other.checksum_algorithm(ChecksumAlgorithm::Sha1).body(vec![0; 1].into()).send().await;
        assert_eq!(refused(other), (400, "InvalidRequest".into()));
        let complete = s3.complete_multipart_upload().bucket(BUCKET).key("k").upload_id(&id);
        let done = complete.multipart_upload(these(&[&parts[0], &parts[1]])).send().await.unwrap();
        let sums = [
            done.checksum_crc32(),
            done.checksum_crc32_c(),
            done.checksum_sha256(),
            done.checksum_crc64_nvme(),
        ];
        let sum = sums.into_iter().flatten().next().unwrap();
        let full = kind.is_some() || algorithm == ChecksumAlgorithm::Crc64Nvme;
        assert_eq!(sum.ends_with("-2"), !full, "{algorithm} {sum}");
        let got = s3
            .get_object()
            .bucket(BUCKET)
            .key("k")
            .checksum_mode(ChecksumMode::Enabled)
            .send()
            .await
            .unwrap();
        assert_eq!(got.body.collect().await.unwrap().to_vec().len(), FIVE + 9);
    }
}
