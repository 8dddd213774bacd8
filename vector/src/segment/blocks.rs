//! Columns in blocks that are compressed, checked and read one by one: vectors as they were given, and payloads.

use std::ops::Range;

use bytes::Bytes;
use half::f16;
use larder_store_core::record::crc64;
use larder_store_core::{Error, ErrorKind, Op, Result};
use rayon::prelude::*;

use crate::bytes::{Reader, damaged};
use crate::manifest::Precision;

/// Rows of a block of vectors: what one request for a candidate reads, and little enough that most of it is wanted.
pub(crate) const VECTOR_ROWS: usize = 16;
/// Rows of a block of payloads.
pub(crate) const PAYLOAD_ROWS: usize = 32;
/// How hard blocks are compressed. More costs time at the seal and gains a percent.
const LEVEL: i32 = 1;
/// The most that a block of payloads becomes when it is inflated.
const MAX_PAYLOADS: usize = 64 << 20;
/// Blocks that a thread compresses at once.
const PART: usize = 64;

/// Where blocks are in their object, and their checks.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Table {
    /// Where each begins, and where the last one ends.
    starts: Vec<u32>,
    checks: Vec<u64>,
}

impl Table {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let starts = self.starts.iter().flat_map(|at| at.to_le_bytes());
        starts.chain(self.checks.iter().flat_map(|check| check.to_le_bytes())).collect()
    }

    /// Reads a table of so many blocks of an object of `len` bytes.
    pub(crate) fn decode(bytes: &[u8], blocks: usize, len: u64, what: &'static str) -> Result<Table> {
        let mut reader = Reader::new(bytes, what);
        let starts = (0..=blocks).map(|_| reader.u32()).collect::<Result<Vec<_>>>()?;
        let checks = (0..blocks).map(|_| reader.u64()).collect::<Result<_>>()?;
        reader.end()?;
        let right = starts.first() == Some(&0)
            && starts.is_sorted()
            && starts.last().is_some_and(|end| u64::from(*end) == len);
        if right { Ok(Table { starts, checks }) } else { Err(reader.damaged("its blocks are not in a row")) }
    }

    pub(crate) fn blocks(&self) -> usize {
        self.checks.len()
    }

    /// Where some blocks that follow each other are.
    pub(crate) fn range(&self, blocks: Range<usize>) -> Range<u64> {
        u64::from(self.starts[blocks.start])..u64::from(self.starts[blocks.end])
    }

    /// A block out of what [`Table::range`] of `blocks` was read from, checked.
    pub(crate) fn block(
        &self,
        read: &Bytes,
        blocks: &Range<usize>,
        block: usize,
        what: &str,
    ) -> Result<Bytes> {
        let from = self.starts[blocks.start];
        let (start, end) = (self.starts[block] - from, self.starts[block + 1] - from);
        if read.len() < end as usize {
            return Err(damaged(what, "it is shorter than its index says"));
        }
        let bytes = read.slice(start as usize..end as usize);
        match crc64(&bytes) == self.checks[block] {
            true => Ok(bytes),
            false => Err(damaged(what, &format!("block {block} is not what was written"))),
        }
    }
}

/// A column under way.
#[derive(Debug, Default)]
pub(crate) struct Column {
    bytes: Vec<u8>,
    table: Table,
}

impl Column {
    fn new() -> Column {
        Column { bytes: Vec::new(), table: Table { starts: vec![0], checks: Vec::new() } }
    }

    /// A column of vectors, [`VECTOR_ROWS`] to a block.
    pub(crate) fn of_vectors(values: &[f32], dims: usize, keep: Precision) -> Result<Column> {
        let plain = |values: &&[f32]| match keep {
            Precision::F32 => split(values.iter().map(|x| x.to_le_bytes())),
            _ => split(values.iter().map(|x| f16::from_f32(*x).to_le_bytes())),
        };
        Column::of(&values.chunks(VECTOR_ROWS * dims).collect::<Vec<_>>(), plain)
    }

