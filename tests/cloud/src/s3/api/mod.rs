//! The operations, each in a file of its own.

mod buckets;
mod complete;
mod copy;
mod copy_part;
mod delete;
mod get;
mod list;
mod multipart;
mod put;

use std::sync::Arc;

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result};

use super::server::Server;

/// What S3 means.
#[derive(Debug, Clone)]
pub(super) struct Api(pub(super) Arc<Server>);

/// Each method of the trait is a method of [`Api`], in the file of its operation.
macro_rules! operations {
    ($($trait_name:ident = $own:ident: $input:ty => $output:ty;)*) => {
        #[async_trait::async_trait]
        impl S3 for Api {
            $(async fn $trait_name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                self.$own(request).await
            })*
        }
    };
}

operations! {
    get_object = get: GetObjectInput => GetObjectOutput;
    head_object = head: HeadObjectInput => HeadObjectOutput;
    put_object = put: PutObjectInput => PutObjectOutput;
    delete_object = delete: DeleteObjectInput => DeleteObjectOutput;
    delete_objects = delete_many: DeleteObjectsInput => DeleteObjectsOutput;
    list_objects_v2 = list: ListObjectsV2Input => ListObjectsV2Output;
    copy_object = copy: CopyObjectInput => CopyObjectOutput;
    create_multipart_upload = create_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput;
    upload_part_copy = copy_part: UploadPartCopyInput => UploadPartCopyOutput;
    upload_part = put_part: UploadPartInput => UploadPartOutput;
    complete_multipart_upload = complete: CompleteMultipartUploadInput => CompleteMultipartUploadOutput;
    abort_multipart_upload = abort: AbortMultipartUploadInput => AbortMultipartUploadOutput;
    list_multipart_uploads = list_uploads: ListMultipartUploadsInput => ListMultipartUploadsOutput;
    list_parts = list_parts_of: ListPartsInput => ListPartsOutput;
    head_bucket = head_of_bucket: HeadBucketInput => HeadBucketOutput;
    create_bucket = new_bucket: CreateBucketInput => CreateBucketOutput;
    delete_bucket = remove_bucket: DeleteBucketInput => DeleteBucketOutput;
}
