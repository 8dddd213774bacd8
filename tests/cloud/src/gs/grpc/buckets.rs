//! CreateBucket, GetBucket and ListBuckets.

use super::{bucket_id, proto, without};
use crate::gs::bucket::Bucket;
use crate::gs::refusal::Refusal;
use crate::gs::server::Server;
use crate::gs::time::stamp;

fn describe(id: &str, bucket: &Bucket) -> proto::Bucket {
    let mut told = proto::Bucket {
        name: format!("projects/_/buckets/{id}"),
        bucket_id: id.to_owned(),
        project: "projects/000000000000".into(),
        metageneration: 1,
        location: "US".into(),
        location_type: "multi-region".into(),
        storage_class: "STANDARD".into(),
        versioning: bucket.versioned.then_some(proto::bucket::Versioning { enabled: true }),
        ..proto::Bucket::default()
    };
    stamp!(told.create_time, bucket.created);
    stamp!(told.update_time, bucket.created);
    told
}

pub(super) fn create(server: &Server, q: proto::CreateBucketRequest) -> Result<proto::Bucket, Refusal> {
    without(!q.predefined_acl.is_empty() || !q.predefined_default_object_acl.is_empty(), "access lists")?;
    without(q.enable_object_retention, "object retention")?;
    let given = q.bucket.unwrap_or_default();
    let kept = proto::Bucket {
        project: given.project.clone(),
        versioning: given.versioning,
        ..proto::Bucket::default()
    };
    without(kept != given, "other fields of a bucket than its project and versioning")?;
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    if !(3..=222).contains(&q.bucket_id.len()) || !q.bucket_id.bytes().all(legal) {
        return Err(Refusal::Invalid(format!("Invalid bucket name: {:?}", q.bucket_id)));
    }
    let now = server.now();
    let mut state = server.state();
    if state.buckets.contains_key(&q.bucket_id) {
        return Err(Refusal::Exists);
    }
    let mut bucket = Bucket::new(now);
    bucket.versioned = given.versioning.is_some_and(|versioning| versioning.enabled);
    let told = describe(&q.bucket_id, &bucket);
    state.buckets.insert(q.bucket_id, bucket);
    Ok(told)
}

pub(super) fn get(server: &Server, q: proto::GetBucketRequest) -> Result<proto::Bucket, Refusal> {
    without(
        q.if_metageneration_match.is_some() || q.if_metageneration_not_match.is_some(),
        "conditions on buckets",
    )?;
    without(q.read_mask.is_some(), "read_mask")?;
    let id = bucket_id(&q.name)?;
    Ok(describe(id, server.state().bucket(id)?))
}

pub(super) fn list(
    server: &Server,
    q: proto::ListBucketsRequest,
) -> Result<proto::ListBucketsResponse, Refusal> {
    without(q.read_mask.is_some() || q.return_partial_success, "read_mask")?;
    without(!q.page_token.is_empty(), "page of buckets but the first")?;
    let state = server.state();
    let named = state.buckets.iter().filter(|(id, _)| id.starts_with(&q.prefix));
    let buckets = named.map(|(id, bucket)| describe(id, bucket)).collect();
    Ok(proto::ListBucketsResponse { buckets, ..Default::default() })
}
