//! Listings.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{Delete, EncodingType, ObjectIdentifier};

use super::client::{BUCKET, client, double, put, refused};

fn names(page: &ListObjectsV2Output) -> Vec<&str> {
    page.contents().iter().map(|one| one.key().unwrap()).collect()
}

fn prefixes(page: &ListObjectsV2Output) -> Vec<&str> {
    page.common_prefixes().iter().map(|one| one.prefix().unwrap()).collect()
}

/// All pages of at most `size` names: keys, then common prefixes, in the order in which they came.
async fn walk(s3: &Client, prefix: &str, delimiter: Option<&str>, size: i32) -> (Vec<String>, Vec<String>) {
    let (mut keys, mut groups) = (Vec::new(), Vec::new());
    let mut token = None;
    loop {
        let list = s3.list_objects_v2().bucket(BUCKET).prefix(prefix).max_keys(size);
        let page = list
            .set_delimiter(delimiter.map(str::to_owned))
            .set_continuation_token(token)
            .send()
            .await
            .unwrap();
        keys.extend(names(&page).into_iter().map(str::to_owned));
        groups.extend(prefixes(&page).into_iter().map(str::to_owned));
        assert_eq!(page.key_count(), Some((page.contents().len() + page.common_prefixes().len()) as i32));
        assert!(page.key_count() <= Some(size));
        token = page.next_continuation_token().map(str::to_owned);
        assert_eq!(token.is_some(), page.is_truncated() == Some(true));
        if token.is_none() {
            return (keys, groups);
        }
    }
}

#[tokio::test]
async fn pages_are_in_the_order_of_bytes() {
    let double = double();
    let s3 = client(&double);
    let mut keys =
        vec!["Z", "a", "a-b", "a/b", "a/c/d", "a/c/e", "a/é", "a/\u{10ffff}", "a0", "ab", "b/x", "é"];
    double.seed(BUCKET, &keys);
    keys.sort_unstable();
    for size in [1, 2, 3, 5, 1000] {
        assert_eq!(walk(&s3, "", None, size).await.0, keys, "{size}");
        let (found, groups) = walk(&s3, "", Some("/"), size).await;
        assert_eq!(found, ["Z", "a", "a-b", "a0", "ab", "é"]);
        assert_eq!(groups, ["a/", "b/"]);
        let (found, groups) = walk(&s3, "a/", Some("/"), size).await;
        assert_eq!(
            (found, groups),
            (vec!["a/b".into(), "a/é".into(), "a/\u{10ffff}".into()], vec!["a/c/".into()])
        );
        assert_eq!(walk(&s3, "a", None, size).await.0.len(), 9);
        assert!(walk(&s3, "nothing", None, size).await.0.is_empty());
    }
    let after = |name: &'static str| s3.list_objects_v2().bucket(BUCKET).start_after(name).send();
    assert_eq!(names(&after("a0").await.unwrap()), ["ab", "b/x", "é"]);
    assert_eq!(names(&after("aa").await.unwrap()), ["ab", "b/x", "é"]);
    assert_eq!(names(&after("é").await.unwrap()), [""; 0]);
    let inside =
        s3.list_objects_v2().bucket(BUCKET).delimiter("/").start_after("a/c/d").send().await.unwrap();
    assert_eq!((names(&inside), prefixes(&inside)), (vec!["a0", "ab", "é"], vec!["a/", "b/"]));
}

#[tokio::test]
async fn a_page_holds_a_thousand() {
    let double = double();
    let s3 = client(&double);
    double.seed(BUCKET, (0..2500).map(|i| format!("{i:05}")));
    let page = s3.list_objects_v2().bucket(BUCKET).max_keys(5000).send().await.unwrap();
    assert_eq!((page.contents().len(), page.max_keys(), page.is_truncated()), (1000, Some(1000), Some(true)));
    double.reset_requests();
    assert_eq!(walk(&s3, "", None, 1000).await.0.len(), 2500);
    assert_eq!(double.requests()["ListObjectsV2"], 3);
    let none = s3.list_objects_v2().bucket(BUCKET).max_keys(0).send().await.unwrap();
    assert_eq!((none.key_count(), none.is_truncated()), (Some(0), Some(false)));
    let negative = s3.list_objects_v2().bucket(BUCKET).max_keys(-1).send().await;
    assert_eq!(refused(negative), (400, "InvalidArgument".into()));
    let bad = s3.list_objects_v2().bucket(BUCKET).continuation_token("bad").send().await;
    assert_eq!(refused(bad), (400, "InvalidArgument".into()));
}

