//! Codes as they are scanned: 64 rows together, stretch by stretch.

use super::Codebook;

/// Rows of a block.
pub(super) const BLOCK: usize = 64;

/// Bytes of 64 rows in one stretch: a line of the cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Line(pub(super) [u8; BLOCK]);

/// Codes of many rows.
#[derive(Debug, Clone)]
pub struct Codes {
    rows: usize,
    subs: usize,
    /// For each block, for each stretch, the bytes of 64 rows. What the last block has too many is zero.
    lines: Vec<Line>,
}

impl Codes {
    /// Takes codes row by row, as they come from [`Codebook::encode`].
    ///
    /// # Panics
    /// If they are not of the codebook's length.
    pub fn new(codebook: &Codebook, rows: &[u8]) -> Codes {
        let subs = codebook.subs;
        assert!(rows.len().is_multiple_of(subs), "codes of {subs} bytes");
        let count = rows.len() / subs;
        let mut lines = vec![Line([0; BLOCK]); count.div_ceil(BLOCK) * subs];
        for (row, code) in rows.chunks_exact(subs).enumerate() {
            for (sub, byte) in code.iter().enumerate() {
                lines[row / BLOCK * subs + sub].0[row % BLOCK] = *byte;
            }
        }
        Codes { rows: count, subs, lines }
    }

    /// How many there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn subs(&self) -> usize {
        self.subs
    }

    /// The codes of a block, a line for each stretch.
    pub(super) fn block(&self, block: usize) -> &[Line] {
        &self.lines[block * self.subs..][..self.subs]
    }

    pub(super) fn blocks(&self) -> usize {
        self.rows.div_ceil(BLOCK)
    }
}
