//! Versions as entity tags, and the conditions that name them.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use larder::{Meta, Version};

use crate::status::Failure;

/// The tag of a value: opaque to clients, a version to us.
pub(crate) fn of(version: &Version) -> String {
    let mut tag = String::from("\"");
    for byte in version.to_string().bytes() {
        match byte {
            b'"' | b'%' | b',' | 0..=0x20 | 0x7f.. => tag.push_str(&format!("%{byte:02x}")),
            byte => tag.push(char::from(byte)),
        }
    }
    tag.push('"');
    tag
}

/// The header of a value that has a version.
pub(crate) fn header(meta: &Meta) -> Option<HeaderValue> {
    HeaderValue::from_str(&of(meta.version.as_ref()?)).ok()
}

/// The version behind a tag; `None` for one that is not ours, which matches nothing.
fn parse(tag: &str) -> Option<Version> {
    let tag = tag.trim();
    // Weak or not: our tags are of bytes.
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let tag = tag.strip_prefix('"')?.strip_suffix('"')?;
    let mut bytes = Vec::with_capacity(tag.len());
    let mut rest = tag.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                (digit(rest.next()?)? * 16 + digit(rest.next()?)?) as u8
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()?.parse().ok()
}

/// What an `If-Match` or `If-None-Match` names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Names {
    /// Any value.
    Any,
    /// One of these; tags that are not ours are left out.
    These(Vec<Version>),
}

/// The condition of this header, if the request has it.
pub(crate) fn names(headers: &HeaderMap, name: HeaderName) -> Result<Option<Names>, Failure> {
    let mut these = None;
    for value in headers.get_all(&name) {
        let text = value.to_str().map_err(|_| Failure::bad(format!("{name} is no text")))?;
        if text.trim() == "*" {
            return Ok(Some(Names::Any));
        }
        // Our own tags hold no comma; one that does is none of ours.
        these.get_or_insert_with(Vec::new).extend(text.split(',').filter_map(parse));
    }
    Ok(these.map(Names::These))
}

/// The version of an `If-Range`; a date names none.
pub(crate) fn if_range(headers: &HeaderMap) -> Option<Option<Version>> {
    let value = headers.get(axum::http::header::IF_RANGE)?;
    Some(value.to_str().ok().filter(|tag| !tag.starts_with("W/")).and_then(parse))
}

#[cfg(test)]
mod tests {
    use axum::http::header::IF_MATCH;
    use larder::WriteId;

    use super::*;

    fn id(n: u8) -> WriteId {
        WriteId::from_bytes([n; 16])
    }

    #[test]
    fn a_tag_is_a_version_and_back() {
        for version in [
            Version::of_write(id(1), [id(2), id(3)]),
            Version::of_service("\"a,b\" %é\u{7f}", Some(id(4)), []),
        ] {
            let tag = of(&version);
            assert!(HeaderValue::from_str(&tag).is_ok());
            let inside = &tag[1..tag.len() - 1];
            assert!(inside.bytes().all(|b| b > 0x20 && b < 0x7f && b != b'"' && b != b','), "{tag}");
            let back = parse(&tag).unwrap();
            assert_eq!((&back, back.predecessors()), (&version, version.predecessors()));
            assert_eq!(parse(&format!("W/{tag}")), Some(version));
        }
        for bad in ["", "\"", "abc", "\"abc\"", "\"%4\"", "\"W:zz\""] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn conditions() {
        let (a, b) = (Version::of_write(id(1), []), Version::of_write(id(2), []));
        let mut headers = HeaderMap::new();
        assert_eq!(names(&headers, IF_MATCH).unwrap(), None);
        headers.insert(IF_MATCH, format!("{} , \"other\", {}", of(&a), of(&b)).parse().unwrap());
        assert_eq!(names(&headers, IF_MATCH).unwrap(), Some(Names::These(vec![a, b])));
        headers.insert(IF_MATCH, " * ".parse().unwrap());
        assert_eq!(names(&headers, IF_MATCH).unwrap(), Some(Names::Any));
        headers.insert(IF_MATCH, "\"foreign\"".parse().unwrap());
        assert_eq!(names(&headers, IF_MATCH).unwrap(), Some(Names::These(vec![])));
    }
}
