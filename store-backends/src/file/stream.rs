//! Reading values as streams.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_store_core::record::BLOCK;
use larder_store_core::{ByteStream, Call, Error, ErrorKind, GetOptions, Got, Key, Op, Result};

use super::handle::Handle;
use super::path::KeyPath;
use super::read::{Body, Found, find};
use super::root::Root;

/// How many bytes of the value one read brings, all of them whole blocks but at the value's ends.
const PIECE: u64 = 16 * BLOCK as u64;

/// Opens the value of `key` for streaming.
pub(super) fn open(
    handle: &Arc<Handle>,
    root: &Root,
    op: Op,
    key: &Key,
    path: &KeyPath,
    options: &GetOptions,
) -> Result<Got<ByteStream>> {
    let Some(found) = find(handle, root, op, key, path)? else { return Ok(Got::Absent) };
    if let Some(version) = &found.meta.version
        && !options.admits(version)?
    {
        return Ok(Got::Unchanged(found.meta));
    }
    let size = found.body.len(&found.source);
    let range = options.range.map_or(Ok(0..size), |range| range.resolve(size))?;
    let meta = found.meta.clone();
    let pieces = Pieces {
        found: Arc::new(found),
        rest: range,
        handle: handle.clone(),
        call: options.call.clone(),
        key: key.clone(),
    };
    Ok(Got::found(meta, stream::unfold(Some(pieces), next).boxed()))
}

/// A stream under way. It holds the file open, so whatever happens to the name, it stays the version that was opened.
struct Pieces {
    found: Arc<Found>,
    rest: Range<u64>,
    handle: Arc<Handle>,
    call: Call,
    key: Key,
}

async fn next(pieces: Option<Pieces>) -> Option<(Result<Bytes>, Option<Pieces>)> {
    let mut pieces = pieces.filter(|pieces| !pieces.rest.is_empty())?;
    let (start, end) = (pieces.rest.start, pieces.rest.end);
    // Up to the end of a block, so that no block is read twice.
    let until = ((start / PIECE + 1) * PIECE).min(end);
    let op = Op::GetStream;
    let found = pieces.found.clone();
    let env = &pieces.handle.env;
    // Not through the handle: a stream outlives the store that it came from.
    let read = env.blocking(op, &pieces.handle.inflight, move || {
        let piece = found.read(op, start..until, false)?;
        still(op, &found)?;
        Ok(piece)
    });
    match pieces.call.guard(env, op, read).await {
        Ok(piece) => {
            pieces.rest.start = until;
            Some((Ok(piece), Some(pieces)))
        }
        Err(error) => Some((Err(pieces.handle.named(op, &pieces.key)(error)), None)),
    }
}

/// Whether a file that others may change in place is still what it was when the stream began.
fn still(op: Op, found: &Found) -> Result<()> {
    match &found.body {
        Body::Raw(tag) if !tag.still(op, &found.source.file)? => {
            Err(Error::new(ErrorKind::Conflict, op, "the file was changed while it was read"))
        }
        _ => Ok(()),
    }
}
