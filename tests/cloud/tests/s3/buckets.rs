//! Buckets, and what is not there.

use super::client::{client, double, refused};

#[tokio::test]
async fn buckets_come_and_go() {
    let double = double();
    let s3 = client(&double);
    let missing = (404, "NoSuchBucket".to_owned());
    assert_eq!(refused(s3.head_bucket().bucket("other").send().await).0, 404);
    assert_eq!(refused(s3.get_object().bucket("other").key("k").send().await), missing);
    assert_eq!(refused(s3.put_object().bucket("other").key("k").send().await), missing);
    assert_eq!(refused(s3.list_objects_v2().bucket("other").send().await), missing);
    assert_eq!(refused(s3.delete_bucket().bucket("other").send().await), missing);
    s3.create_bucket().bucket("other").send().await.unwrap();
    let again = s3.create_bucket().bucket("other").send().await;
    assert_eq!(refused(again), (409, "BucketAlreadyOwnedByYou".into()));
    let head = s3.head_bucket().bucket("other").send().await.unwrap();
    assert_eq!(head.bucket_region(), Some(double.region()));
    s3.put_object().bucket("other").key("k").send().await.unwrap();
    assert_eq!(refused(s3.delete_bucket().bucket("other").send().await), (409, "BucketNotEmpty".into()));
    s3.delete_object().bucket("other").key("k").send().await.unwrap();
    s3.delete_bucket().bucket("other").send().await.unwrap();
    let bad = s3.create_bucket().bucket("Not_A_Bucket").send().await;
    assert_eq!(refused(bad), (400, "InvalidBucketName".into()));
}

#[tokio::test]
async fn what_is_not_built_is_refused_by_name() {
    let double = double();
    let s3 = client(&double);
    let acl = s3.get_bucket_acl().bucket(super::client::BUCKET).send().await;
    assert_eq!(refused(acl), (501, "NotImplemented".into()));
}
