//! Rights, once the signature is known to be right.

use std::sync::Arc;

use s3s::S3Result;
use s3s::access::{S3Access, S3AccessContext};

use super::bucket::{access_denied, no_such_bucket};
use super::server::Server;

#[derive(Debug)]
pub(super) struct Access(pub(super) Arc<Server>);

#[async_trait::async_trait]
impl S3Access for Access {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        let operation = request.s3_op().name();
        let Some(bucket) = request.s3_path().get_bucket_name() else {
            return Ok(());
        };
        // A missing bucket is told before any missing right.
        if operation != "CreateBucket" && !self.0.buckets().contains_key(bucket) {
            return Err(no_such_bucket());
        }
        let settings = self.0.settings();
        let rights = settings.rights;
        // To name an ETag is to learn whether it is the current one.
        let names_tag = request.headers().get("if-match").is_some_and(|value| value != "*");
        let allowed = match operation {
            "GetObject" | "HeadObject" => rights.get_object,
            "PutObject" | "CompleteMultipartUpload" => rights.put_object && (rights.get_object || !names_tag),
            "CreateMultipartUpload" | "UploadPart" => rights.put_object,
            "CopyObject" | "UploadPartCopy" => rights.put_object && rights.get_object,
            "DeleteObject" => rights.delete_object && (rights.get_object || !names_tag),
            "AbortMultipartUpload" => rights.abort_multipart_upload,
            "ListObjectsV2" | "ListObjects" | "HeadBucket" => rights.list_bucket,
            "ListMultipartUploads" | "ListParts" => rights.list_uploads,
            // Each key of DeleteObjects is refused by itself.
            _ => true,
        };
        if allowed { Ok(()) } else { Err(access_denied()) }
    }
}
