//! Codes as they are scanned: 64 rows together, stretch by stretch.

use larder_store_core::{Error, ErrorKind, Op, Result};

use super::Codebook;
use crate::lines::{Line, bytes_of, lines_of};
pub(super) use crate::rows::BLOCK;

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

    /// The bytes that a [`CodesRef`] takes: for each 64 rows, for each byte of a code, those of the 64 rows. What the last block has too
    /// many is zero.
    pub fn as_bytes(&self) -> &[u8] {
        bytes_of(&self.lines)
    }
}

/// Codes that are elsewhere, such as in a mapped file.
///
/// ```
/// use larder_vector::{Metric, pq};
///
/// let vectors: Vec<f32> = (0..4000).map(|i| (i as f32).sin()).collect();
/// let codebook = pq::Codebook::train(&vectors, 8, &pq::TrainOptions::default());
/// let codes = pq::Codes::new(&codebook, &codebook.encode(&vectors));
/// let there = pq::CodesRef::new(&codebook, codes.rows(), codes.as_bytes())?;
/// let found = pq::nearest(&codebook, there, Metric::L2, &vectors[..8], 3);
/// assert_eq!(found, pq::nearest(&codebook, &codes, Metric::L2, &vectors[..8], 3));
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CodesRef<'a> {
    rows: usize,
    subs: usize,
    lines: &'a [Line],
}

impl<'a> CodesRef<'a> {
    /// Takes what [`Codes::as_bytes`] gave, at an address that is a multiple of 64.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if the address is none, or the length is not that of so many rows.
    pub fn new(codebook: &Codebook, rows: usize, bytes: &'a [u8]) -> Result<CodesRef<'a>> {
        let wrong = |why: &str| Error::new(ErrorKind::Invalid, Op::Open, why);
        let wanted = rows.div_ceil(BLOCK).checked_mul(codebook.subs * BLOCK);
        if wanted != Some(bytes.len()) {
            return Err(wrong(&format!("{} bytes are no codes of {rows} rows", bytes.len())));
        }
        let lines = lines_of(bytes).ok_or_else(|| wrong("codes begin at no multiple of 64"))?;
        Ok(CodesRef { rows, subs: codebook.subs, lines })
    }

    /// How many there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn subs(&self) -> usize {
        self.subs
    }

    /// The codes of a block, a line for each stretch.
    pub(super) fn block(&self, block: usize) -> &'a [Line] {
        &self.lines[block * self.subs..][..self.subs]
    }
}

impl<'a> From<&'a Codes> for CodesRef<'a> {
    fn from(codes: &'a Codes) -> CodesRef<'a> {
        CodesRef { rows: codes.rows, subs: codes.subs, lines: &codes.lines }
    }
}
