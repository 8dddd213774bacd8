//! Streams of bytes from whole values and back.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::error::{Error, ErrorKind, Op, Result};
use crate::key::Key;
use crate::options::{GetOptions, PutOptions};
use crate::outcome::{ByteStream, Got, Written};
use crate::store::Store;

/// How large a piece [`pieces`] cuts.
const PIECE: usize = 64 * 1024;

/// A value as a stream, in pieces of 64 KiB that share its memory.
pub fn pieces(mut value: Bytes) -> ByteStream {
    let cut = std::iter::from_fn(move || {
        let piece = value.split_to(value.len().min(PIECE));
        (!piece.is_empty()).then_some(Ok(piece))
    });
    stream::iter(cut).boxed()
}

/// A stream as a value, of at most `limit` bytes.
///
/// # Errors
/// Those of the stream; [`ErrorKind::Unsupported`] above `limit`.
pub async fn collect(mut body: ByteStream, limit: u64) -> Result<Bytes> {
    let mut whole = BytesMut::new();
    let mut first = None;
    while let Some(piece) = body.try_next().await? {
        if (whole.len() + first.as_ref().map_or(0, Bytes::len) + piece.len()) as u64 > limit {
            let why = format!("the stream is longer than the {limit} bytes that are taken");
            return Err(Error::new(ErrorKind::Unsupported, Op::PutStream, why));
        }
        // One piece alone is not copied.
        match (first.take(), whole.is_empty()) {
            (None, true) => first = Some(piece),
            (Some(head), _) => {
                whole.extend_from_slice(&head);
                whole.extend_from_slice(&piece);
            }
            (None, false) => whole.extend_from_slice(&piece),
        }
    }
    Ok(first.unwrap_or_else(|| whole.freeze()))
}

/// A streamed get by a whole one. Only for stores that hold values in memory anyway.
///
/// # Errors
/// Those of the get.
pub async fn stream_by_get<S: Store + ?Sized>(
    store: &S,
    key: &Key,
    options: &GetOptions,
) -> Result<Got<ByteStream>> {
    let got = store.get_opts(key, options).await.map_err(|e| e.during(Op::GetStream))?;
    Ok(got.map(pieces))
}

/// A whole get by a streamed one.
///
/// # Errors
/// Those of the get and its stream.
pub async fn get_by_stream<S: Store + ?Sized>(
    store: &S,
    key: &Key,
    options: &GetOptions,
) -> Result<Got<Bytes>> {
    match store.get_stream_opts(key, options).await.map_err(|e| e.during(Op::Get))? {
        Got::Absent => Ok(Got::Absent),
        Got::Unchanged(meta) => Ok(Got::Unchanged(meta)),
        Got::Found { meta, body, served } => {
            let body = collect(body, u64::MAX).await.map_err(|e| e.during(Op::Get))?;
            Ok(Got::Found { meta, body, served })
        }
    }
}

/// A streamed put by a whole one. Only for stores that hold values in memory anyway.
///
/// # Errors
/// Those of the stream and the put; [`ErrorKind::Invalid`] if the stream brought another size than the hint says.
pub async fn put_stream_by_put<S: Store + ?Sized>(
    store: &S,
    key: &Key,
    body: ByteStream,
    options: &PutOptions,
) -> Result<Written> {
    let op = Op::PutStream;
    store.guarantees().check_put(op, key, options, options.size_hint).map_err(|e| e.at(store.id()))?;
    let value = collect(body, store.guarantees().max_value).await.map_err(|e| e.at(store.id()).on(key))?;
    store.put_opts(key, value, options).await.map_err(|e| e.during(op))
}
