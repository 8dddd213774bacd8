//! GetObject and HeadObject.

use hyper::StatusCode;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

use super::Api;
use crate::s3::bucket::{access_denied, no_such_key, precondition_failed, unlisted};
use crate::s3::clock;
use crate::s3::content::stream;
use crate::s3::describe::{get_output, head_output};
use crate::s3::object::Object;

/// The conditions of a read, in the order in which HTTP decides them.
struct Wanted {
    if_match: Option<IfMatch>,
    if_none_match: Option<IfNoneMatch>,
    if_modified_since: Option<IfModifiedSince>,
    if_unmodified_since: Option<IfUnmodifiedSince>,
}

impl Wanted {
    fn check(&self, object: &Object) -> S3Result<()> {
        let unmodified = |since: &Timestamp| object.modified <= clock::seconds(since);
        match (&self.if_match, &self.if_unmodified_since) {
            (Some(tag), _) if !object.etag.meets(tag) => return Err(precondition_failed()),
            (None, Some(since)) if !unmodified(since) => return Err(precondition_failed()),
            _ => {}
        }
        let same = match (&self.if_none_match, &self.if_modified_since) {
            (Some(tag), _) => object.etag.meets(tag),
            (None, Some(since)) => unmodified(since),
            (None, None) => false,
        };
        if same { Err(not_modified(object)) } else { Ok(()) }
    }
}

/// A 304 has no body, and says what is current.
fn not_modified(object: &Object) -> S3Error {
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    error.set_status_code(StatusCode::NOT_MODIFIED);
    let mut headers = hyper::HeaderMap::new();
    if let Ok(tag) = object.etag.dto().to_http_header() {
        headers.insert(hyper::header::ETAG, tag);
    }
    if let Ok(date) = httpdate::fmt_http_date(clock::system(object.modified)).parse() {
        headers.insert(hyper::header::LAST_MODIFIED, date);
    }
    error.set_headers(headers);
    error
}

/// The bytes that are asked for, and what `Content-Range` says of them.
struct Piece {
    bytes: std::ops::Range<u64>,
    content_range: Option<String>,
    parts: Option<i32>,
}

fn piece(object: &Object, range: Option<&Range>, part: Option<i32>) -> S3Result<Piece> {
    let size = object.content.len();
    let said = |bytes: &std::ops::Range<u64>| format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1);
    match (range, part) {
        (Some(_), Some(_)) => {
            Err(s3_error!(InvalidRequest, "Cannot specify both Range header and partNumber query parameter"))
        }
        (None, None) => Ok(Piece { bytes: 0..size, content_range: None, parts: None }),
        (Some(range), None) => {
            // An empty suffix of an empty object is no range that could be satisfied either.
            let bytes =
                range.check(size).ok().filter(|bytes| !bytes.is_empty()).ok_or_else(not_satisfiable)?;
            Ok(Piece { content_range: Some(said(&bytes)), bytes, parts: None })
        }
        (None, Some(part)) => {
            let sizes = object.extra.as_ref().map_or(&[][..], |extra| &extra.parts);
            let index = usize::try_from(part).ok().and_then(|part| part.checked_sub(1));
            let bytes = match (sizes, index) {
                ([], Some(0)) => 0..size,
                (sizes, Some(index)) if index < sizes.len() => {
                    let start = sizes[..index].iter().sum();
                    start..start + sizes[index]
                }
                _ => {
                    let what = "The requested partnumber is not satisfiable";
                    return Err(unlisted(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidPartNumber", what));
                }
            };
            let content_range = (!bytes.is_empty()).then(|| said(&bytes));
            let parts = (!sizes.is_empty()).then_some(sizes.len() as i32);
            Ok(Piece { bytes, content_range, parts })
        }
    }
}

fn not_satisfiable() -> S3Error {
    s3_error!(InvalidRange, "The requested range is not satisfiable")
}

fn checksums(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

impl Api {
    /// The current object, if the credentials may know of it.
    fn current(&self, bucket: &str, key: &str) -> S3Result<Object> {
        let found = self.0.with_bucket(bucket, |bucket| Ok(bucket.object(key).cloned()))?;
        found
            .ok_or_else(|| if self.0.settings().rights.list_bucket { no_such_key() } else { access_denied() })
    }

    pub(super) async fn get(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let object = self.current(&input.bucket, &input.key)?;
        let wanted = Wanted {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        wanted.check(&object)?;
        let piece = piece(&object, input.range.as_ref(), input.part_number)?;
        // The checksum is over the whole object, so a piece comes without it.
        let whole = piece.bytes == (0..object.content.len());
        let mut output = get_output(&object, whole && checksums(input.checksum_mode.as_ref()));
        output.content_length = Some((piece.bytes.end - piece.bytes.start) as i64);
        output.content_range = piece.content_range;
        output.parts_count = piece.parts;
        output.body = Some(stream(object.content.reader(piece.bytes)));
        Ok(S3Response::new(output))
    }

    pub(super) async fn head(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let object = self.current(&input.bucket, &input.key)?;
        let wanted = Wanted {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        wanted.check(&object)?;
        let piece = piece(&object, input.range.as_ref(), input.part_number)?;
        let whole = piece.bytes == (0..object.content.len());
        let mut output = head_output(&object, whole && checksums(input.checksum_mode.as_ref()));
        output.content_length = Some((piece.bytes.end - piece.bytes.start) as i64);
        output.parts_count = piece.parts;
        let partial = piece.content_range.is_some();
        output.content_range = piece.content_range;
        match partial {
            true => Ok(S3Response::with_status(output, StatusCode::PARTIAL_CONTENT)),
            false => Ok(S3Response::new(output)),
        }
    }
}
