//! Codes as they are scanned: 64 rows together, eight dimensions by eight dimensions.

use super::Codec;
use crate::lines::Line;
use crate::rows::BLOCK;

/// Rows of a line: four bytes of each.
pub(super) const LINE_ROWS: usize = 16;
/// Lines of eight dimensions of a block.
pub(super) const LINES: usize = BLOCK / LINE_ROWS;
/// Dimensions of a line.
pub(super) const LINE_DIMS: usize = 8;

/// What makes the sum of a row's levels a product, and its length.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Rests {
    pub(super) factors: [f32; BLOCK],
    pub(super) squares: [f32; BLOCK],
}

/// Codes of many rows.
#[derive(Debug, Clone)]
pub struct Codes {
    rows: usize,
    dims: usize,
    /// For each block, for each eight dimensions, for each 16 rows: four bytes of each, the levels of the first four dimensions in the
    /// lower halves. What there is too much is zero.
    lines: Vec<Line>,
    rests: Vec<Rests>,
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
        let groups = dims.div_ceil(LINE_DIMS);
        let mut lines = vec![Line([0; BLOCK]); count.div_ceil(BLOCK) * groups * LINES];
        let mut rests = vec![Rests { factors: [0.0; BLOCK], squares: [0.0; BLOCK] }; count.div_ceil(BLOCK)];
        for (row, code) in rows.chunks_exact(len).enumerate() {
            let (block, at) = (row / BLOCK, row % BLOCK);
            let (numbers, levels) = code.split_at(8);
            let [factor, square] = [0, 1].map(|i| f32::from_le_bytes(numbers.as_chunks().0[i]));
            (rests[block].factors[at], rests[block].squares[at]) = (factor, square);
            let block = &mut lines[block * groups * LINES..][..groups * LINES];
            for (group, levels) in levels.chunks(LINE_DIMS / 2).enumerate() {
                let line = &mut block[group * LINES + at / LINE_ROWS].0[at % LINE_ROWS * 4..][..4];
                for (pair, byte) in levels.iter().enumerate() {
                    // Dimensions 2 * pair and the one behind it.
                    for (dim, level) in [(2 * pair, byte & 15), (2 * pair + 1, byte >> 4)] {
                        line[dim % 4] |= level << (dim / 4 * 4);
                    }
                }
            }
        }
        Codes { rows: count, dims, lines, rests }
    }

    /// How many there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn dims(&self) -> usize {
        self.dims
    }

    /// The lines of a block, and what is there of its rows besides.
    pub(super) fn block(&self, block: usize) -> (&[Line], &Rests) {
        let len = self.dims.div_ceil(LINE_DIMS) * LINES;
        (&self.lines[block * len..][..len], &self.rests[block])
    }
}
