//! What an answer of the service, or none, means.

use std::error::Error as StdError;
use std::time::Duration;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::dns::ResolveDnsError;
use larder_store_core::{Error, ErrorKind, Op};

/// A request that did not succeed.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the caller is told, if nobody makes more of it.
    pub(super) error: Error,
    /// HTTP's status, where there was an answer.
    pub(super) status: Option<u16>,
    /// S3's own word for it.
    pub(super) code: Option<String>,
    /// The size of the object, where a range was past its end.
    pub(super) size: Option<u64>,
    /// The connection is of no more use.
    pub(super) broken: bool,
}

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

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        failure.error
    }
}

/// Codes by which services ask for fewer requests. Nothing was done.
const THROTTLED: [&str; 9] = [
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
];

/// Reads a failed request. Until something is known to have been refused, a write may have happened.
pub(super) fn failure<E>(op: Op, writes: bool, error: SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let unanswered = |why: String| {
        let kind = if writes { ErrorKind::Unknown } else { ErrorKind::Unavailable };
        Error::new(kind, op, why).with_settled(!writes)
    };
    let mut failed = Failure {
        error: Error::new(ErrorKind::Unavailable, op, ""),
        status: None,
        code: None,
        size: None,
        broken: false,
    };
    match &error {
        SdkError::ServiceError(answer) => {
            let raw = answer.raw();
            let status = raw.status().as_u16();
            let code = answer.err().code().map(str::to_owned);
            let message = answer.err().message().unwrap_or_default();
            failed.error = answered(op, writes, status, code.as_deref(), message, raw);
            failed.size = range_size(raw);
            failed.status = Some(status);
            failed.code = code;
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status().as_u16();
            failed.error = unanswered(format!(
                "the answer of the service (HTTP {status}) breaks off or is none of S3's"
            ));
            failed.broken = true;
        }
        SdkError::ConstructionFailure(_) => match find::<CredentialsError>(&error) {
            Some(_) => failed.error = no_credentials(op),
            None => {
                let why = format!("the request could not be made: {}", root(&error));
                failed.error = Error::new(ErrorKind::Invalid, op, why);
            }
        },
        SdkError::DispatchFailure(_) if find::<CredentialsError>(&error).is_some() => {
            failed.error = no_credentials(op);
        }
        SdkError::DispatchFailure(_) => {
            failed.broken = true;
            failed.error = match never_sent(&error) {
                true => Error::new(
                    ErrorKind::Unavailable,
                    op,
                    format!("the service cannot be reached: {}", root(&error)),
                )
                .hint("is the endpoint right, and is there a way to it?"),
                false => unanswered(format!("the connection broke: {}", root(&error))),
            };
        }
        _ => {
            failed.broken = true;
            failed.error = unanswered(format!("the service gave no answer: {}", root(&error)));
        }
    }
    failed
}

/// An answer that says no.
fn answered(
    op: Op,
    writes: bool,
    status: u16,
    code: Option<&str>,
    message: &str,
    raw: &HttpResponse,
) -> Error {
    let said = match (code, message) {
        (Some(code), "") => format!("S3 says {status} {code}"),
        (Some(code), message) => format!("S3 says {status} {code}: {}", message.trim_end_matches('.')),
        (None, _) => format!("S3 says {status}"),
    };
    let plain = |kind: ErrorKind| Error::new(kind, op, said.clone());
    let header = |name: &str| raw.headers().get(name);
    let code = code.unwrap_or_default();
    let throttled = || {
        let error = plain(ErrorKind::Throttled);
        match header("retry-after").and_then(|after| after.parse().ok()) {
            Some(seconds) => error.with_retry_after(Duration::from_secs(seconds)),
            None => error,
        }
    };
    match (status, code) {
        (429, _) => throttled(),
        (503, code) if THROTTLED.contains(&code) => throttled(),
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
            let hint = match header("x-amz-bucket-region") {
                Some(region) => format!("the bucket is in another region: region={region}"),
                None => "the bucket is in another region: give its own by region=…".into(),
            };
            plain(ErrorKind::Invalid).hint(hint)
        }
        (_, "RequestTimeTooSkewed") => {
            plain(ErrorKind::Denied).hint("this machine's clock is more than 15 minutes off: set it")
        }
        (_, "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired") => {
            plain(ErrorKind::Denied).hint("the credentials have expired: get new ones")
        }
        (_, "InvalidAccessKeyId" | "InvalidToken") => plain(ErrorKind::Denied)
            .hint("the access key is not known there: is it of this account and endpoint?"),
        (_, "SignatureDoesNotMatch") => {
            plain(ErrorKind::Denied).hint("the secret key does not belong to the access key")
        }
        (_, "InvalidObjectState") => plain(ErrorKind::Unsupported)
            .hint("the object is archived: restore it first, then it can be read"),
        (401 | 403, _) => plain(ErrorKind::Denied).hint(right_for(op)),
        (412, _) => plain(ErrorKind::Conflict),
        // Two conditional writes met, and this one is to be sent again. But something on the way may have sent it twice,
        // and then this answers the second time: the look at the key before the next attempt tells.
        (409, _) if writes => plain(ErrorKind::Unknown),
        (409, _) => plain(ErrorKind::Unavailable),
        (416, _) => match range_size(raw) {
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

fn no_credentials(op: Op) -> Error {
    Error::new(ErrorKind::Denied, op, "no credentials were found").hint(
        "give access_key and secret_key, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role; \
         profiles with SSO or a credential process need the feature `aws-profile`",
    )
}

fn range_size(raw: &HttpResponse) -> Option<u64> {
    raw.headers().get("content-range")?.rsplit('/').next()?.parse().ok()
}

/// Whether the failure came before a connection was there.
fn never_sent(error: &(dyn StdError + 'static)) -> bool {
    find::<hyper_util::client::legacy::Error>(error).is_some_and(|e| e.is_connect())
        || find::<ResolveDnsError>(error).is_some()
}

fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The innermost cause, which is the one that says something.
fn root(error: &(dyn StdError + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

impl Failure {
    /// Nobody answered in time.
    pub(super) fn silent(op: Op, writes: bool, limit: Duration) -> Failure {
        let kind = if writes { ErrorKind::Unknown } else { ErrorKind::Unavailable };
        let error = Error::new(kind, op, format!("the service gave no answer within {limit:?}"));
        Failure { error: error.with_settled(!writes), status: None, code: None, size: None, broken: true }
    }
}
