//! Attributes as headers, and back.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use larder::{Attributes, Meta, Native};

use crate::etag;
use crate::status::Failure;

/// The native attributes of a value that is put.
pub(crate) fn attributes(headers: &HeaderMap) -> Result<Attributes, Failure> {
    let mut attributes = Attributes::new();
    for field in Native::ALL {
        if let Some(value) = headers.get(field.header()) {
            let value = value.to_str().map_err(|_| Failure::bad(format!("{} is no text", field.header())))?;
            attributes = attributes.set_native(field, value);
        }
    }
    Ok(attributes)
}

/// The headers of a value that is read.
pub(crate) fn of(meta: &Meta) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(tag) = etag::header(meta) {
        headers.insert(header::ETAG, tag);
    }
    if let Some(modified) = meta.modified
        && let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(modified))
    {
        headers.insert(header::LAST_MODIFIED, date);
    }
    for field in Native::ALL {
        let value = meta.attributes.as_ref().and_then(|attributes| attributes.native(field));
        // What another writer put there need not be a header's text.
        if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
            headers.insert(HeaderName::from_static(field.header()), value);
        }
    }
    headers
}
