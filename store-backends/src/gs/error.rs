//! What an answer of the service, or none, means.

use std::error::Error as StdError;
use std::time::Duration;

use google_cloud_auth::errors::CredentialsError;
use google_cloud_gax::error::rpc::Code;
use google_cloud_storage::error::ReadError;
use http::HeaderMap;
use larder_store_core::{Error, ErrorKind, Op};

/// A request that did not succeed.
#[derive(Debug)]
pub(super) struct Failure {
    /// What the caller is told, if nobody makes more of it.
    pub(super) error: Error,
    pub(super) said: Said,
    /// The connection is of no more use.
    pub(super) broken: bool,
}

/// What of it decides how a call goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// There is no such object, and there is a bucket.
    NoObject,
    NoBucket,
    /// One of the two.
    NotFound,
    /// A condition does not hold.
    Precondition,
    /// What is there has the generation that was not wanted.
    NotModified,
    /// The range is past the end of a value, of this size if that is told.
    Range(Option<u64>),
    /// A right is missing.
    NoRight,
    /// An upload session is over, by whoever's doing.
    NoSession,
    Other,
}

impl Failure {
    pub(super) fn is(&self, said: Said) -> bool {
        self.said == said
    }

    /// Nobody answered in time.
    pub(super) fn silent(op: Op, writes: bool, limit: Duration) -> Failure {
        let why = format!("the service gave no answer within {limit:?}");
        Failure { error: unanswered(op, writes, why), said: Said::Other, broken: true }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        failure.error
    }
}

/// A request that was sent, and whose fate is not known.
fn unanswered(op: Op, writes: bool, why: String) -> Error {
    let kind = if writes { ErrorKind::Unknown } else { ErrorKind::Unavailable };
    Error::new(kind, op, why).with_settled(!writes)
}