#[tokio::test]
async fn names_come_escaped_where_that_is_asked_for() {
    let double = double();
    let s3 = client(&double);
    put(&s3, "a b/ü+\u{1}", "").await;
    let list = s3.list_objects_v2().bucket(BUCKET).encoding_type(EncodingType::Url).prefix("a b/");
    let page = list.send().await.unwrap();
    assert_eq!(names(&page), ["a+b/%C3%BC%2B%01"]);
    assert_eq!((page.prefix(), page.encoding_type()), (Some("a+b/"), Some(&EncodingType::Url)));
}

fn named<'a>(keys: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Delete {
    let identifier = |(key, tag): (&str, Option<&str>)| {
        ObjectIdentifier::builder().key(key).set_e_tag(tag.map(str::to_owned)).build().unwrap()
    };
    Delete::builder().set_objects(Some(keys.into_iter().map(identifier).collect())).build().unwrap()
}

#[tokio::test]
async fn many_are_deleted_at_once() {
    let double = double();
    let s3 = client(&double);
    let tag = put(&s3, "right", "1").await;
    put(&s3, "stale", "2").await;
    put(&s3, "any", "3").await;
    let all = [
        ("right", Some(&tag[..])),
        ("stale", Some(&tag[..])),
        ("any", None),
        ("absent", None),
        ("../x", None),
    ];
    let done = s3.delete_objects().bucket(BUCKET).delete(named(all)).send().await.unwrap();
    let deleted: Vec<_> = done.deleted().iter().filter_map(|one| one.key()).collect();
    assert_eq!(deleted, ["right", "any", "absent"]);
    let errors: Vec<_> = done.errors().iter().map(|one| (one.key().unwrap(), one.code().unwrap())).collect();
    assert_eq!(errors, [("stale", "PreconditionFailed"), ("../x", "InvalidURI")]);
    assert_eq!(double.count(BUCKET), 1);
    let keys: Vec<String> = (0..1001).map(|i| i.to_string()).collect();
    let keys = |n: usize| named(keys[..n].iter().map(|key| (&key[..], None)));
    let many = s3.delete_objects().bucket(BUCKET).delete(keys(1000)).send().await.unwrap();
    assert_eq!(many.deleted().len(), 1000);
    let too_many = s3.delete_objects().bucket(BUCKET).delete(keys(1001)).send().await;
    assert_eq!(refused(too_many), (400, "MalformedXML".into()));
}

#[tokio::test]
async fn a_batch_comes_with_its_digest() {
    let double = double();
    let s3 = client(&double);
    put(&s3, "k", "v").await;
    let delete = || s3.delete_objects().bucket(BUCKET).delete(named([("k", None)])).customize();
    let without = delete().mutate_request(|request| {
        let headers = request.headers_mut();
        let sums: Vec<String> = headers
            .iter()
            .map(|(name, _)| name.to_owned())
            .filter(|name| name.starts_with("x-amz-checksum-"))
            .collect();
        sums.into_iter().for_each(|name| drop(headers.remove(name)));
    });
    assert_eq!(refused(without.send().await), (400, "InvalidRequest".into()));
    let wrong = delete().mutate_request(|request| {
        request.headers_mut().insert("x-amz-checksum-crc32", "AAAAAA==");
    });
    assert_eq!(refused(wrong.send().await), (400, "BadDigest".into()));
    assert_eq!(double.count(BUCKET), 1);
}

/// Kilobytes of memory that this process has of its own.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn a_million_keys_are_there_at_once() {
    let double = double();
    let before = memory();
    double.seed(BUCKET, (0..1_000_000).map(|i| format!("some/folder/{i:07}")));
    let kept = (memory() - before) / 1024;
    assert!(kept < 300, "the index of a million keys takes {kept} MiB");
    assert_eq!(double.count(BUCKET), 1_000_000);
    let last =
        client(&double).list_objects_v2().bucket(BUCKET).start_after("some/folder/0999998").send().await;
    assert_eq!(names(&last.unwrap()), ["some/folder/0999999"]);
}
