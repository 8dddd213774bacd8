//! A bucket: its objects and the uploads that are under way, and how a write is decided.

use std::collections::BTreeMap;

use hyper::StatusCode;
use s3s::dto::{ETag, ETagCondition};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::object::Object;
use super::upload::Upload;

/// Names in the order of their bytes, which is the order of listings.
pub(super) type Objects = BTreeMap<Box<[u8]>, Object>;

#[derive(Debug)]
pub(super) struct Bucket {
    /// Where it says it is.
    pub(super) region: String,
    pub(super) objects: Objects,
    /// By key and id, the order of their listing: ids grow.
    pub(super) uploads: BTreeMap<(String, String), Upload>,
}

impl Bucket {
    pub(super) fn new(region: impl Into<String>) -> Self {
        Self { region: region.into(), objects: Objects::new(), uploads: BTreeMap::new() }
    }

    pub(super) fn object(&self, key: &str) -> Option<&Object> {
        self.objects.get(key.as_bytes())
    }

    pub(super) fn upload(&mut self, key: &str, id: &str) -> S3Result<&mut Upload> {
        let place = (key.to_owned(), id.to_owned());
        self.uploads.get_mut(&place).ok_or_else(no_such_upload)
    }
}

pub(super) fn no_such_upload() -> S3Error {
    s3_error!(
        NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
         completed."
    )
}

/// An error that the crate does not list.
pub(super) fn unlisted(status: StatusCode, code: &'static str, message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(status);
    error
}

pub(super) fn no_such_key() -> S3Error {
    s3_error!(NoSuchKey, "The specified key does not exist.")
}

pub(super) fn no_such_bucket() -> S3Error {
    s3_error!(NoSuchBucket, "The specified bucket does not exist")
}

pub(super) fn access_denied() -> S3Error {
    s3_error!(AccessDenied, "Access Denied")
}

pub(super) fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

/// The condition of a write.
#[derive(Debug, Clone, Default)]
pub(super) enum Condition {
    #[default]
    None,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match`
    Matches(ETagCondition),
}

impl Condition {
    pub(super) fn of(
        if_match: Option<ETagCondition>,
        if_none_match: Option<ETagCondition>,
    ) -> S3Result<Self> {
        match (if_match, if_none_match) {
            (None, None) => Ok(Self::None),
            (Some(_), Some(_)) => Err(not_implemented("If-Match and If-None-Match together")),
            (Some(tag), None) => Ok(Self::Matches(tag)),
            (None, Some(ETagCondition::Any)) => Ok(Self::Absent),
            (None, Some(ETagCondition::ETag(_))) => {
                Err(not_implemented("If-None-Match with an ETag on a write"))
            }
        }
    }

    pub(super) fn tag(tag: Option<ETag>) -> Self {
        tag.map_or(Self::None, |tag| Self::Matches(ETagCondition::ETag(tag)))
    }

    /// Whether the write may be carried out on what is there now.
    pub(super) fn check(&self, current: Option<&Object>) -> S3Result<()> {
        match (self, current) {
            (Self::None, _) | (Self::Absent, None) => Ok(()),
            (Self::Absent, Some(_)) => Err(precondition_failed()),
            // S3 says that there is no such key, not that the condition failed.
            (Self::Matches(_), None) => Err(no_such_key()),
            (Self::Matches(tag), Some(object)) if object.etag.meets(tag) => Ok(()),
            (Self::Matches(_), Some(_)) => Err(precondition_failed()),
        }
    }
}

fn not_implemented(what: &str) -> S3Error {
    s3_error!(NotImplemented, "A header you provided implies functionality that is not implemented: {what}")
}
