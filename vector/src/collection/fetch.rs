//! Columns of segments are read from the store.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use larder_store_core::{ByteRange, Call, GetOptions, Got, Key, Op, Result};

use super::core::Core;
use super::unpack::{INLINE, INLINE_PAYLOADS, Packed};
use crate::manifest::Precision;
use crate::segment::{self, Dead, Index, OnText as _, PAYLOAD_ROWS, RowSet, Segment, gone};

/// Requests that are under way at once.
const TOGETHER: usize = 16;

/// Blocks that follow each other in a column.
pub(crate) type Blocks = Range<usize>;

impl Core {
    /// The vectors of some blocks of a segment, `[rows][dims]`.
    pub(crate) async fn vectors(
        &self,
        segment: &Segment,
        index: &Arc<Index>,
        blocks: Blocks,
        call: &Call,
    ) -> Result<Vec<f32>> {
        let wanted = blocks.clone().collect();
        self.vectors_of(segment, index, blocks, wanted, call).await
    }

    /// The same of those that are wanted, in order: others lie between them, and are read along.
    pub(super) async fn vectors_of(
        &self,
        segment: &Segment,
        index: &Arc<Index>,
        blocks: Blocks,
        wanted: Vec<usize>,
        call: &Call,
    ) -> Result<Vec<f32>> {
        let name = segment::key(&segment.entry, "vectors");
        let bytes = self.range(&name, index.vectors.range(blocks.clone()), call).await?;
        let (packed, schema, index) = (Packed { bytes, blocks }, self.schema, index.clone());
        let done = match Packed::values(&wanted, &schema, &index) * 4 <= INLINE {
            true => packed.vectors(&wanted, &schema, &index),
            false => {
                let work = move || packed.vectors(&wanted, &schema, &index);
                self.env.blocking(Op::Get, &self.inflight, work).await
            }
        };
        done.map_err(|e| e.at(self.store.id()).on_text(&name))
    }

    /// The vectors of all rows of a segment: as they were given, or as near as what is kept comes to that.
    pub(crate) async fn all_vectors(
        &self,
        segment: &Segment,
        index: &Arc<Index>,
        call: &Call,
    ) -> Result<Vec<f32>> {
        if self.schema.keep != Precision::Lossy {
            return self.vectors(segment, index, 0..index.vectors.blocks(), call).await;
        }
        let view = self.view.load_full();
        let codec = self.codec(&view, segment.entry.book, call).await?;
        let values = if index.rows() * self.schema.dims as usize * 4 <= INLINE {
            codec.decode(index)
        } else {
            let index = index.clone();
            self.env.blocking(Op::Get, &self.inflight, move || Ok(codec.decode(&index))).await?
        };
        values.ok_or_else(|| {
            crate::bytes::damaged("a segment", "it has neither vectors nor codes of a codebook")
                .at(self.store.id())
        })
    }

    /// The payloads of some rows of a segment, in the order that they are named.
    pub(super) async fn payloads(
        &self,
        segment: &Segment,
        index: &Arc<Index>,
        rows: &[u32],
        call: &Call,
    ) -> Result<Vec<Bytes>> {
        if segment.entry.payload_bytes == 0 {
            return Ok(vec![Bytes::new(); rows.len()]);
        }
        let mut wanted: Vec<usize> = rows.iter().map(|row| *row as usize / PAYLOAD_ROWS).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let read = |blocks: Blocks| self.payload_blocks(segment, index, blocks, call);
        let groups = futures_util::stream::iter(together(&wanted).into_iter().map(read));
        let groups: Vec<_> = groups.buffered(TOGETHER).try_collect().await?;
        let blocks: BTreeMap<usize, Vec<Bytes>> = groups.into_iter().flatten().collect();
        let one = |row: &u32| blocks[&(*row as usize / PAYLOAD_ROWS)][*row as usize % PAYLOAD_ROWS].clone();
        Ok(rows.iter().map(one).collect())
    }

    /// The payloads of all rows of a segment.
    pub(super) async fn all_payloads(
        &self,
        segment: &Segment,
        index: &Arc<Index>,
        call: &Call,
    ) -> Result<Vec<Bytes>> {
        if segment.entry.payload_bytes == 0 {
            return Ok(vec![Bytes::new(); index.rows()]);
        }
        let blocks = self.payload_blocks(segment, index, 0..index.payloads.blocks(), call).await?;
        Ok(blocks.into_iter().flat_map(|(_, payloads)| payloads).collect())
    }

    /// The payloads of some blocks of a segment, block by block.
    pub(super) async fn payload_blocks(
        &self,
        segment: &Segment,
        index: &Arc<Index>,
        blocks: Blocks,
        call: &Call,
    ) -> Result<Vec<(usize, Vec<Bytes>)>> {
        let name = segment::key(&segment.entry, "payloads");
        let bytes = self.range(&name, index.payloads.range(blocks.clone()), call).await?;
        let (packed, index) = (Packed { bytes, blocks: blocks.clone() }, index.clone());
        let done = match packed.bytes.len() <= INLINE_PAYLOADS {
            true => packed.payloads(&index),
            false => {
                let work = move || packed.payloads(&index);
                self.env.blocking(Op::Get, &self.inflight, work).await
            }
        };
        let payloads = done.map_err(|e| e.at(self.store.id()).on_text(&name))?;
        Ok(blocks.zip(payloads).collect())
    }

    /// The rows of a segment that count, and the number of each.
    pub(super) async fn live_rows(
        &self,
        segment: &Arc<Segment>,
        index: &Arc<Index>,
        dead: &Dead,
        call: &Call,
    ) -> Result<(RowSet, Vec<u32>)> {
        let vectors = self.all_vectors(segment, index, call);
        let payloads = self.all_payloads(segment, index, call);
        let (vectors, payloads) = futures_util::future::try_join(vectors, payloads).await?;
        let dims = self.schema.dims as usize;
        let (mut rows, mut numbers) = (RowSet::default(), Vec::new());
        for row in (0..index.rows()).filter(|row| !dead.has(*row)) {
            rows.ids.push(index.id(row).map_err(|e| e.at(self.store.id()))?);
            rows.values.extend_from_slice(&vectors[row * dims..][..dims]);
            rows.payloads.push(payloads[row].clone());
            numbers.push(row as u32);
        }
        Ok((rows, numbers))
    }

    async fn range(&self, name: &str, range: Range<u64>, call: &Call) -> Result<Bytes> {
        let key = Key::new(name)?;
        let options = GetOptions::new().with_range(ByteRange::from(range)).with_call(call.clone());
        match self.store.get_opts(&key, &options).await? {
            Got::Found { body, .. } => Ok(body),
            _ => Err(gone(&key).at(self.store.id())),
        }
    }
}

/// Numbers in order, those that follow each other together.
pub(super) fn together(numbers: &[usize]) -> Vec<Blocks> {
    let mut groups: Vec<Blocks> = Vec::new();
    for number in numbers {
        match groups.last_mut() {
            Some(last) if last.end == *number => last.end += 1,
            _ => groups.push(*number..number + 1),
        }
    }
    groups
}