    /// A column of payloads, [`PAYLOAD_ROWS`] to a block.
    pub(crate) fn of_payloads(payloads: &[Bytes]) -> Result<Column> {
        let plain = |payloads: &&[Bytes]| {
            let lens = payloads.iter().flat_map(|payload| (payload.len() as u32).to_le_bytes());
            lens.chain(payloads.iter().flatten().copied()).collect()
        };
        Column::of(&payloads.chunks(PAYLOAD_ROWS).collect::<Vec<_>>(), plain)
    }

    /// Compresses blocks, on all threads of the current rayon pool.
    fn of<T: Sync>(blocks: &[T], plain: impl Fn(&T) -> Vec<u8> + Sync) -> Result<Column> {
        let pack = |blocks: &[T]| {
            let mut packer = zstd::bulk::Compressor::new(LEVEL).map_err(not_packed)?;
            let mut part = Column::new();
            blocks.iter().try_for_each(|block| part.push(&plain(block), &mut packer))?;
            Ok::<_, Error>(part)
        };
        let parts = blocks.par_chunks(PART).map(pack).collect::<Result<Vec<_>>>()?;
        let mut all = Column::new();
        all.bytes.reserve_exact(parts.iter().map(|part| part.bytes.len()).sum());
        parts.into_iter().try_for_each(|part| all.append(part))?;
        Ok(all)
    }

    /// Adds a block: compressed, or as it is where that is shorter.
    fn push(&mut self, plain: &[u8], packer: &mut zstd::bulk::Compressor<'_>) -> Result<()> {
        let packed = packer.compress(plain).map_err(not_packed)?;
        let from = self.bytes.len();
        let (kind, bytes) = if packed.len() < plain.len() { (1, &packed[..]) } else { (0, plain) };
        self.bytes.push(kind);
        self.bytes.extend_from_slice(bytes);
        self.table.checks.push(crc64(&self.bytes[from..]));
        self.table.starts.push(end(self.bytes.len())?);
        Ok(())
    }

    /// Adds the blocks of another one.
    fn append(&mut self, other: Column) -> Result<()> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        // The last of them is the greatest.
        end(self.bytes.len())?;
        self.table.starts.extend(other.table.starts[1..].iter().map(|at| from as u32 + at));
        self.table.checks.extend(other.table.checks);
        Ok(())
    }

    pub(crate) fn finish(self) -> (Bytes, Table) {
        (self.bytes.into(), self.table)
    }
}

fn not_packed(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unknown, Op::Maintain, "a block could not be compressed").caused_by(error)
}

/// Where a block ends, as tables have it.
fn end(len: usize) -> Result<u32> {
    u32::try_from(len)
        .map_err(|_| Error::new(ErrorKind::Invalid, Op::Maintain, "a column of a segment above 4 GiB"))
}

/// Bytes of the same weight together: exponents are alike, and compress.
fn split<const N: usize>(values: impl ExactSizeIterator<Item = [u8; N]>) -> Vec<u8> {
    let count = values.len();
    let mut out = vec![0; count * N];
    for (at, value) in values.enumerate() {
        for (plane, byte) in value.into_iter().enumerate() {
            out[plane * count + at] = byte;
        }
    }
    out
}

fn join<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    let count = bytes.len() / N;
    (0..count).map(move |at| std::array::from_fn(|plane| bytes[plane * count + at]))
}

