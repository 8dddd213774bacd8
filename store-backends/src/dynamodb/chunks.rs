//! Chunks of large values.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::layer::retry::Retries;
use larder_store_core::record::{CHECK, Head};
use larder_store_core::{Call, Error, ErrorKind, Key, Op, Result};

use super::item::{self, BODY, Chunks, Item};
use super::name::{ALONE, SetId};
use super::wire::Wire;

impl Wire {
    /// Reads an item, or one attribute of it.
    pub(super) async fn fetch(
        &self,
        op: Op,
        call: &Call,
        key: Item,
        only: Option<&'static str>,
    ) -> Result<Option<Item>> {
        let live = self.live(op, call).await?;
        let request = live
            .sdk
            .get_item()
            .table_name(self.table())
            .set_key(Some(key))
            .set_projection_expression(only.map(str::to_owned))
            .consistent_read(true)
            .send();
        match self.read(op, call, &live, "dynamodb:GetItem", request).await? {
            Ok(found) => Ok(found.item),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Writes a chunk. One that was written before is the same.
    pub(super) async fn put_chunk(&self, op: Op, call: &Call, chunk: Item) -> Result<()> {
        let live = self.live(op, call).await?;
        let bytes = item::binary(&chunk, BODY).map_or(0, |body| body.len() as u64);
        let request = live.sdk.put_item().table_name(self.table()).set_item(Some(chunk)).send();
        // Base64 makes four bytes of three.
        match self.write(op, call, &live, "dynamodb:PutItem", bytes.div_ceil(3) * 4, request).await? {
            Ok(_) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Reads a chunk; `None` for one that is not there.
    async fn chunk(&self, op: Op, call: &Call, set: &SetId, number: u32) -> Result<Option<Bytes>> {
        let found = self.fetch(op, call, item::key(self.names.chunk(set, number), ALONE), Some(BODY)).await?;
        Ok(found.and_then(|mut chunk| item::take(&mut chunk, BODY)))
    }
}

/// Who reads the chunks of one version.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) wire: std::sync::Arc<Wire>,
    pub(super) retries: Retries,
    pub(super) op: Op,
    pub(super) call: Call,
    /// The partition of the head, by which it is known whether the version still stands.
    pub(super) pk: String,
    pub(super) head: std::sync::Arc<Head>,
    pub(super) chunks: Chunks,
}

impl Reader {
    fn key(&self) -> &Key {
        &self.head.key
    }

    /// A chunk, with as many attempts as there may be: one that fails is not to begin the value anew.
    pub(super) async fn chunk(&self, number: u32) -> Result<Bytes> {
        let (wire, op, call) = (&self.wire, self.op, &self.call);
        let set = &self.chunks.set;
        let found = self.retries.run(op, call, |_| wire.chunk(op, call, set, number)).await?;
        let Some(chunk) = found else { return Err(self.lost(number).await) };
        let range = self.chunks.range(number);
        if chunk.len() as u64 != range.end - range.start {
            let why =
                format!("chunk {number} has {} bytes instead of {}", chunk.len(), range.end - range.start);
            return Err(Error::new(ErrorKind::Corrupt, op, why));
        }
        Ok(chunk)
    }

    /// Why a chunk is not there: its value was replaced long ago, or it is damaged.
    async fn lost(&self, number: u32) -> Error {
        let (wire, op, call) = (&self.wire, self.op, &self.call);
        let head = || wire.in_the_way(op, call, self.key(), &self.pk, None);
        match self.retries.run(op, call, |_| head()).await {
            Ok(Some(found)) if found.chunks().is_some_and(|chunks| chunks.set == self.chunks.set) => {
                Error::new(ErrorKind::Corrupt, op, format!("chunk {number} of the value is gone"))
            }
            Ok(_) => Error::new(ErrorKind::Conflict, op, "the value was replaced while it was read"),
            Err(error) => error,
        }
    }

    /// A part of the body, from the chunks that cover it.
    pub(super) async fn body(&self, part: Range<u64>) -> Result<Bytes> {
        if part.is_empty() {
            return Ok(Bytes::new());
        }
        let numbers = self.covering(&part);
        let width = self.wire.config().parts_at_once;
        // Collected first: a lazy iterator of borrowing futures trips the compiler's `Send` analysis.
        let fetches: Vec<_> = numbers.clone().map(|number| self.chunk(number)).collect();
        let mut fetched = Box::pin(stream::iter(fetches).buffered(width));
        let mut body = BytesMut::new();
        let mut number = numbers.start;
        while let Some(chunk) = fetched.try_next().await? {
            let range = self.chunks.range(number);
            let (from, to) = (part.start.max(range.start), part.end.min(range.end));
            let piece = chunk.slice((from - range.start) as usize..(to - range.start) as usize);
            // One chunk alone is not copied.
            if numbers.len() == 1 {
                return Ok(piece);
            }
            if body.is_empty() {
                body.reserve((part.end - part.start) as usize);
            }
            body.extend_from_slice(&piece);
            number += 1;
        }
        Ok(body.freeze())
    }

    /// Which chunks have a part of the body, which is not empty.
    pub(super) fn covering(&self, part: &Range<u64>) -> Range<u32> {
        let number = |at: u64| (at / self.chunks.len).try_into().unwrap_or(u32::MAX);
        number(part.start)..number(part.end - 1).saturating_add(1)
    }

    /// A part of the value, verified.
    pub(super) async fn value(&self, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let cover = self.head.cover(range.clone());
        // What lies side by side is fetched at once; so is what is nearly so, as it is in the same chunks.
        let (raw, index) = (self.covering(&cover.raw), self.covering(&cover.index));
        let (raw, checks) = match raw.end >= index.start {
            true => {
                let all = self.body(cover.raw.start..cover.index.end).await?;
                let at = (cover.index.start - cover.raw.start) as usize;
                (all.slice(..(cover.raw.end - cover.raw.start) as usize), all.slice(at..))
            }
            false => {
                futures_util::future::try_join(self.body(cover.raw.clone()), self.body(cover.index.clone()))
                    .await?
            }
        };
        debug_assert_eq!(checks.len() % CHECK, 0);
        self.head.binding().verify(cover.first_block, &raw, &checks)?;
        let from = (range.start - cover.raw.start) as usize;
        Ok(raw.slice(from..from + (range.end - range.start) as usize))
    }
}
