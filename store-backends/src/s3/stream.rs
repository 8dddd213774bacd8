//! Reading values as streams.

use std::ops::Range;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream as Body;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::record::{BLOCK, CHECK, Cover};
use larder_store_core::{ByteStream, Call, Error, ErrorKind, GetOptions, Got, Key, Op, Result};

use super::client::Live;
use super::config::Layout;
use super::read::{Found, Sought, cut};
use super::record::{self, Asked, Begun, WINDOW};
use super::wire::Wire;

/// Opens the value of `key` for streaming.
pub(super) async fn get_stream(
    wire: &Arc<Wire>,
    op: Op,
    key: &Key,
    options: &GetOptions,
) -> Result<Got<ByteStream>> {
    wire.guarantees.check_get(op, key, options)?;
    let name = wire.names.of(op, key)?;
    if wire.layout_of(key) == Layout::Record {
        return records(wire, op, key, name, options).await;
    }
    let Found { object, body, live } = match wire.find(op, key, &name, options).await? {
        Sought::Found(found) => found,
        Sought::Got(got) => return Ok(got),
    };
    let len =
        options.range.map_or(Ok(object.size), |range| range.resolve(object.size).map(|r| r.end - r.start))?;
    let pieces = Pieces { wire: wire.clone(), op, call: options.call.clone(), body, live, left: len };
    Ok(Got::found(object.into_meta(key), named(wire, op, key, pieces.stream())))
}

/// Names store and key in the errors of a stream.
fn named(wire: &Arc<Wire>, op: Op, key: &Key, body: ByteStream) -> ByteStream {
    let (wire, key) = (wire.clone(), key.clone());
    body.map_err(move |error| wire.named(op, &key)(error)).boxed()
}

/// A body under way.
struct Pieces {
    wire: Arc<Wire>,
    op: Op,
    call: Call,
    body: Body,
    live: Arc<Live>,
    /// Bytes that are still to come.
    left: u64,
}

impl Pieces {
    fn stream(self) -> ByteStream {
        stream::unfold(Some(self), |pieces| async move {
            let mut pieces = pieces?;
            match pieces.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(pieces))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        let piece = match self.wire.piece(self.op, &self.call, self.body.next()).await? {
            Some(Ok(piece)) => piece,
            Some(Err(e)) => {
                self.wire.broke(&self.live);
                return Err(cut(self.op, &e));
            }
            None if self.left == 0 => return Ok(None),
            None => {
                self.wire.broke(&self.live);
                let why = format!("the value broke off on its way, {} bytes before its end", self.left);
                return Err(Error::new(ErrorKind::Unavailable, self.op, why));
            }
        };
        let more = || Error::new(ErrorKind::Unavailable, self.op, "more bytes came than were promised");
        self.left = self.left.checked_sub(piece.len() as u64).ok_or_else(more)?;
        Ok(Some(piece))
    }
}

/// A record as a stream: windows of blocks, each with its checks fetched before it.
async fn records(
    wire: &Arc<Wire>,
    op: Op,
    key: &Key,
    name: String,
    options: &GetOptions,
) -> Result<Got<ByteStream>> {
    let begun = match record::begin(wire, op, key, &name, options, false).await? {
        Asked::Begun(begun) => begun,
        Asked::Got(got) => return Ok(got),
    };
    let (meta, raw_len) = (begun.meta(), begun.head.raw_len);
    let rest = options.range.map_or(Ok(0..raw_len), |range| range.resolve(raw_len))?;
    let windows =
        Windows { wire: wire.clone(), op, call: options.call.clone(), name, begun: Arc::new(begun), rest };
    let body = stream::unfold(Some(windows), |windows| async move {
        let mut windows = windows.filter(|windows| !windows.rest.is_empty())?;
        match windows.next().await {
            Ok(body) => Some((Ok(body), Some(windows))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Ok(Got::found(meta, named(wire, op, key, body.try_flatten().boxed())))
}

struct Windows {
    wire: Arc<Wire>,
    op: Op,
    call: Call,
    name: String,
    begun: Arc<Begun>,
    /// What of the value is still to come.
    rest: Range<u64>,
}

impl Windows {
    async fn next(&mut self) -> Result<ByteStream> {
        let until = ((self.rest.start / WINDOW + 1) * WINDOW).min(self.rest.end);
        let wanted = std::mem::replace(&mut self.rest.start, until)..until;
        let begun = self.begun.clone();
        let cover = begun.head.cover(wanted.clone());
        // A small value came with its head.
        if begun.first.len() as u64 == begun.size {
            let value = begun.head.open(&begun.first[begun.head_len as usize..])?;
            let start = begun.head_len as usize;
            let value = begun.first.slice(start..start + value.len());
            return Ok(larder_store_core::derived::pieces(
                value.slice(wanted.start as usize..wanted.end as usize),
            ));
        }
        let part = |at: &Range<u64>| begun.head_len + at.start..begun.head_len + at.end;
        let (wire, op, call, etag) = (&self.wire, self.op, &self.call, &begun.etag);
        let checks = record::fetch(wire, op, call, &self.name, etag, part(&cover.index)).await?;
        let len = cover.raw.end - cover.raw.start;
        let Found { body, live, .. } =
            record::open(wire, op, call, &self.name, etag, part(&cover.raw)).await?;
        let pieces = Pieces { wire: wire.clone(), op, call: call.clone(), body, live, left: len };
        let verified = Verified {
            inner: pieces.stream(),
            begun: begun.clone(),
            checks,
            cover,
            wanted,
            block: BytesMut::new(),
            at: 0,
        };
        Ok(stream::unfold(Some(verified), |verified| async move {
            let mut verified = verified?;
            match verified.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(verified))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed())
    }
}

/// Blocks that are checked before they are handed on.
struct Verified {
    inner: ByteStream,
    begun: Arc<Begun>,
    checks: Bytes,
    cover: Cover,
    wanted: Range<u64>,
    block: BytesMut,
    /// Blocks handed on.
    at: u64,
}

impl Verified {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let start = self.cover.raw.start + self.at * BLOCK as u64;
        if start >= self.cover.raw.end {
            // The end of the body, where the service's own check would speak.
            return self.inner.try_next().await.map(|_| None);
        }
        let len = (self.cover.raw.end - start).min(BLOCK as u64) as usize;
        while self.block.len() < len {
            match self.inner.try_next().await? {
                Some(piece) => self.block.extend_from_slice(&piece),
                None => return Ok(None),
            }
        }
        let block = self.block.split_to(len).freeze();
        let check = self.at as usize * CHECK;
        let number = self.cover.first_block + self.at;
        self.begun.head.binding().verify(number, &block, &self.checks[check..check + CHECK])?;
        self.at += 1;
        let from = self.wanted.start.saturating_sub(start) as usize;
        let to = (self.wanted.end - start).min(len as u64) as usize;
        Ok(Some(block.slice(from..to)))
    }
}
