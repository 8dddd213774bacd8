//! From what went wrong to what the client is told: in one place.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use larder::{Error, ErrorKind};

/// What a request fails with.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The store's error.
    Store(Error),
    /// The request itself.
    Request(StatusCode, String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Store(error)
    }
}

impl Failure {
    /// A request that cannot be understood.
    pub(crate) fn bad(why: impl Into<String>) -> Failure {
        Failure::Request(StatusCode::BAD_REQUEST, why.into())
    }

    /// A condition of the request that does not hold.
    pub(crate) fn precondition() -> Failure {
        Failure::Request(
            StatusCode::PRECONDITION_FAILED,
            "the value has another version, or there is none".into(),
        )
    }

    /// A body that is longer than the service takes.
    pub(crate) fn too_long(most: u64) -> Failure {
        Failure::Request(StatusCode::PAYLOAD_TOO_LARGE, format!("a body may have {most} bytes"))
    }
}

/// The status of an error of the store. The README has the table with its reasons.
pub(crate) fn of(error: &Error) -> StatusCode {
    if error.unsatisfied_range().is_some() {
        return StatusCode::RANGE_NOT_SATISFIABLE;
    }
    match error.kind() {
        ErrorKind::Conflict => StatusCode::PRECONDITION_FAILED,
        ErrorKind::Invalid => StatusCode::BAD_REQUEST,
        ErrorKind::Unsupported => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Unknown => StatusCode::BAD_GATEWAY,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Cancelled | ErrorKind::Closed => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        ErrorKind::Full => StatusCode::INSUFFICIENT_STORAGE,
        // Not the client's rights and not the client's bytes.
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let error = match self {
            Failure::Request(status, why) => return (status, body(status, "request", &why)).into_response(),
            Failure::Store(error) => error,
        };
        let status = of(&error);
        if status.is_server_error() {
            // The whole of it stays here: the client is not told where the data is.
            tracing::warn!(%error, "a request failed");
        }
        let mut response = (status, body(status, &error.kind().to_string(), error.why())).into_response();
        let headers = response.headers_mut();
        if let Some(size) = error.unsatisfied_range()
            && let Ok(range) = HeaderValue::from_str(&format!("bytes */{size}"))
        {
            headers.insert(header::CONTENT_RANGE, range);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            // Whole seconds, and never "at once".
            let after = error.retry_after().map_or(1, |after| after.as_secs_f64().ceil().max(1.0) as u64);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after));
        }
        response
    }
}

fn body(status: StatusCode, kind: &str, why: &str) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": status.as_u16(), "kind": kind, "why": why }))
}

#[cfg(test)]
mod tests {
    use larder::Op;

    use super::*;

    #[test]
    fn every_kind_has_its_status() {
        let status = |kind| of(&Error::new(kind, Op::Get, "why")).as_u16();
        for (kind, expected) in [
            (ErrorKind::Conflict, 412),
            (ErrorKind::Unknown, 502),
            (ErrorKind::Throttled, 503),
            (ErrorKind::Unavailable, 503),
            (ErrorKind::Timeout, 504),
            (ErrorKind::Cancelled, 503),
            (ErrorKind::Invalid, 400),
            (ErrorKind::Unsupported, 422),
            (ErrorKind::Denied, 500),
            (ErrorKind::Corrupt, 500),
            (ErrorKind::Full, 507),
            (ErrorKind::Closed, 503),
        ] {
            assert_eq!(status(kind), expected, "{kind}");
        }
        assert_eq!(of(&Error::range_not_satisfiable(Op::Get, 7)).as_u16(), 416);
    }
}
