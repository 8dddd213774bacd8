//! The parts of an upload in one request.
//!
//! The official crate sends two (metadata, bytes) or three (and checksums behind them), in the dress of a form.

use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;

use crate::gs::refusal::Refusal;

/// The content type that a part says, and its bytes.
pub(super) type Part<'a> = (Option<String>, &'a [u8]);

fn wrong() -> Refusal {
    Refusal::invalid("The body is not the multipart/related of an upload.")
}

/// The boundary that a request says.
pub(super) fn boundary(headers: &HeaderMap) -> Result<String, Refusal> {
    let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).ok_or_else(wrong)?;
    let (kind, rest) = said.split_once(';').ok_or_else(wrong)?;
    let boundary = rest.trim().strip_prefix("boundary=").ok_or_else(wrong)?.trim_matches('"');
    if kind.trim() == "multipart/related" && !boundary.is_empty() {
        Ok(boundary.to_owned())
    } else {
        Err(wrong())
    }
}

/// Takes a body apart.
pub(super) fn parts<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, Refusal> {
    let first = format!("--{boundary}");
    let next = format!("\r\n--{boundary}");
    let mut rest = body.strip_prefix(first.as_bytes()).ok_or_else(wrong)?;
    let mut parts = Vec::new();
    loop {
        if rest.starts_with(b"--") {
            return Ok(parts);
        }
        rest = rest.strip_prefix(b"\r\n").ok_or_else(wrong)?;
        let head = find(rest, b"\r\n\r\n").ok_or_else(wrong)?;
        let (headers, body) = (&rest[..head], &rest[head + 4..]);
        let end = find(body, next.as_bytes()).ok_or_else(wrong)?;
        parts.push((content_type(headers)?, &body[..end]));
        rest = &body[end + next.len()..];
    }
}

fn content_type(headers: &[u8]) -> Result<Option<String>, Refusal> {
    let headers = std::str::from_utf8(headers).map_err(|_| wrong())?;
    let mut found = None;
    for line in headers.split("\r\n") {
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        match name.to_ascii_lowercase().as_str() {
            "content-type" => found = Some(value.trim().to_owned()),
            "content-disposition" | "content-transfer-encoding" | "content-length" => {}
            _ => return Err(Refusal::Invalid(format!("A part has the header {name:?}."))),
        }
    }
    Ok(found)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += bytes[at..].iter().position(|byte| *byte == wanted[0])?;
        if bytes[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_parts() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"metadata\"\r\nContent-Type: application/json\r\n\r\n{}\
            \r\n--b\r\nContent-Disposition: form-data; name=\"media\"\r\n\r\na\r\n-\r\n--b--\r\n";
        let parts = parts(body, "b").unwrap();
        assert_eq!(parts, [(Some("application/json".to_owned()), &b"{}"[..]), (None, &b"a\r\n-"[..])]);
        assert!(super::parts(b"--b\r\nX: y\r\n\r\nz\r\n--b--", "b").is_err());
        assert!(super::parts(b"--c\r\n", "b").is_err());
    }
}
