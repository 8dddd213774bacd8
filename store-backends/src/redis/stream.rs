//! Reading values as streams.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::record::{BLOCK, CHECK};
use larder_store_core::{ByteStream, Call, Error, ErrorKind, GetOptions, Got, Key, Op, Result, derived};

use super::read::{Found, Look, damaged};
use super::upload::PART;
use super::wire::Wire;

/// Bytes of a value whose checks are fetched at once: 64 KiB of checks.
const WINDOW: u64 = 8192 * BLOCK as u64;
/// Parts of a stream that are in memory: the one that is read, and the one behind it.
const AHEAD: usize = 2;

/// Opens the value of `key` for streaming.
pub(super) async fn get_stream(
    wire: &Arc<Wire>,
    op: Op,
    key: &Key,
    options: &GetOptions,
) -> Result<Got<ByteStream>> {
    wire.guarantees.check_get(op, key, options)?;
    wire.home(op, &options.call, false).await?;
    let found = match wire.begin_get(op, key, options).await? {
        Look::Got(got) => return Ok(got.map(derived::pieces)),
        Look::Found(found) => found,
    };
    let raw_len = found.head.raw_len;
    let rest = options.range.map_or(Ok(0..raw_len), |range| range.resolve(raw_len))?;
    let meta = found.meta();
    let windows =
        Windows { wire: wire.clone(), op, call: options.call.clone(), found: Arc::new(found), rest };
    let body = stream::unfold(Some(windows), |windows| async move {
        let mut windows = windows.filter(|windows| !windows.rest.is_empty())?;
        match windows.next().await {
            Ok(body) => Some((Ok(body), Some(windows))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let (wire, key) = (wire.clone(), key.clone());
    let body = body.try_flatten().map_err(move |error| wire.named(op, &key)(error));
    Ok(Got::found(meta, body.boxed()))
}

/// The parts of the version that was opened are no more.
fn gone(op: Op) -> Error {
    Error::new(ErrorKind::Conflict, op, "the value was replaced while it was read, and its parts are gone")
}

struct Windows {
    wire: Arc<Wire>,
    op: Op,
    call: Call,
    found: Arc<Found>,
    /// What of the value is still to come.
    rest: Range<u64>,
}

impl Windows {
    /// A stretch of the value, whose checks are fetched before it.
    async fn next(&mut self) -> Result<ByteStream> {
        let until = ((self.rest.start / WINDOW + 1) * WINDOW).min(self.rest.end);
        let wanted = std::mem::replace(&mut self.rest.start, until)..until;
        let (wire, found, op, call) = (self.wire.clone(), self.found.clone(), self.op, self.call.clone());
        let head = &found.head;
        if head.parts.is_none() {
            return Err(damaged("it is said to stand in parts, and has none"));
        }
        let cover = head.cover(wanted.clone());
        let checks =
            wire.body(op, &call, &head.key, head, cover.index.clone()).await?.ok_or_else(|| gone(op))?;
        // Blocks that lie in one part come together.
        let starts = (cover.raw.start / PART * PART..cover.raw.end).step_by(PART as usize);
        let pieces = starts.map(move |start| {
            let raw = start.max(cover.raw.start)..(start + PART).min(cover.raw.end);
            let first = raw.start / BLOCK as u64;
            let at = (first - cover.first_block) as usize * CHECK;
            let count = (raw.end - raw.start).div_ceil(BLOCK as u64) as usize;
            let checks = checks.slice(at..at + count * CHECK);
            let piece =
                Piece { wire: wire.clone(), op, call: call.clone(), found: found.clone(), raw, checks };
            piece.read(wanted.clone())
        });
        Ok(stream::iter(pieces).buffered(AHEAD).boxed())
    }
}

/// Blocks of a part that are checked before they are handed on.
struct Piece {
    wire: Arc<Wire>,
    op: Op,
    call: Call,
    found: Arc<Found>,
    raw: Range<u64>,
    checks: Bytes,
}

impl Piece {
    async fn read(self, wanted: Range<u64>) -> Result<Bytes> {
        let Piece { wire, op, call, found, raw, checks } = self;
        let head = &found.head;
        let bytes = wire.body(op, &call, &head.key, head, raw.clone()).await?.ok_or_else(|| gone(op))?;
        head.binding().verify(raw.start / BLOCK as u64, &bytes, &checks)?;
        let at = |n: u64| (n.clamp(raw.start, raw.end) - raw.start) as usize;
        Ok(bytes.slice(at(wanted.start)..at(wanted.end)))
    }
}
