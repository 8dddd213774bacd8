//! What an answer of S3, or none, means.

use std::error::Error as StdError;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use larder_store_core::{Error, ErrorKind, Op};

use crate::aws;
use crate::aws::error::{Refusal, THROTTLED};

/// A request that did not succeed, and the size of the object where a range was past its end.
pub(super) type Failure = aws::error::Failure<Option<u64>>;

impl Failure {
    pub(super) fn is(&self, status: u16) -> bool {
        self.status == Some(status)
    }

    /// Whether the service says that the object is absent. A 404 that says nothing may be anybody's on the way.
    pub(super) fn is_absent(&self) -> bool {
        self.is(404)
            && self.code.as_deref().is_some_and(|code| matches!(code, "NoSuchKey" | "NotFound" | "404"))
    }
}

/// Reads a failed request.
pub(super) fn failure<E>(op: Op, writes: bool, error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    aws::error::failure("S3", op, writes, error, |_, refusal| {
        (answered(op, writes, refusal), range_size(refusal))
    })
}

/// An answer that says no.
fn answered(op: Op, writes: bool, refusal: &Refusal<'_>) -> Error {
    let plain = |kind: ErrorKind| refusal.plain(kind, op);
    match (refusal.status, refusal.code) {
        (429, _) => refusal.throttled(op),
        (503, code) if THROTTLED.contains(&code) => refusal.throttled(op),
        (_, "NoSuchBucket") => {
            plain(ErrorKind::Invalid).hint("make the bucket first, or mend its name: Larder makes none")
        }
        (
            301 | 307 | 400,
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
        )
        | (301, _) => {
            let hint = match refusal.header("x-amz-bucket-region") {
                Some(region) => format!("the bucket is in another region: region={region}"),
                None => "the bucket is in another region: give its own by region=…".into(),
            };
            plain(ErrorKind::Invalid).hint(hint)
        }
        _ if refusal.denied().is_some() => {
            plain(ErrorKind::Denied).hint(refusal.denied().unwrap_or_default())
        }
        (_, "InvalidObjectState") => plain(ErrorKind::Unsupported)
            .hint("the object is archived: restore it first, then it can be read"),
        (401 | 403, _) => plain(ErrorKind::Denied).hint(right_for(op)),
        (412, _) => plain(ErrorKind::Conflict),
        // Two conditional writes met, and this one is to be sent again. But something on the way may have sent it twice,
        // and then this answers the second time: the look at the key before the next attempt tells.
        (409, _) if writes => plain(ErrorKind::Unknown),
        (409, _) => plain(ErrorKind::Unavailable),
        (416, _) => match range_size(refusal) {
            Some(size) => Error::range_not_satisfiable(op, size),
            None => plain(ErrorKind::Invalid),
        },
        (
            400,
            "BadDigest"
            | "InvalidDigest"
            | "XAmzContentSHA256Mismatch"
            | "XAmzContentChecksumMismatch"
            | "IncompleteBody"
            | "RequestTimeout",
        ) => plain(ErrorKind::Unavailable),
        (400, "EntityTooLarge" | "KeyTooLongError" | "MetadataTooLarge") => plain(ErrorKind::Unsupported),
        (501, _) | (405, _) => {
            plain(ErrorKind::Unsupported).hint("this service does not offer what was asked")
        }
        (404, "") if writes => plain(ErrorKind::Unknown).hint(BARE_404),
        (404, "") => plain(ErrorKind::Unavailable).hint(BARE_404),
        (400..=499, _) => plain(ErrorKind::Invalid),
        _ if writes => plain(ErrorKind::Unknown).hint("read the key before anything depends on it"),
        _ => plain(ErrorKind::Unavailable),
    }
}

/// A service says what it does not find.
const BARE_404: &str =
    "this 404 says not that the key is absent: is the endpoint right, or does a proxy answer?";

/// Which right is likely to be missing.
fn right_for(op: Op) -> &'static str {
    match op {
        Op::Get | Op::GetStream | Op::Head | Op::GetMany => {
            "s3:GetObject on the objects is missing; or the key is absent and s3:ListBucket on the bucket is missing, \
             without which S3 answers 403 for an absent key"
        }
        Op::Put | Op::PutStream | Op::PutMany | Op::Copy => {
            "s3:PutObject on the objects is missing (s3:GetObject too, for conditional ones)"
        }
        Op::Delete | Op::DeleteMany => {
            "s3:DeleteObject on the objects is missing (s3:GetObject too, for conditional ones)"
        }
        Op::List | Op::Exists => "s3:ListBucket on the bucket is missing",
        Op::Sweep => {
            "s3:ListBucketMultipartUploads on the bucket or s3:AbortMultipartUpload on the objects is missing"
        }
        _ => "a right on the bucket or its objects is missing",
    }
}

fn range_size(refusal: &Refusal<'_>) -> Option<u64> {
    refusal.header("content-range")?.rsplit('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::error::ErrorMetadata;
    use aws_sdk_s3::operation::get_object::GetObjectError;
    use aws_smithy_types::body::SdkBody;

    #[test]
    fn absence_is_said_and_not_guessed() {
        for (code, body, absent, kind) in [
            ("NoSuchKey", "<Error>", true, ErrorKind::Invalid),
            ("NotFound", "<Error>", true, ErrorKind::Invalid),
            // As the SDK reads an answer without a body.
            ("NotFound", "", false, ErrorKind::Unavailable),
        ] {
            let meta = ErrorMetadata::builder().code(code).build();
            let raw = HttpResponse::new(404.try_into().unwrap(), SdkBody::from(body));
            let failed = failure(Op::Get, false, SdkError::service_error(GetObjectError::generic(meta), raw));
            assert_eq!((failed.is_absent(), failed.error.kind()), (absent, kind), "{code} {body:?}");
        }
    }
}
