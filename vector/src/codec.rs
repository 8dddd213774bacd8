//! How the codes of a segment are made and read.

use std::borrow::Cow;
use std::sync::Arc;

use larder_store_core::Result;

use crate::pq::{self, Codebook};
use crate::segment::Index;
use crate::{Metric, Rows, rotated};

/// What turns vectors before they are coded without a codebook. Part of the format.
const ROTATION: u64 = 0x6c61_7264_6572;

/// What codes are made with, and read with.
#[derive(Debug, Clone)]
pub(crate) enum Codec {
    /// A codebook that was trained.
    Pq(Arc<Book>),
    /// A rotation that is the same for all.
    Rotated(Arc<rotated::Codec>),
}

/// A codebook of a collection.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) number: u64,
    pub(crate) codebook: Codebook,
}

impl Codec {
    /// That of codes without a codebook.
    pub(crate) fn rotated(dims: usize) -> Codec {
        Codec::Rotated(Arc::new(rotated::Codec::new(dims, ROTATION)))
    }

    /// The number of its codebook, if it has one.
    pub(crate) fn book(&self) -> Option<u64> {
        match self {
            Codec::Pq(book) => Some(book.number),
            Codec::Rotated(_) => None,
        }
    }

    /// The codes of vectors as segments keep them, and how many bytes that is for a row.
    pub(crate) fn encode(&self, metric: Metric, vectors: &[f32]) -> (usize, Vec<u8>) {
        let codes = match self {
            Codec::Pq(book) => {
                let codebook = &book.codebook;
                let vectors = unit(metric, codebook.dims(), vectors);
                pq::Codes::new(codebook, &codebook.encode(&vectors)).as_bytes().to_vec()
            }
            Codec::Rotated(codec) => rotated::Codes::new(codec, &codec.encode(vectors)).as_bytes().to_vec(),
        };
        let rows = vectors.len() / self.dims();
        (codes.len() / (rows.div_ceil(64) * 64).max(1), codes)
    }

    fn dims(&self) -> usize {
        match self {
            Codec::Pq(book) => book.codebook.dims(),
            Codec::Rotated(codec) => codec.dims(),
        }
    }

    /// The vectors that codes of a codebook stand for; of others there are none.
    pub(crate) fn decode(&self, index: &Index) -> Option<Vec<f32>> {
        let Codec::Pq(book) = self else { return None };
        let len = book.codebook.code_len();
        let mut rows = vec![0; index.rows() * len];
        for (row, code) in rows.chunks_exact_mut(len).enumerate() {
            let block = &index.codes()[row / 64 * 64 * len..];
            code.iter_mut().enumerate().for_each(|(sub, byte)| *byte = block[sub * 64 + row % 64]);
        }
        Some(book.codebook.decode(&rows))
    }

    /// The rows of an index that are nearest to each query by their codes, with their distances.
    pub(crate) fn nearest(
        &self,
        metric: Metric,
        index: &Index,
        queries: &[f32],
        keep: usize,
    ) -> Result<Vec<Vec<(u32, f32)>>> {
        let hits = match self {
            Codec::Pq(book) => {
                let codes = pq::CodesRef::new(&book.codebook, index.rows(), index.codes())?;
                pq::nearest(&book.codebook, codes, metric, queries, keep)
            }
            Codec::Rotated(codec) => {
                let codes = rotated::CodesRef::new(codec, index.rows(), index.codes())?;
                rotated::nearest_of(codec, codes, metric, queries, keep, &Rows::all())
            }
        };
        Ok(hits
            .into_iter()
            .map(|hits| hits.into_iter().map(|hit| (hit.row, hit.distance)).collect())
            .collect())
    }
}

/// Vectors as codes and cells are made of them: under a cosine those of length one. A vector of zeros stays one.
pub(crate) fn unit(metric: Metric, dims: usize, vectors: &[f32]) -> Cow<'_, [f32]> {
    if metric != Metric::Cosine {
        return Cow::Borrowed(vectors);
    }
    let mut vectors = vectors.to_vec();
    for vector in vectors.chunks_exact_mut(dims) {
        let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if length > 0.0 {
            vector.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
        }
    }
    Cow::Owned(vectors)
}
