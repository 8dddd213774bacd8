//! Reading values as streams.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::record::{BLOCK, CHECK};
use larder_store_core::{ByteStream, Error, ErrorKind, GetOptions, Got, Key, Op, Result, derived};

use super::chunks::Reader;
use super::item;
use super::read::{RECORD, Sought, small};
use super::single::Single;

impl Single {
    /// Opens the value of `key` for streaming.
    pub(super) async fn get_stream(
        &self,
        op: Op,
        key: &Key,
        options: &GetOptions,
    ) -> Result<Got<ByteStream>> {
        let wire = &self.wire;
        wire.guarantees.check_get(op, key, options)?;
        let pk = wire.home(op, &options.call, key, false).await?;
        let item = wire.fetch(op, &options.call, item::key(&*pk, key.as_bytes()), Some(RECORD)).await?;
        let value = match self.seek(op, key, pk, item, options)? {
            Sought::Value(value) => value,
            Sought::Got(got) => return Ok(got),
        };
        let raw_len = value.found.head.raw_len;
        let range =
            options.range.map_or(Ok(0..raw_len), |range| range.resolve(raw_len)).map_err(|e| e.during(op))?;
        let meta = value.found.head.meta(value.found.stored_size());
        let body = match self.reader(op, &value, options) {
            None => derived::pieces(small(&value)?.slice(range.start as usize..range.end as usize)),
            Some(reader) => {
                let (wire, key) = (wire.clone(), key.clone());
                chunked(reader, range).map_err(move |error| wire.named(op, &key)(error)).boxed()
            }
        };
        Ok(Got::found(meta, body))
    }
}

/// The checks of a range, and who reads the chunks that they are for.
struct Checked {
    reader: Reader,
    first_block: u64,
    checks: Bytes,
}

/// Chunk by chunk, some ahead of the reader, each verified before it is handed on. The checks of the whole range come
/// first: 8 bytes for each 64 KiB.
fn chunked(reader: Reader, range: Range<u64>) -> ByteStream {
    if range.is_empty() {
        return stream::empty().boxed();
    }
    let begin = async move {
        let cover = reader.head.cover(range.clone());
        let checks = reader.body(cover.index.clone()).await?;
        let width = reader.wire.config().parts_at_once;
        let numbers = reader.covering(&cover.raw);
        let checked = Arc::new(Checked { reader, first_block: cover.first_block, checks });
        let pieces = numbers.map(move |number| ahead(checked.clone(), number, range.clone()));
        Ok::<_, Error>(stream::iter(pieces).buffered(width))
    };
    stream::once(begin).try_flatten().boxed()
}

/// A piece that comes at the network's pace, and not at that at which its reader asks: one who takes a while would find
/// requests that have run out of their time, and a value that was replaced cannot be begun anew.
async fn ahead(checked: Arc<Checked>, number: u32, range: Range<u64>) -> Result<Bytes> {
    let (mut tell, told) = tokio::sync::oneshot::channel();
    let (wire, op) = (checked.reader.wire.clone(), checked.reader.op);
    let counted = wire.inflight.enter();
    wire.env.spawn(async move {
        tokio::select! {
            piece = checked.piece(number, &range) => drop(tell.send(piece)),
            // Nobody waits for it any more.
            () = tell.closed() => {}
        }
        drop(counted);
    });
    told.await.unwrap_or_else(|_| {
        Err(Error::new(ErrorKind::Unavailable, op, "the reading of a chunk was given up"))
    })
}

impl Checked {
    /// What chunk `number` has of the range.
    async fn piece(&self, number: u32, range: &Range<u64>) -> Result<Bytes> {
        let (block, head) = (BLOCK as u64, &self.reader.head);
        let chunk = self.reader.chunk(number).await?;
        let of_chunk = self.reader.chunks.range(number);
        // Behind the value the last chunks have its checks.
        let raw = of_chunk.start..of_chunk.end.min(head.raw_len);
        let wanted = range.start.max(raw.start)..range.end.min(raw.end);
        // Whole blocks around what is wanted. Chunks have whole blocks, so that none is in two of them.
        let blocks = wanted.start / block..wanted.end.div_ceil(block);
        let covered = blocks.start * block..(blocks.end * block).min(head.raw_len);
        let at = |at: u64| (at - of_chunk.start) as usize;
        let check = |block: u64| (block - self.first_block) as usize * CHECK;
        let checks = &self.checks[check(blocks.start)..check(blocks.end)];
        head.binding().verify(blocks.start, &chunk[at(covered.start)..at(covered.end)], checks)?;
        Ok(chunk.slice(at(wanted.start)..at(wanted.end)))
    }
}
