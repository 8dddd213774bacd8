//! CopyObject.

use hyper::HeaderMap;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::Api;
use super::multipart::not_here;
use super::put::check_metadata;
use crate::s3::bucket::{no_such_bucket, no_such_key, precondition_failed};
use crate::s3::clock;
use crate::s3::object::{Headers, Object, headers_of};

/// The most that one request may copy.
const LARGEST: u64 = 5 << 30;

impl Api {
    pub(super) async fn copy(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let mut input = request.input;
        let condition = self.condition(
            written_condition(&request.headers, "if-match")?,
            written_condition(&request.headers, "if-none-match")?,
        )?;
        let CopySource::Bucket { bucket: from, key: source, version_id: None } = &input.copy_source else {
            return Err(not_here("copy from an access point or of a version"));
        };
        let replaces =
            input.metadata_directive.as_ref().is_some_and(|one| one.as_str() == MetadataDirective::REPLACE);
        let new_headers: Option<Headers> = replaces.then(|| headers_of!(input));
        if let Some(headers) = &new_headers {
            check_metadata(headers)?;
        }
        if **from == *input.bucket && **source == *input.key && !replaces && input.storage_class.is_none() {
            return Err(s3_error!(
                InvalidRequest,
                "This copy request is illegal because it is trying to copy an object to itself without changing \
                 the object's metadata, storage class, website redirect location or encryption attributes."
            ));
        }
        let now = self.0.now();
        let (object, replaced) = {
            let mut buckets = self.0.buckets();
            let found = buckets.get(&**from).ok_or_else(no_such_bucket)?.object(source).cloned();
            let mut object = found.ok_or_else(no_such_key)?;
            check_source(&object, &input)?;
            if object.content.len() > LARGEST {
                return Err(s3_error!(
                    InvalidRequest,
                    "The specified copy source is larger than the maximum allowable size"
                ));
            }
            object.modified = now;
            if let Some(headers) = new_headers {
                object.extra.get_or_insert_default().headers = headers;
            }
            let bucket = buckets.get_mut(&input.bucket).ok_or_else(no_such_bucket)?;
            condition.check(bucket.object(&input.key))?;
            let replaced = bucket.objects.insert(input.key.as_bytes().into(), object.clone());
            (object, replaced)
        };
        drop(replaced);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(object.etag.dto()),
                last_modified: Some(clock::timestamp(object.modified)),
                ..CopyObjectResult::default()
            }),
            ..CopyObjectOutput::default()
        }))
    }
}

/// The crate does not hand out the conditions on what is written.
fn written_condition(headers: &HeaderMap, name: &str) -> S3Result<Option<ETagCondition>> {
    match headers.get(name).map(|value| ETagCondition::parse_http_header(value.as_bytes())) {
        None => Ok(None),
        Some(Ok(condition)) => Ok(Some(condition)),
        Some(Err(_)) => Err(s3_error!(InvalidArgument, "The header {name} is no ETag")),
    }
}

/// The conditions on what is copied: all of them fail with a 412.
fn check_source(object: &Object, input: &CopyObjectInput) -> S3Result<()> {
    let unmodified = |since: &Timestamp| object.modified <= clock::seconds(since);
    let matches = match (&input.copy_source_if_match, &input.copy_source_if_unmodified_since) {
        (Some(tag), _) => object.etag.meets(tag),
        (None, Some(since)) => unmodified(since),
        (None, None) => true,
    };
    let differs = match (&input.copy_source_if_none_match, &input.copy_source_if_modified_since) {
        (Some(tag), _) => !object.etag.meets(tag),
        (None, Some(since)) => !unmodified(since),
        (None, None) => true,
    };
    if matches && differs { Ok(()) } else { Err(precondition_failed()) }
}
