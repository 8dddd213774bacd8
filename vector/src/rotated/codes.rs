//! Codes as they are scanned: 64 rows together, eight dimensions by eight dimensions.

use larder_store_core::{Error, ErrorKind, Op, Result};

use super::Codec;
use crate::lines::{Line, bytes_of, lines_of};
use crate::rows::BLOCK;

/// Rows of a line: four bytes of each.
pub(super) const LINE_ROWS: usize = 16;
/// Lines of eight dimensions of a block, and of a number of single precision.
pub(super) const LINES: usize = BLOCK / LINE_ROWS;
/// Dimensions of a line.
pub(super) const LINE_DIMS: usize = 8;

/// Codes of many rows.
#[derive(Debug, Clone)]
pub struct Codes {
    rows: usize,
    dims: usize,
    /// For each block: for each eight dimensions, for each 16 rows four bytes of each, the levels of the first four dimensions in the
    /// lower halves; then what the sums of the 64 rows are multiplied by, then the squares of their lengths, in little-endian. What
    /// there is too much is zero.
    lines: Vec<Line>,
}

/// Lines of a block of so many dimensions.
fn len_of(dims: usize) -> usize {
    (dims.div_ceil(LINE_DIMS) + 2) * LINES
}

impl Codes {
    /// Takes codes row by row, as they come from [`Codec::encode`].
    ///
    /// # Panics
    /// If they are not of the codec's length.
    pub fn new(codec: &Codec, rows: &[u8]) -> Codes {
        let len = codec.code_len();
        assert!(rows.len().is_multiple_of(len), "codes of {len} bytes");
        let (count, dims) = (rows.len() / len, codec.dims);
        let of_block = len_of(dims);
        let mut lines = vec![Line([0; BLOCK]); count.div_ceil(BLOCK) * of_block];
        for (row, code) in rows.chunks_exact(len).enumerate() {
            let (line, at) = (row % BLOCK / LINE_ROWS, row % LINE_ROWS * 4);
            let block = &mut lines[row / BLOCK * of_block..][..of_block];
            let (numbers, levels) = code.split_at(8);
            for (group, number) in [2 * LINES, LINES].into_iter().zip(numbers.chunks_exact(4)) {
                block[of_block - group + line].0[at..at + 4].copy_from_slice(number);
            }
            for (group, levels) in levels.chunks(LINE_DIMS / 2).enumerate() {
                let line = &mut block[group * LINES + line].0[at..at + 4];
                for (pair, byte) in levels.iter().enumerate() {
                    // Dimensions 2 * pair and the one behind it.
                    for (dim, level) in [(2 * pair, byte & 15), (2 * pair + 1, byte >> 4)] {
                        line[dim % 4] |= level << (dim / 4 * 4);
                    }
                }
            }
        }
        Codes { rows: count, dims, lines }
    }

    /// How many there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The bytes that a [`CodesRef`] takes, a multiple of 64 for each 64 rows.
    pub fn as_bytes(&self) -> &[u8] {
        bytes_of(&self.lines)
    }
}

/// Codes that are elsewhere, such as in a mapped file.
#[derive(Debug, Clone, Copy)]
pub struct CodesRef<'a> {
    rows: usize,
    dims: usize,
    lines: &'a [Line],
}

impl<'a> CodesRef<'a> {
    /// Takes what [`Codes::as_bytes`] gave, at an address that is a multiple of 64.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the address is none, or the length is not that of so many rows.
    pub fn new(codec: &Codec, rows: usize, bytes: &'a [u8]) -> Result<CodesRef<'a>> {
        let wrong = |why: &str| Error::new(ErrorKind::Invalid, Op::Open, why);
        let wanted = rows.div_ceil(BLOCK).checked_mul(len_of(codec.dims) * BLOCK);
        if wanted != Some(bytes.len()) {
            return Err(wrong(&format!("{} bytes are no codes of {rows} rows", bytes.len())));
        }
        let lines = lines_of(bytes).ok_or_else(|| wrong("codes begin at no multiple of 64"))?;
        Ok(CodesRef { rows, dims: codec.dims, lines })
    }

    /// How many there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn dims(&self) -> usize {
        self.dims
    }

    /// The levels of a block, what its sums are multiplied by, and the squares of its lengths.
    pub(super) fn block(&self, block: usize) -> (&'a [Line], &'a [Line; LINES], &'a [Line; LINES]) {
        let len = len_of(self.dims);
        let lines = &self.lines[block * len..][..len];
        let (lines, squares) = lines.split_last_chunk().expect("two groups of lines at least");
        let (lines, factors) = lines.split_last_chunk().expect("a group of lines at least");
        (lines, factors, squares)
    }
}

impl<'a> From<&'a Codes> for CodesRef<'a> {
    fn from(codes: &'a Codes) -> CodesRef<'a> {
        CodesRef { rows: codes.rows, dims: codes.dims, lines: &codes.lines }
    }
}
