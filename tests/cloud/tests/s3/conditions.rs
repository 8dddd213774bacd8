//! Conditions of reads and writes, and that one of many wins.

use aws_sdk_s3::Client;
use larder_cloud_tests::s3::{Conditions, Double};

use super::client::{BUCKET, client, double, get, put, refused};

const OTHER: &str = "\"00000000000000000000000000000000\"";

#[tokio::test]
async fn reads() {
    let double = double();
    let s3 = client(&double);
    let tag = put(&s3, "k", "v").await;
    let read = || s3.get_object().bucket(BUCKET).key("k");
    read().if_match(&tag).send().await.unwrap();
    read().if_match("*").send().await.unwrap();
    assert_eq!(refused(read().if_match(OTHER).send().await), (412, "PreconditionFailed".into()));
    read().if_none_match(OTHER).send().await.unwrap();
    let same = read().if_none_match(&tag).send().await.unwrap_err();
    let same = same.raw_response().unwrap();
    assert_eq!(same.status().as_u16(), 304);
    assert_eq!(same.headers().get("etag"), Some(&tag[..]));
    let head = s3.head_object().bucket(BUCKET).key("k").if_none_match(&tag).send().await;
    assert_eq!(refused(head).0, 304);
    // The connection lives on behind an answer without a body.
    assert_eq!(get(&s3, "k").await, "v");
    assert_eq!(double.connections(), 1);
    let absent = s3.get_object().bucket(BUCKET).key("absent").if_match("*").send().await;
    assert_eq!(refused(absent), (404, "NoSuchKey".into()));
}

#[tokio::test]
async fn writes() {
    let double = double();
    let s3 = client(&double);
    let write =
        |value: &'static str| s3.put_object().bucket(BUCKET).key("k").body(value.as_bytes().to_vec().into());
    let failed = (412, "PreconditionFailed".to_owned());
    let absent = (404, "NoSuchKey".to_owned());
    assert_eq!(refused(write("0").if_match(OTHER).send().await), absent);
    assert_eq!(refused(write("0").if_match("*").send().await), absent);
    let first = write("1").if_none_match("*").send().await.unwrap().e_tag.unwrap();
    assert_eq!(refused(write("0").if_none_match("*").send().await), failed);
    assert_eq!(refused(write("0").if_match(OTHER).send().await), failed);
    let second = write("2").if_match(&first).send().await.unwrap().e_tag.unwrap();
    assert_eq!(refused(write("0").if_match(&first).send().await), failed);
    assert_eq!(refused(write("0").if_none_match(&first).send().await), (501, "NotImplemented".into()));
    assert_eq!(get(&s3, "k").await, "2");

    let delete = || s3.delete_object().bucket(BUCKET).key("k");
    assert_eq!(refused(delete().if_match(&first).send().await), failed);
    delete().if_match(&second).send().await.unwrap();
    // Measured at the service: not 412, and not 204 either.
    assert_eq!(refused(delete().if_match(&second).send().await), absent);
    delete().send().await.unwrap();
}

#[tokio::test]
async fn a_look_alike_ignores_them() {
    let double = double();
    let s3 = client(&double);
    double.set_conditions(Conditions::Ignored);
    put(&s3, "k", "1").await;
    let write =
        |value: &'static str| s3.put_object().bucket(BUCKET).key("k").body(value.as_bytes().to_vec().into());
    write("2").if_none_match("*").send().await.unwrap();
    write("3").if_match(OTHER).send().await.unwrap();
    assert_eq!(get(&s3, "k").await, "3");
    s3.delete_object().bucket(BUCKET).key("k").if_match(OTHER).send().await.unwrap();
    assert_eq!(double.count(BUCKET), 0);
    // Reads look at theirs.
    let tag = put(&s3, "k", "1").await;
    assert_eq!(refused(s3.get_object().bucket(BUCKET).key("k").if_none_match(tag).send().await).0, 304);
}

/// Sixteen clients, each on a connection of its own: how many of their writes were taken. What each writes is new, as
/// an ETag comes from the content.
async fn race(double: &Double, round: &str, tag: Option<&str>) -> usize {
    let clients: Vec<Client> = (0..16).map(|_| client(double)).collect();
    let writes = clients.iter().enumerate().map(|(number, s3)| {
        let write = s3
            .put_object()
            .bucket(BUCKET)
            .key("race")
            .body(format!("{round}, writer {number}").into_bytes().into());
        match tag {
            Some(tag) => write.if_match(tag).send(),
            None => write.if_none_match("*").send(),
        }
    });
    let mut winners = 0;
    for outcome in futures_util::future::join_all(writes).await {
        match outcome {
            Ok(_) => winners += 1,
            Err(_) => assert_eq!(refused(outcome), (412, "PreconditionFailed".into())),
        }
    }
    winners
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_sixteen_wins() {
    let double = double();
    let s3 = client(&double);
    for round in 0..10 {
        s3.delete_object().bucket(BUCKET).key("race").send().await.unwrap();
        assert_eq!(race(&double, &format!("create {round}"), None).await, 1);
        let head = s3.head_object().bucket(BUCKET).key("race").send().await.unwrap();
        assert_eq!(race(&double, &format!("replace {round}"), head.e_tag()).await, 1);
    }
    // And the race is one: without conditions, all of them win.
    double.set_conditions(Conditions::Ignored);
    assert_eq!(race(&double, "all", Some(OTHER)).await, 16);
}
