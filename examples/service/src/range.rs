//! `Range: bytes=…`.

use axum::http::{HeaderMap, header};
use larder::ByteRange;

/// The part that is asked for. Several parts, and what is no range, are as if nothing had been asked: the whole value.
pub(crate) fn asked(headers: &HeaderMap) -> Option<ByteRange> {
    let text = headers.get(header::RANGE)?.to_str().ok()?;
    let part = text.trim().strip_prefix("bytes=")?.trim();
    let (first, last) = part.split_once('-')?;
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    match (first, last) {
        ("", last) => Some(ByteRange::suffix(number(last)?)),
        (first, "") => Some(ByteRange::from(number(first)?..)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| ByteRange::from(first..last.saturating_add(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, text.parse().unwrap());
            asked(&headers)
        };
        assert_eq!(of("bytes=0-0"), Some((0..1).into()));
        assert_eq!(of("bytes=5-"), Some((5..).into()));
        assert_eq!(of("bytes=-7"), Some(ByteRange::suffix(7)));
        assert_eq!(of("bytes=3-18446744073709551615"), Some((3..u64::MAX).into()));
        for none in
            ["bytes=", "bytes=-", "bytes=4-3", "bytes=1-2,4-5", "items=1-2", "bytes=a-b", "bytes=+1-2"]
        {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
