//! Copies within the server.

use aws_sdk_s3::types::MetadataDirective;

use super::client::{BUCKET, client, double, get, put, refused};

#[tokio::test]
async fn a_copy_is_an_object_of_its_own() {
    let double = double();
    let s3 = client(&double);
    let tag = put(&s3, "from/ü b", "v").await;
    let source = format!("{BUCKET}/from/%C3%BC%20b");
    let copy = || s3.copy_object().bucket(BUCKET).key("to").copy_source(&source);
    let done = copy().send().await.unwrap();
    assert_eq!(done.copy_object_result().unwrap().e_tag(), Some(&tag[..]));
    put(&s3, "from/ü b", "w").await;
    assert_eq!(get(&s3, "to").await, "v");
    assert_eq!(refused(copy().copy_source_if_match(&tag).send().await), (412, "PreconditionFailed".into()));
    let absent =
        s3.copy_object().bucket(BUCKET).key("to").copy_source(format!("{BUCKET}/absent")).send().await;
    assert_eq!(refused(absent), (404, "NoSuchKey".into()));
    let onto_itself = || s3.copy_object().bucket(BUCKET).key("to").copy_source(format!("{BUCKET}/to"));
    assert_eq!(refused(onto_itself().send().await), (400, "InvalidRequest".into()));
    let replace = onto_itself().metadata_directive(MetadataDirective::Replace).metadata("m", "2");
    replace.send().await.unwrap();
    let head = s3.head_object().bucket(BUCKET).key("to").send().await.unwrap();
    assert_eq!(head.metadata().unwrap()["m"], "2");
    // The condition on what is written.
    let exists = copy().customize().mutate_request(|request| {
        request.headers_mut().insert("if-none-match", "*");
    });
    assert_eq!(refused(exists.send().await), (412, "PreconditionFailed".into()));
}
