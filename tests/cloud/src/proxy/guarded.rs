//! Which bytes of a request go with a checksum, so that a change of one is seen.

use std::ops::Range;

use super::http::Head;
use super::speech::Speech;

/// Where they are in a request that is whole.
pub(super) fn guarded(speech: Speech, head: &Head, bytes: &[u8]) -> Vec<Range<usize>> {
    let body = head.len..bytes.len();
    let places = match speech {
        Speech::S3 => {
            let sums = |name: &str| name.starts_with("x-amz-checksum-") || name == "content-md5";
            head.headers.iter().any(|(name, _)| sums(name)).then(|| vec![body])
        }
        // Of the pieces of an upload the last one brings the sum of all.
        Speech::Gcs if head.first.starts_with("PUT ") => Some(vec![body]),
        Speech::Gcs => media(head, bytes),
        // The signature covers the body; emulators that check none would keep what is damaged.
        Speech::DynamoDb | Speech::Resp => None,
    };
    places.unwrap_or_default().into_iter().filter(|place| !place.is_empty()).collect()
}

/// The value in an upload of one request: the second part, whose sum stands in another one.
fn media(head: &Head, bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    let kind = head.header("content-type").filter(|kind| kind.starts_with("multipart/related"))?;
    let end = format!("\r\n--{}", kind.split_once("boundary=")?.1.trim_matches('"'));
    let data = data(head, bytes)?;
    let plain: Vec<u8> = data.iter().flat_map(|place| &bytes[place.clone()]).copied().collect();
    let find = |what: &[u8], from: usize| {
        Some(from + plain.get(from..)?.windows(what.len()).position(|here| here == what)?)
    };
    let second = find(end.as_bytes(), 0)? + end.len();
    let from = find(b"\r\n\r\n", second)? + 4;
    let to = find(end.as_bytes(), from)?;
    let mut passed = 0;
    let places = data.into_iter().map(|place| {
        let at = passed;
        passed += place.len();
        let within = |mark: usize| place.start + mark.clamp(at, passed) - at;
        within(from)..within(to)
    });
    Some(places.collect())
}

/// The bytes of a body without what chunks put around them (RFC 9112, 7.1).
fn data(head: &Head, bytes: &[u8]) -> Option<Vec<Range<usize>>> {
    if !head.has("transfer-encoding", "chunked") {
        let whole = head.len..bytes.len();
        return Some(vec![whole]);
    }
    let (mut at, mut places) = (head.len, Vec::new());
    loop {
        let line = bytes.get(at..)?.windows(2).position(|here| here == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(places);
        }
        let from = at + line + 2;
        places.push(from..from + size);
        at = from + size + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::http::request;
    use crate::proxy::reader::Reader;

    async fn of(speech: Speech, text: &str) -> Vec<String> {
        let request = request(speech, &mut Reader::new(text.as_bytes())).await.unwrap().unwrap();
        let shown =
            |place: &Range<usize>| String::from_utf8_lossy(&request.bytes[place.clone()]).into_owned();
        request.guarded.iter().map(shown).collect()
    }

    #[tokio::test]
    async fn only_what_has_a_sum() {
        let put = |header: &str| format!("PUT /b/k HTTP/1.1\r\n{header}content-length: 2\r\n\r\nab");
        assert_eq!(of(Speech::S3, &put("x-amz-checksum-crc32: x\r\n")).await, ["ab"]);
        assert!(of(Speech::S3, &put("")).await.is_empty());
        assert!(of(Speech::DynamoDb, &put("")).await.is_empty());
        assert_eq!(of(Speech::Gcs, &put("content-range: bytes 0-1/*\r\n")).await, ["ab"]);
        assert!(of(Speech::Gcs, "PUT /u HTTP/1.1\r\ncontent-length: 0\r\n\r\n").await.is_empty());
    }

    #[tokio::test]
    async fn the_value_alone_of_an_upload_in_parts() {
        let parts = ["--b\r\na: b\r\n\r\n{}\r\n--b\r\nc: d\r\n\r\nva", "l\r\nue", "\r\n--b--\r\n"];
        let kind = "content-type: multipart/related; boundary=b";
        let chunks: String = parts.iter().map(|part| format!("{:x}\r\n{part}\r\n", part.len())).collect();
        let text =
            format!("POST /u HTTP/1.1\r\n{kind}\r\ntransfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n");
        assert_eq!(of(Speech::Gcs, &text).await, ["va", "l\r\nue"]);
        let whole = parts.concat();
        let text = format!("POST /u HTTP/1.1\r\n{kind}\r\ncontent-length: {}\r\n\r\n{whole}", whole.len());
        assert_eq!(of(Speech::Gcs, &text).await, ["val\r\nue"]);
        let text = "POST /u HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        assert!(of(Speech::Gcs, text).await.is_empty());
    }
}
