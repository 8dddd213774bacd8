//! Rows become the objects of a segment.

use std::borrow::Cow;

use bytes::Bytes;
use larder_store_core::Result;

use super::blocks::{Column, PAYLOAD_ROWS, VECTOR_ROWS};
use super::checks::Checks;
use super::format::{self, Head, Part};
use super::index::Index;
use crate::Id;
use crate::bytes::write_id;
use crate::codec::Codec;
use crate::manifest::{Precision, Schema, SegmentEntry};

/// Rows of a segment that is to be made, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowSet {
    pub(crate) ids: Vec<Id>,
    /// `[rows][dims]`.
    pub(crate) values: Vec<f32>,
    pub(crate) payloads: Vec<Bytes>,
}

/// Rows that lie near each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    /// Which of the rows comes when.
    pub(crate) order: Vec<u32>,
    /// Middles of the cells.
    pub(crate) cells: Vec<f32>,
    /// The first row of each, and the number of rows.
    pub(crate) cell_rows: Vec<u32>,
}

/// The objects of a segment.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) index: Vec<u8>,
    pub(crate) vectors: Bytes,
    pub(crate) payloads: Bytes,
}

impl RowSet {
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Puts them in an order.
    pub(crate) fn arrange(&self, dims: usize, order: &[u32]) -> RowSet {
        let mut out = RowSet::default();
        for row in order {
            let row = *row as usize;
            out.ids.push(self.ids[row].clone());
            out.values.extend_from_slice(&self.values[row * dims..][..dims]);
            out.payloads.push(self.payloads[row].clone());
        }
        out
    }
}

/// Makes the objects of the segment that `entry` names; `rows` lie as `layout` has them already. Fills in what the entry says of
/// them.
pub(crate) fn build(
    entry: &mut SegmentEntry,
    schema: &Schema,
    rows: &RowSet,
    layout: &Layout,
    codec: &Codec,
) -> Result<Built> {
    let dims = schema.dims as usize;
    entry.rows = rows.len() as u32;
    entry.book = codec.book();
    entry.ids = numbers(&rows.ids).map(|ids| {
        (ids.iter().copied().min().unwrap_or_default(), ids.iter().copied().max().unwrap_or_default())
    });
    let kept = if schema.keep == Precision::Lossy { &[][..] } else { &rows.values };
    let told = rows.payloads.iter().any(|payload| !payload.is_empty());
    let payloads = if told { &rows.payloads[..] } else { &[] };
    let (columns, (code_len, codes)) = rayon::join(
        || Ok((Column::of_vectors(kept, dims, schema.keep)?, Column::of_payloads(payloads)?)),
        || codec.encode(schema.metric, &rows.values),
    );
    let (vectors, payloads) = columns?;
    let ((vectors, vector_blocks), (payloads, payload_blocks)) = (vectors.finish(), payloads.finish());
    let mut sections = vec![
        (Part::Cells, layout.cells.iter().flat_map(|x| x.to_le_bytes()).collect()),
        (Part::CellRows, layout.cell_rows.iter().flat_map(|x| x.to_le_bytes()).collect()),
        (Part::Codes, codes),
    ];
    sections.extend(ids(&rows.ids));
    sections.push((Part::VectorBlocks, vector_blocks.encode()));
    sections.push((Part::PayloadBlocks, payload_blocks.encode()));
    let head = Head {
        rows: entry.rows,
        dims: schema.dims,
        code_len: code_len as u32,
        book: entry.book,
        cells: (layout.cell_rows.len() - 1) as u32,
        vector_rows: VECTOR_ROWS as u32,
        payload_rows: PAYLOAD_ROWS as u32,
        sections: Vec::new(),
        checks: Checks::default(),
    };
    let sections: Vec<_> =
        sections.into_iter().map(|(part, bytes)| (part as u8, Cow::Owned(bytes))).collect();
    let index = format::write(&super::index::name(entry), head, &sections)?;
    entry.index_bytes = index.len() as u64;
    entry.vector_bytes = vectors.len() as u64;
    entry.payload_bytes = payloads.len() as u64;
    Ok(Built { index, vectors, payloads })
}

/// The index of a segment with other codes, by another name that the entry has already; `values` are its vectors. Fills in what the
/// entry says of it.
pub(crate) fn recode(
    entry: &mut SegmentEntry,
    schema: &Schema,
    index: &Index,
    values: &[f32],
    codec: &Codec,
) -> Result<Vec<u8>> {
    let (code_len, codes) = codec.encode(schema.metric, values);
    entry.book = codec.book();
    let head =
        Head { code_len: code_len as u32, book: entry.book, checks: Checks::default(), ..index.head.clone() };
    let section = |(part, bytes)| match part == Part::Codes as u8 {
        true => (part, Cow::Borrowed(&codes[..])),
        false => (part, Cow::Borrowed(bytes)),
    };
    let sections: Vec<_> = index.sections().map(section).collect();
    let bytes = format::write(&super::index::name(entry), head, &sections)?;
    entry.index_bytes = bytes.len() as u64;
    Ok(bytes)
}

/// All ids, if they are numbers.
fn numbers(ids: &[Id]) -> Option<Vec<u64>> {
    let number = |id: &Id| if let Id::Num(n) = id { Some(*n) } else { None };
    ids.iter().map(number).collect()
}

/// The sections that ids are in.
fn ids(ids: &[Id]) -> Vec<(Part, Vec<u8>)> {
    let mut sections = Vec::new();
    match numbers(ids) {
        Some(numbers) => {
            sections.push((Part::Ids, numbers.iter().flat_map(|n| n.to_le_bytes()).collect()));
        }
        None => {
            let (mut starts, mut bytes) = (Vec::new(), Vec::new());
            for id in ids {
                starts.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                write_id(&mut bytes, id);
            }
            starts.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            sections.extend([(Part::Ids, starts), (Part::IdBytes, bytes)]);
        }
    }
    let mut hashes: Vec<(u64, u16)> =
        ids.iter().enumerate().map(|(row, id)| (id.hash(), row as u16)).collect();
    hashes.sort_unstable();
    sections.push((Part::Hashes, hashes.iter().flat_map(|(hash, _)| hash.to_le_bytes()).collect()));
    sections.push((Part::HashRows, hashes.iter().flat_map(|(_, row)| row.to_le_bytes()).collect()));
    sections
}
