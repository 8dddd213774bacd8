//! Codes of four bits a dimension that need no training, for segments that are small or fresh: a seeded random rotation, after which
//! values are as those of a normal distribution whatever the vectors are, and the sixteen levels that are best for that (Max, IRE
//! Transactions 1960). A vector has a scale of its own, by least squares, and the products that are estimated are corrected to be
//! unbiased, as RaBitQ's are (Gao and Long, SIGMOD 2024).

mod codes;
mod encode;
mod rotation;
mod scan;

pub use codes::{Codes, CodesRef};

use crate::best::{Best, Hit, score_of};
use crate::simd::Level;
use crate::{Metric, Rows};
use rotation::Rotation;

/// The most dimensions: sums of as many products fit in four bytes.
const MAX_DIMS: usize = 1 << 16;

/// A rotation. The same dimensions and seed give the same one.
#[derive(Debug, Clone)]
pub struct Codec {
    dims: usize,
    rotation: Rotation,
}

impl Codec {
    /// A codec of vectors of `dims` values.
    ///
    /// # Panics
    /// If there is no dimension, or more than 65,536.
    pub fn new(dims: usize, seed: u64) -> Codec {
        assert!(dims > 0 && dims <= MAX_DIMS, "{dims} dimensions");
        Codec { dims, rotation: Rotation::new(dims, seed) }
    }

    /// Values of the vectors that it is for.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Bytes of a vector's code: half as many as dimensions, rounded up, and eight.
    pub fn code_len(&self) -> usize {
        self.dims.div_ceil(2) + 8
    }

    /// Encodes vectors: [`code_len`](Codec::code_len) bytes for each, one after the other. First two numbers of single precision in
    /// little-endian, what a sum of levels is multiplied by and the square of the vector's length; then the levels, of an even
    /// dimension in the lower half of a byte.
    ///
    /// # Panics
    /// If they are not of the codec's dimensions.
    pub fn encode(&self, vectors: &[f32]) -> Vec<u8> {
        assert!(vectors.len().is_multiple_of(self.dims), "vectors of {} dimensions", self.dims);
        encode::encode(Level::best(), self, vectors)
    }
}

/// The `keep` rows whose codes are nearest to each query, the nearest first: rows and their distances are approximate, as the codes
/// are. Distances that are not finite are left out; a cosine with a vector of length zero is taken for 0.
///
/// ```
/// use larder_vector::{Metric, rotated};
///
/// let vectors: Vec<f32> = (0..4000).map(|i| ((i * 37 % 101) as f32).sin()).collect();
/// let codec = rotated::Codec::new(40, 1);
/// let codes = rotated::Codes::new(&codec, &codec.encode(&vectors));
/// let found = rotated::nearest(&codec, &codes, Metric::L2, &vectors[400..440], 3);
/// assert_eq!(found[0][0].row, 10);
/// ```
///
/// # Panics
/// If the queries are not of the codec's dimensions, or the codes are not.
pub fn nearest<'a>(
    codec: &Codec,
    codes: impl Into<CodesRef<'a>>,
    metric: Metric,
    queries: &[f32],
    keep: usize,
) -> Vec<Vec<Hit>> {
    nearest_of(codec, codes, metric, queries, keep, &Rows::all())
}

/// As [`nearest`], of some rows.
///
/// # Panics
/// As [`nearest`] does, and if `rows` are no rows of the codes: another count of masks than of blocks, or a range that ends behind them.
pub fn nearest_of<'a>(
    codec: &Codec,
    codes: impl Into<CodesRef<'a>>,
    metric: Metric,
    queries: &[f32],
    keep: usize,
    rows: &Rows<'_>,
) -> Vec<Vec<Hit>> {
    let codes = codes.into();
    assert!(queries.len().is_multiple_of(codec.dims), "queries of {} dimensions", codec.dims);
    assert_eq!(codes.dims(), codec.dims, "codes of the codec's dimensions");
    nearest_at(Level::best(), codec, codes, metric, queries, keep, rows)
}

fn nearest_at(
    level: Level,
    codec: &Codec,
    codes: CodesRef<'_>,
    metric: Metric,
    queries: &[f32],
    keep: usize,
    rows: &Rows<'_>,
) -> Vec<Vec<Hit>> {
    let keep = keep.min(codes.rows());
    let mut found = Vec::with_capacity(queries.len() / codec.dims);
    for queries in queries.chunks(scan::QUERIES * codec.dims) {
        let each = queries.chunks_exact(codec.dims);
        let turned: Vec<_> = each.clone().map(|query| scan::Query::new(level, codec, query)).collect();
        let mut best: Vec<_> = turned.iter().map(|_| Best::new(keep)).collect();
        scan::scan(level, codes, metric, &turned, rows, &mut best);
        found.extend(best.into_iter().zip(each).map(|(best, query)| {
            let of_query = metric.of_query(query);
            let hit = |(order, row)| Hit { row, distance: of_query.distance(score_of(order)) };
            best.into_sorted().into_iter().map(hit).filter(|hit| hit.distance.is_finite()).collect()
        }));
    }
    found
}

#[cfg(test)]
mod tests;
