//! What the service says no with, in both of its languages.
//!
//! Codes and reasons are those of the JSON API's reference ("HTTP status and error codes for JSON") and of
//! `google.rpc.Code`.

use axum::body::Body;
use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue};
use serde_json::json;
use tonic::{Code, Status};

/// A request that is not carried out.
#[derive(Debug, Clone)]
pub(super) enum Refusal {
    NoBucket,
    NoObject(String),
    /// A bucket of this name is there already.
    Exists,
    Precondition,
    NotModified,
    Invalid(String),
    /// The range is past the end of an object of this size.
    Range(u64),
    /// No upload session has this id any more.
    Gone,
    /// The session was cancelled, as was asked for.
    Cancelled,
    Unauthenticated,
    /// A signed URL that is not what was signed, or not any more.
    Signature(&'static str),
    Throttled,
    /// Something the double does not offer, by name.
    Unimplemented(String),
    Internal(String),
}

impl Refusal {
    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid(what.into())
    }

    fn message(&self) -> String {
        match self {
            Self::NoBucket => "The specified bucket does not exist.".into(),
            Self::NoObject(name) => format!("No such object: {name}"),
            Self::Exists => {
                "Your previous request to create the named bucket succeeded and you already own it.".into()
            }
            Self::Precondition => "At least one of the pre-conditions you specified did not hold.".into(),
            Self::NotModified => "Not Modified".into(),
            Self::Invalid(what) | Self::Unimplemented(what) | Self::Internal(what) => what.clone(),
            Self::Range(_) => "Request range not satisfiable".into(),
            Self::Gone => "The upload session is not available any more.".into(),
            Self::Cancelled => "Client Closed Request".into(),
            Self::Unauthenticated => "Invalid Credentials".into(),
            Self::Signature(why) => (*why).into(),
            Self::Throttled => {
                "The rate of requests to this object exceeds its limit. Please reduce it.".into()
            }
        }
    }

    fn http(&self) -> (u16, &'static str) {
        match self {
            Self::NoBucket | Self::NoObject(_) => (404, "notFound"),
            Self::Exists => (409, "conflict"),
            Self::Precondition => (412, "conditionNotMet"),
            Self::NotModified => (304, "notModified"),
            Self::Invalid(_) => (400, "invalid"),
            Self::Range(_) => (416, "requestedRangeNotSatisfiable"),
            Self::Gone => (410, "uploadBrokenConnection"),
            Self::Cancelled => (499, "clientClosedRequest"),
            Self::Unauthenticated => (401, "authError"),
            Self::Signature(_) => (403, "SignatureDoesNotMatch"),
            Self::Throttled => (429, "rateLimitExceeded"),
            Self::Unimplemented(_) => (501, "notImplemented"),
            Self::Internal(_) => (500, "backendError"),
        }
    }

    /// As the JSON API answers.
    pub(super) fn answer(&self) -> Response {
        let (status, reason) = self.http();
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Self::Range(size) = self
            && let Ok(value) = HeaderValue::try_from(format!("bytes */{size}"))
        {
            answer.headers_mut().insert(CONTENT_RANGE, value);
        }
        if status != 304 && status != 499 {
            let message = self.message();
            let one = json!({ "message": message, "domain": "global", "reason": reason });
            let body = json!({ "error": { "code": status, "message": message, "errors": [one] } });
            let json = HeaderValue::from_static("application/json; charset=UTF-8");
            answer.headers_mut().insert(CONTENT_TYPE, json);
            *answer.body_mut() = Body::from(body.to_string());
        }
        answer
    }

    /// As gRPC answers.
    pub(super) fn status(&self) -> Status {
        let code = match self {
            Self::NoBucket | Self::NoObject(_) | Self::Gone => Code::NotFound,
            Self::Exists => Code::AlreadyExists,
            Self::Precondition => Code::FailedPrecondition,
            Self::NotModified => Code::Aborted,
            Self::Invalid(_) => Code::InvalidArgument,
            Self::Range(_) => Code::OutOfRange,
            Self::Cancelled => Code::Cancelled,
            Self::Unauthenticated => Code::Unauthenticated,
            Self::Signature(_) => Code::PermissionDenied,
            Self::Throttled => Code::ResourceExhausted,
            Self::Unimplemented(_) => Code::Unimplemented,
            Self::Internal(_) => Code::Internal,
        };
        Status::new(code, self.message())
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Internal(error.to_string())
    }
}