/// Takes blocks apart. One for many blocks: what it works with is as large as several of them.
#[derive(Default)]
pub(crate) struct Unpacker(zstd::bulk::Decompressor<'static>);

impl Unpacker {
    /// What a block was made of.
    fn plain(&mut self, block: &Bytes, most: usize, what: &str) -> Result<Bytes> {
        match block.first() {
            Some(0) => Ok(block.slice(1..)),
            Some(1) => self
                .0
                .decompress(&block[1..], most)
                .map(Bytes::from)
                .map_err(|e| damaged(what, "a block cannot be inflated").caused_by(e)),
            _ => Err(damaged(what, "a block is of an unknown kind")),
        }
    }

    /// The vectors of a block, put into `out`, which has a place for each value.
    pub(crate) fn vectors(&mut self, block: &Bytes, keep: Precision, out: &mut [f32]) -> Result<()> {
        const WHAT: &str = "a column of vectors";
        let width = if keep == Precision::F32 { 4 } else { 2 };
        let len = out.len() * width;
        let plain = self.plain(block, len, WHAT)?;
        if plain.len() != len {
            return Err(damaged(WHAT, "a block has not as many values as its rows"));
        }
        match keep {
            Precision::F32 => {
                out.iter_mut().zip(join(&plain)).for_each(|(out, bytes)| *out = f32::from_le_bytes(bytes));
            }
            _ => out
                .iter_mut()
                .zip(join(&plain))
                .for_each(|(out, bytes)| *out = f16::from_le_bytes(bytes).to_f32()),
        }
        Ok(())
    }

    /// The payloads of a block.
    pub(crate) fn payloads(&mut self, block: &Bytes, rows: usize) -> Result<Vec<Bytes>> {
        const WHAT: &str = "a column of payloads";
        let plain = self.plain(block, MAX_PAYLOADS, WHAT)?;
        let mut reader = Reader::new(&plain, WHAT);
        let lens = (0..rows).map(|_| reader.u32()).collect::<Result<Vec<_>>>()?;
        let mut at = 4 * rows;
        let mut out = Vec::with_capacity(rows);
        for len in lens {
            let len = len as usize;
            reader.take(len)?;
            out.push(plain.slice(at..at + len));
            at += len;
        }
        reader.end()?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back() {
        let mut rng = fastrand::Rng::with_seed(2);
        let dims = 5;
        let values: Vec<f32> = (0..37 * dims).map(|_| rng.f32() - 0.5).collect();
        for keep in [Precision::F32, Precision::F16] {
            let (bytes, table) = Column::of_vectors(&values, dims, keep).unwrap().finish();
            let table =
                Table::decode(&table.encode(), table.blocks(), bytes.len() as u64, "a table").unwrap();
            let (mut seen, mut unpacker) = (vec![0.0; 37 * dims], Unpacker::default());
            let range = table.range(0..3);
            let read = bytes.slice(range.start as usize..range.end as usize);
            for (block, seen) in seen.chunks_mut(VECTOR_ROWS * dims).enumerate() {
                let block = table.block(&read, &(0..3), block, "a column").unwrap();
                unpacker.vectors(&block, keep, seen).unwrap();
                let mut more = vec![0.0; seen.len() + dims];
                assert!(unpacker.vectors(&block, keep, &mut more).is_err());
            }
            let wanted = |x: &f32| if keep == Precision::F32 { *x } else { f16::from_f32(*x).to_f32() };
            assert_eq!(seen, values.iter().map(wanted).collect::<Vec<_>>());
        }
    }

    #[test]
    fn payloads_come_back_and_damage_does_not() {
        let some: Vec<Bytes> = (0..7usize).map(|n| Bytes::from(vec![n as u8; n * n])).collect();
        let (bytes, table) = Column::of_payloads(&some).unwrap().finish();
        let block = table.block(&bytes, &(0..1), 0, "a column").unwrap();
        let mut unpacker = Unpacker::default();
        assert_eq!(unpacker.payloads(&block, 7).unwrap(), some);
        assert!(unpacker.payloads(&block, 6).is_err());
        for at in 0..bytes.len() {
            let mut bad = bytes.to_vec();
            bad[at] ^= 1;
            assert!(table.block(&bad.into(), &(0..1), 0, "a column").is_err());
        }
    }
}
