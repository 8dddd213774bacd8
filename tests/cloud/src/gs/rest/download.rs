//! Objects: get, with `alt=media`.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH,
    CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LAST_MODIFIED, RANGE,
};
use hyper::{HeaderMap, StatusCode};

use super::resource::hashes;
use super::words::Words;
use crate::gs::bucket::Conditions;
use crate::gs::object::Object;
use crate::gs::refusal::Refusal;
use crate::gs::server::Server;
use crate::gs::time;

pub(super) fn download(
    server: &Server,
    bucket: &str,
    name: &str,
    mut words: Words,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    if words.take("alt").as_deref() != Some("media") {
        return Err(Refusal::Unimplemented("The double offers objects only with alt=media.".into()));
    }
    let generation = words.number("generation")?.unwrap_or(0);
    let conditions = words.conditions()?;
    words.done()?;
    let object = find(server, bucket, name, generation, &conditions)?;
    send(server, &object, headers)
}

/// An object, if it is what the conditions want.
pub(super) fn find(
    server: &Server,
    bucket: &str,
    name: &str,
    generation: i64,
    conditions: &Conditions,
) -> Result<Arc<Object>, Refusal> {
    let mut state = server.state();
    let found = state.bucket(bucket)?.find(name, generation).cloned();
    let object = found.ok_or_else(|| Refusal::NoObject(format!("{bucket}/{name}")))?;
    conditions.check_read(&object)?;
    Ok(object)
}

/// An object's bytes, or a part of them.
pub(super) fn send(server: &Server, object: &Object, headers: &HeaderMap) -> Result<Response, Refusal> {
    let size = object.content.len();
    let range = match headers.get(RANGE) {
        None => None,
        Some(value) => range(value.to_str().unwrap_or(""), size)?,
    };
    let part = range.clone().unwrap_or(0..size);
    let mut answer = Response::new(Body::from_stream(object.content.reader(part.clone())));
    let told = answer.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        // What cannot stand in a header is left out.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            told.insert(name, value);
        }
    };
    let fields = &object.fields;
    set(CONTENT_TYPE, fields.content_type.as_deref().unwrap_or("application/octet-stream"));
    for (name, value) in [
        (CACHE_CONTROL, &fields.cache_control),
        (CONTENT_ENCODING, &fields.content_encoding),
        (CONTENT_DISPOSITION, &fields.content_disposition),
        (CONTENT_LANGUAGE, &fields.content_language),
    ] {
        if let Some(value) = value {
            set(name, value);
        }
    }
    set(CONTENT_LENGTH, &(part.end - part.start).to_string());
    set(ACCEPT_RANGES, "bytes");
    set(ETAG, &object.etag());
    set(LAST_MODIFIED, &httpdate::fmt_http_date(time::system(object.updated)));
    let own = HeaderName::from_static;
    set(own("x-goog-generation"), &object.generation.to_string());
    set(own("x-goog-metageneration"), &object.metageneration.to_string());
    set(own("x-goog-storage-class"), &object.storage_class);
    set(own("x-goog-stored-content-length"), &size.to_string());
    let stored = fields.content_encoding.as_deref().unwrap_or("identity");
    set(own("x-goog-stored-content-encoding"), stored);
    set(own("x-goog-hash"), &hashes(object));
    if server.settings().tells_metadata {
        for (name, value) in &fields.metadata {
            if let Ok(name) = HeaderName::try_from(format!("x-goog-meta-{}", name.to_ascii_lowercase())) {
                set(name, value);
            }
        }
    }
    if range.is_some() {
        set(CONTENT_RANGE, &format!("bytes {}-{}/{size}", part.start, part.end - 1));
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(answer)
}

/// One range of bytes (RFC 9110, 14.1.2). One that is not understood is refused here, where HTTP would ignore it.
fn range(text: &str, size: u64) -> Result<Option<Range<u64>>, Refusal> {
    let wrong = || Refusal::Invalid(format!("The double understands no range {text:?}."));
    let (first, last) = text.strip_prefix("bytes=").and_then(|r| r.split_once('-')).ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    let (start, end) = match (first, last) {
        ("", last) => (size.saturating_sub(number(last)?), size),
        (first, "") => (number(first)?, size),
        (first, last) => (number(first)?, number(last)?.saturating_add(1).min(size)),
    };
    if start >= size || start >= end {
        return Err(Refusal::Range(size));
    }
    Ok(Some(start..end))
}
