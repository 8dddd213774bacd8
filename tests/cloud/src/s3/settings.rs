//! What can be changed while the server runs.

use std::time::Duration;

/// Whether conditions on writes are obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conditions {
    /// As S3 does.
    #[default]
    Honoured,
    /// `If-Match` and `If-None-Match` on writes and deletes are not even looked at, as some look-alikes do.
    Ignored,
}

/// What the credentials may do. Everything, by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// `s3:ListBucket`. Without it an absent key is a 403, and so is a listing.
    pub list_bucket: bool,
    /// `s3:GetObject`. Conditions that name an ETag need it too.
    pub get_object: bool,
    /// `s3:PutObject`
    pub put_object: bool,
    /// `s3:DeleteObject`
    pub delete_object: bool,
    /// `s3:AbortMultipartUpload`
    pub abort_multipart_upload: bool,
    /// `s3:ListBucketMultipartUploads` and `s3:ListMultipartUploadParts`
    pub list_uploads: bool,
}

impl Default for Rights {
    fn default() -> Self {
        Self {
            list_bucket: true,
            get_object: true,
            put_object: true,
            delete_object: true,
            abort_multipart_upload: true,
            list_uploads: true,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) latency: Duration,
    pub(super) conditions: Conditions,
    pub(super) rights: Rights,
    /// Seconds that the server's clock is ahead of the machine's.
    pub(super) clock_offset: i64,
    /// The session token that must come with the access key.
    pub(super) session_token: Option<String>,
    pub(super) token_expired: bool,
}
