//! Columns that were read are taken apart.

use bytes::Bytes;
use larder_store_core::Result;
use rayon::prelude::*;

use super::fetch::Blocks;
use crate::manifest::Schema;
use crate::segment::{Index, PAYLOAD_ROWS, Unpacker, VECTOR_ROWS};

/// Bytes that are made on a thread that runs tasks, and by one thread alone: some hundreds of microseconds. A read for candidates has
/// less.
pub(super) const INLINE: usize = 1 << 20;
/// Bytes of payloads as they are stored, of which about [`INLINE`] are made.
pub(super) const INLINE_PAYLOADS: usize = INLINE / 4;
/// Blocks that a thread takes at once.
const AT_ONCE: usize = 16;

/// What was read of a column, and where from.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    pub(super) bytes: Bytes,
    pub(super) blocks: Blocks,
}

impl Packed {
    /// As many values as the vectors of some of its blocks have, named in order.
    pub(super) fn values(wanted: &[usize], schema: &Schema, index: &Index) -> usize {
        let short = match wanted.last() {
            Some(last) => ((last + 1) * VECTOR_ROWS).saturating_sub(index.rows()),
            None => 0,
        };
        (wanted.len() * VECTOR_ROWS - short) * schema.dims as usize
    }

    /// The vectors of some of its blocks, named in order, `[rows][dims]`. The others are not looked at.
    pub(super) fn vectors(&self, wanted: &[usize], schema: &Schema, index: &Index) -> Result<Vec<f32>> {
        let mut out = vec![0f32; Packed::values(wanted, schema, index)];
        let len = VECTOR_ROWS * schema.dims as usize;
        let one = |unpacker: &mut Unpacker, (block, out): (&usize, &mut [f32])| {
            let block = index.vectors.block(&self.bytes, &self.blocks, *block, "a column of vectors")?;
            unpacker.vectors(&block, schema.keep, out)
        };
        if out.len() * 4 <= INLINE {
            let mut unpacker = Unpacker::default();
            wanted.iter().zip(out.chunks_mut(len)).try_for_each(|each| one(&mut unpacker, each))?;
            return Ok(out);
        }
        let blocks = wanted.par_iter().zip(out.par_chunks_mut(len)).with_min_len(AT_ONCE);
        // Of many errors the first one in order is answered, as if there were one thread.
        let done: Vec<Result<()>> = blocks.map_init(Unpacker::default, one).collect();
        done.into_iter().collect::<Result<()>>()?;
        Ok(out)
    }

    /// Its payloads, block by block.
    pub(super) fn payloads(&self, index: &Index) -> Result<Vec<Vec<Bytes>>> {
        let one = |unpacker: &mut Unpacker, block: usize| {
            let bytes = index.payloads.block(&self.bytes, &self.blocks, block, "a column of payloads")?;
            unpacker.payloads(&bytes, PAYLOAD_ROWS.min(index.rows() - block * PAYLOAD_ROWS))
        };
        if self.bytes.len() <= INLINE_PAYLOADS {
            let mut unpacker = Unpacker::default();
            return self.blocks.clone().map(|block| one(&mut unpacker, block)).collect();
        }
        let blocks = self.blocks.clone().into_par_iter().with_min_len(AT_ONCE);
        let done: Vec<Result<_>> = blocks.map_init(Unpacker::default, one).collect();
        done.into_iter().collect()
    }
}