/// A request that was not sent.
fn unreached(op: Op, cause: &(dyn StdError + 'static)) -> Failure {
    let why = format!("the service cannot be reached: {}", root(cause));
    let error = Error::new(ErrorKind::Unavailable, op, why);
    Failure {
        error: error.hint("is the endpoint right, and is there a way to it?"),
        said: Said::Other,
        broken: true,
    }
}

/// Reads a failed request of the crate. Until something is known to have been refused, a write may have happened.
pub(super) fn failure(op: Op, writes: bool, error: google_cloud_storage::Error) -> Failure {
    let plain = |error: Error| Failure { error, said: Said::Other, broken: false };
    let status = error.http_status_code();
    // A page of a proxy is no answer of the service, whatever status it came with.
    let code = error.status().map(|status| status.code).filter(|_| !error.is_transport());
    if status.is_some() || code.is_some() {
        let message = match (error.status(), error.http_payload()) {
            (Some(status), _) => status.message.clone(),
            (None, Some(payload)) => shown(payload),
            (None, None) => String::new(),
        };
        return answered(op, writes, status, code, &message, error.http_headers());
    }
    if let Some(login) = find::<CredentialsError>(&error) {
        return plain(no_login(op, login));
    }
    if error.is_connect() {
        return unreached(op, &error);
    }
    if let Some(ReadError::ChecksumMismatch(_)) = find::<ReadError>(&error) {
        let why = "what came is not what was stored: its checksum is another one";
        return plain(Error::new(ErrorKind::Corrupt, op, why));
    }
    if error.is_binding() {
        let why = format!("the request could not be made: {}", root(&error));
        return plain(Error::new(ErrorKind::Invalid, op, why));
    }
    let why = match error.is_deserialization() {
        true => format!("the answer is none of the service's: {}", root(&error)),
        false => format!("the connection broke: {}", root(&error)),
    };
    Failure { error: unanswered(op, writes, why), said: Said::Other, broken: true }
}

/// Reads a failed request that the crate did not make.
pub(super) fn unsent(op: Op, writes: bool, error: reqwest::Error) -> Failure {
    // Its address is a secret: whoever has that of a session may write to it.
    let error = error.without_url();
    if error.is_connect() {
        return unreached(op, &error);
    }
    let why = format!("the connection broke: {}", root(&error));
    Failure { error: unanswered(op, writes, why), said: Said::Other, broken: true }
}

pub(super) fn no_login(op: Op, error: &CredentialsError) -> Error {
    let why = format!("the credentials got no token: {}", root(error));
    match error.is_transient() {
        true => Error::new(ErrorKind::Unavailable, op, why)
            .hint("outside Google Cloud no metadata server gives one: service_account_file=… names a key"),
        false => Error::new(ErrorKind::Denied, op, why)
            .hint("have they expired, or were they withdrawn? service_account_file=… gives others"),
    }
}

/// An answer that says no: by HTTP's status, or by gRPC's code where there is none.
pub(super) fn answered(
    op: Op,
    writes: bool,
    status: Option<u16>,
    code: Option<Code>,
    message: &str,
    headers: Option<&HeaderMap>,
) -> Failure {
    let number =
        status.map_or_else(|| code.map(|code| code.name().to_owned()), |status| Some(status.to_string()));
    let number = number.unwrap_or_default();
    let message = message.trim().trim_end_matches('.');
    let told = match message {
        "" => format!("Google says {number}"),
        message => format!("Google says {number}: {message}"),
    };
    let header = |name: &str| headers?.get(name)?.to_str().ok();
    let plain = |kind: ErrorKind| Error::new(kind, op, told.clone());
    let failed = |said: Said, error: Error| Failure { error, said, broken: false };
    let other = |error: Error| failed(Said::Other, error);
    let as_status = status.unwrap_or(match code {
        Some(Code::NotFound) => 404,
        Some(Code::FailedPrecondition) => 412,
        Some(Code::ResourceExhausted) => 429,
        Some(Code::Unauthenticated) => 401,
        Some(Code::PermissionDenied) => 403,
        Some(Code::OutOfRange) => 416,
        Some(Code::InvalidArgument) => 400,
        Some(Code::AlreadyExists | Code::Aborted) => 409,
        Some(Code::Unimplemented) => 501,
        // Internal, Unavailable, DeadlineExceeded, Cancelled, Unknown, DataLoss.
        _ => 500,
    });
    match as_status {
        304 => failed(Said::NotModified, plain(ErrorKind::Conflict)),
        404 if message.contains("bucket does not exist") => failed(
            Said::NoBucket,
            plain(ErrorKind::Invalid).hint("make the bucket first, or mend its name: Larder makes none"),
        ),
        404 if message.contains("No such object") => failed(Said::NoObject, plain(ErrorKind::Invalid)),
        // Over HTTP the service says what it does not find: this is anybody's on the way.
        404 if status.is_some() && message.is_empty() => {
            let hint =
                "this 404 says not that the key is absent: is the endpoint right, or does a proxy answer?";
            other(unanswered(op, writes, told.clone()).hint(hint))
        }
        404 => failed(Said::NotFound, plain(ErrorKind::Invalid)),
        410 | 499 => failed(Said::NoSession, plain(ErrorKind::Unavailable)),
        412 => failed(Said::Precondition, plain(ErrorKind::Conflict)),
        416 => {
            let size = header("content-range").and_then(|range| range.rsplit('/').next()?.parse().ok());
            let error = match size {
                Some(size) => Error::range_not_satisfiable(op, size),
                None => plain(ErrorKind::Invalid),
            };
            failed(Said::Range(size), error)
        }
        429 => {
            let error = plain(ErrorKind::Throttled);
            other(match header("retry-after").and_then(|after| after.parse().ok()) {
                Some(seconds) => error.with_retry_after(Duration::from_secs(seconds)),
                None => error,
            })
        }
        401 => other(
            plain(ErrorKind::Denied)
                .hint("the credentials are not known there, or have expired: get new ones"),
        ),
        403 => failed(Said::NoRight, plain(ErrorKind::Denied).hint(right_for(op))),
        409 if writes => other(unanswered(op, writes, told.clone())),
        409 => other(plain(ErrorKind::Unavailable)),
        // What was sent came damaged.
        400 if message.contains("CRC32C") || message.contains("MD5") => other(plain(ErrorKind::Unavailable)),
        400 if message.contains("broke off") => other(plain(ErrorKind::Unavailable)),
        501 | 405 => other(plain(ErrorKind::Unsupported).hint("this service does not offer what was asked")),
        408 => other(unanswered(op, writes, told.clone())),
        400..=499 => other(plain(ErrorKind::Invalid)),
        // A 503 says nothing of what was done before it.
        _ => other(unanswered(op, writes, told.clone()).hint("read the key before anything depends on it")),
    }
}

/// Which right is likely to be missing.
fn right_for(op: Op) -> &'static str {
    match op {
        Op::Get | Op::GetStream | Op::Head | Op::GetMany => "storage.objects.get on the bucket is missing",
        Op::Put | Op::PutStream | Op::PutMany | Op::Copy => {
            "storage.objects.create on the bucket is missing, or storage.objects.delete to replace what is there \
             (the role Storage Object User has both)"
        }
        Op::Delete | Op::DeleteMany => "storage.objects.delete on the bucket is missing",
        Op::List | Op::Exists => "storage.objects.list on the bucket is missing",
        _ => "a right on the bucket or its objects is missing",
    }
}

/// What of a body can stand in an error.
pub(super) fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(300)]);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

/// The first cause of this type.
pub(super) fn find<'e, T: StdError + 'static>(error: &'e (dyn StdError + 'static)) -> Option<&'e T> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absence_is_said_and_not_guessed() {
        let not_found = |status, code, message| {
            let failed = answered(Op::Get, false, status, code, message, None);
            (failed.said, failed.error.kind())
        };
        let none = not_found(Some(404), None, "No such object: bucket/k");
        assert_eq!(none, (Said::NoObject, ErrorKind::Invalid));
        assert_eq!(not_found(Some(404), None, "Not Found"), (Said::NotFound, ErrorKind::Invalid));
        assert_eq!(not_found(None, Some(Code::NotFound), ""), (Said::NotFound, ErrorKind::Invalid));
        assert_eq!(not_found(Some(404), None, ""), (Said::Other, ErrorKind::Unavailable));
        let written = answered(Op::Put, true, Some(404), None, "", None).error;
        assert_eq!((written.kind(), written.settled()), (ErrorKind::Unknown, false));
    }
}
