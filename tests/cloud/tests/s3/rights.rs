//! Missing rights, each by itself.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use larder_cloud_tests::s3::Rights;

use super::client::{BUCKET, client, double, get, put, refused};

#[tokio::test]
async fn each_right_is_needed_for_what_it_is_for() {
    let double = double();
    let s3 = client(&double);
    let denied = (403, "AccessDenied".to_owned());
    let tag = put(&s3, "k", "v").await;
    let id = s3.create_multipart_upload().bucket(BUCKET).key("k").send().await.unwrap().upload_id.unwrap();
    let all = Rights::default();

    double.set_rights(Rights { list_bucket: false, ..all });
    assert_eq!(get(&s3, "k").await, "v");
    assert_eq!(refused(s3.get_object().bucket(BUCKET).key("absent").send().await), denied);
    assert_eq!(refused(s3.head_object().bucket(BUCKET).key("absent").send().await).0, 403);
    assert_eq!(refused(s3.list_objects_v2().bucket(BUCKET).send().await), denied);
    // A missing bucket is told as such.
    assert_eq!(refused(s3.list_objects_v2().bucket("other").send().await), (404, "NoSuchBucket".into()));

    double.set_rights(Rights { get_object: false, ..all });
    assert_eq!(refused(s3.get_object().bucket(BUCKET).key("k").send().await), denied);
    assert_eq!(refused(s3.head_object().bucket(BUCKET).key("k").send().await).0, 403);
    put(&s3, "k", "v").await;
    let put_if = s3.put_object().bucket(BUCKET).key("k").if_match(&tag).send().await;
    assert_eq!(refused(put_if), denied);
    let create = s3.put_object().bucket(BUCKET).key("k").if_none_match("*").send().await;
    assert_eq!(refused(create), (412, "PreconditionFailed".into()));
    assert_eq!(refused(s3.delete_object().bucket(BUCKET).key("k").if_match(&tag).send().await), denied);

    double.set_rights(Rights { put_object: false, ..all });
    assert_eq!(refused(s3.put_object().bucket(BUCKET).key("k").send().await), denied);
    assert_eq!(refused(s3.create_multipart_upload().bucket(BUCKET).key("k").send().await), denied);
    let part = s3.upload_part().bucket(BUCKET).key("k").upload_id(&id).part_number(1).send().await;
    assert_eq!(refused(part), denied);

    double.set_rights(Rights { delete_object: false, ..all });
    assert_eq!(refused(s3.delete_object().bucket(BUCKET).key("k").send().await), denied);
    let one = ObjectIdentifier::builder().key("k").build().unwrap();
    let batch = Delete::builder().objects(one).build().unwrap();
    let done = s3.delete_objects().bucket(BUCKET).delete(batch).send().await.unwrap();
    assert_eq!(done.errors()[0].code(), Some("AccessDenied"));

    double.set_rights(Rights { abort_multipart_upload: false, ..all });
    let abort = || s3.abort_multipart_upload().bucket(BUCKET).key("k").upload_id(&id).send();
    assert_eq!(refused(abort().await), denied);
    double.set_rights(Rights { list_uploads: false, ..all });
    assert_eq!(refused(s3.list_multipart_uploads().bucket(BUCKET).send().await), denied);
    double.set_rights(all);
    abort().await.unwrap();
    assert_eq!(get(&s3, "k").await, "v");
}
