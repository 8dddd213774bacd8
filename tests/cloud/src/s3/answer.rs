//! Answers that are given without asking what S3 means.

use std::fmt::Write as _;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use s3s::{Body, HttpResponse};

/// An error as S3 writes it.
pub(super) fn error(status: u16, code: &str, message: &str, more: &[(&str, &str)]) -> HttpResponse {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
    let all = [("Code", code), ("Message", message)];
    for (name, value) in all.iter().chain(more).chain(&[("RequestId", "0000000000000000")]) {
        let _ = write!(xml, "<{name}>{}</{name}>", escaped(value));
    }
    xml.push_str("</Error>");
    let mut answer = bare(status);
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    *answer.body_mut() = Body::from(Bytes::from(xml));
    answer
}

/// A status and nothing else, as proxies answer.
pub(super) fn bare(status: u16) -> HttpResponse {
    let mut answer = HttpResponse::new(Body::empty());
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
