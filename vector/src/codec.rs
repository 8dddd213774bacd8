//! How the codes of a segment are made.

use std::borrow::Cow;
use std::sync::Arc;

use crate::pq::{Codebook, Codes};
use crate::Metric;

/// What codes are made with, and read with.
#[derive(Debug, Clone)]
pub(crate) enum Codec {
    /// A codebook that was trained.
    Pq(Arc<Book>),
}

/// A codebook of a collection.
#[derive(Debug)]
pub(crate) struct Book {
    pub(crate) number: u32,
    pub(crate) codebook: Codebook,
}

impl Codec {
    /// The number of its codebook, if it has one.
    pub(crate) fn book(&self) -> Option<u32> {
        match self {
            Codec::Pq(book) => Some(book.number),
        }
    }

    /// The codes of vectors as segments keep them, and the bytes of each.
    pub(crate) fn encode(&self, metric: Metric, vectors: &[f32]) -> (usize, Vec<u8>) {
        match self {
            Codec::Pq(Book { codebook, .. }) => {
                let vectors = unit(metric, codebook.dims(), vectors);
                let codes = Codes::new(codebook, &codebook.encode(&vectors));
                (codebook.code_len(), codes.as_bytes().to_vec())
            }
        }
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
