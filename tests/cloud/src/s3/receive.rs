//! Takes the body of a request in, and holds it against all that is said about it.

use futures_util::StreamExt as _;
use hyper::{HeaderMap, StatusCode};
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3Result, StdError, TrailingHeaders, s3_error};

use super::bucket::unlisted;
use super::etag::Etag;
use super::sums::{Expected, Kind, Summing, Sums};
use crate::content::{Content, Spool};

/// The most that one request may put: S3's own limit.
const LARGEST: u64 = 5 << 30;

pub(super) struct Received {
    pub(super) content: Content,
    pub(super) etag: Etag,
    pub(super) sums: Sums,
    /// The checksum that the client sent itself.
    pub(super) sent: Option<Kind>,
}

pub(super) async fn receive(
    spool: &Spool,
    headers: &HeaderMap,
    trailers: Option<TrailingHeaders>,
    length: Option<i64>,
    body: Option<StreamingBlob>,
) -> S3Result<Received> {
    let expected = Expected::of(headers)?;
    let said_md5 = content_md5(headers)?;
    let Taken { content, taken, md5, sums } = take(spool, expected.kind(), body).await?;
    if length.is_some_and(|length| u64::try_from(length) != Ok(taken)) {
        return Err(incomplete());
    }
    if said_md5.is_some_and(|said| said != md5) {
        return Err(s3_error!(BadDigest, "The Content-MD5 you specified did not match what we received."));
    }
    let said = match (expected.said, expected.trailer) {
        (Some(said), _) => Some(said),
        (None, Some(kind)) => Some((kind, trailer(trailers.as_ref(), kind)?)),
        (None, None) => None,
    };
    if let Some((kind, value)) = &said
        && sums.get(*kind) != Some(&value[..])
    {
        return Err(s3_error!(
            BadDigest,
            "The {} you specified did not match what we received.",
            kind.name()
        ));
    }
    let sent = said.map(|(kind, _)| kind);
    Ok(Received { content, etag: Etag::whole(md5), sums, sent })
}

/// Bytes of an object of this server, as if they had been sent.
pub(super) async fn copied(spool: &Spool, kind: Option<Kind>, body: StreamingBlob) -> S3Result<Received> {
    let Taken { content, md5, sums, .. } = take(spool, kind, Some(body)).await?;
    Ok(Received { content, etag: Etag::whole(md5), sums, sent: kind })
}

/// A body that is here, and what it sums to.
struct Taken {
    content: Content,
    taken: u64,
    md5: [u8; 16],
    sums: Sums,
}

async fn take(spool: &Spool, kind: Option<Kind>, body: Option<StreamingBlob>) -> S3Result<Taken> {
    let mut writer = spool.writer();
    let mut md5 = Md5::new();
    let mut summing = Summing::new(kind);
    let mut taken = 0_u64;
    if let Some(mut body) = body {
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(|source| broken(&source))?;
            taken += piece.len() as u64;
            if taken > LARGEST {
                return Err(s3_error!(
                    EntityTooLarge,
                    "Your proposed upload exceeds the maximum allowed size"
                ));
            }
            md5.update(&piece);
            summing.update(&piece);
            writer.write(&piece).map_err(S3Error::internal_error)?;
        }
    }
    Ok(Taken { content: writer.finish(), taken, md5: md5.finalize(), sums: summing.finish() })
}

/// Holds a list of keys, which is not stored, against the digest that it came with.
pub(super) fn check_list(headers: &HeaderMap, list: &[u8]) -> S3Result<()> {
    let expected = Expected::of(headers)?;
    let mut summing = Summing::new(expected.kind());
    summing.update(list);
    let sums = summing.finish();
    let wrong_sum = expected.said.is_some_and(|(kind, said)| sums.get(kind) != Some(&said[..]));
    if wrong_sum || content_md5(headers)?.is_some_and(|said| said != Md5::checksum(list)) {
        return Err(s3_error!(BadDigest, "The digest you specified did not match what we received."));
    }
    Ok(())
}

fn content_md5(headers: &HeaderMap) -> S3Result<Option<[u8; 16]>> {
    let Some(value) = headers.get("content-md5") else { return Ok(None) };
    let decoded =
        base64_simd::STANDARD.decode_to_vec(value.as_bytes()).ok().and_then(|md5| md5.try_into().ok());
    match decoded {
        Some(md5) => Ok(Some(md5)),
        None => Err(s3_error!(InvalidDigest, "The Content-MD5 you specified was invalid.")),
    }
}

fn trailer(trailers: Option<&TrailingHeaders>, kind: Kind) -> S3Result<Vec<u8>> {
    let value = trailers.and_then(|trailers| {
        trailers.read(|headers| {
            headers.get(kind.header()).and_then(|value| value.to_str().ok()).map(str::to_owned)
        })
    });
    match value.flatten() {
        Some(value) => kind.parse(&value),
        None => {
            let what = "The request contained trailing data that was not well-formed or did not conform to our schema.";
            Err(unlisted(StatusCode::BAD_REQUEST, "MalformedTrailerError", what))
        }
    }
}

fn incomplete() -> S3Error {
    s3_error!(
        IncompleteBody,
        "You did not provide the number of bytes specified by the Content-Length HTTP header"
    )
}

/// The streams that check signatures on the way tell what is wrong only by their text.
fn broken(source: &StdError) -> S3Error {
    let text = source.to_string();
    if text.contains("Sha256Mismatch") {
        let what = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        unlisted(StatusCode::BAD_REQUEST, "XAmzContentSHA256Mismatch", what)
    } else if text.contains("SignatureMismatch") {
        s3_error!(SignatureDoesNotMatch, "The signature of a chunk does not match")
    } else if text.contains("FormatError") {
        s3_error!(InvalidRequest, "The chunked body is malformed")
    } else {
        incomplete()
    }
}
