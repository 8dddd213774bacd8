//! Product quantisation (Jégou, Douze, Schmid, PAMI 2011): a vector becomes a byte for each of its stretches, the number of the
//! nearest of 256 centroids there.

mod batch;
mod codes;
mod encode;
mod scan;
mod search;
mod table;
mod train;
mod wire;

pub use codes::{Codes, CodesRef};
pub use search::Search;
pub use train::TrainOptions;

use encode::{nearest_centroids, turn};
use rayon::prelude::*;

use crate::best::Hit;
use crate::simd::Level;
use crate::tiles::LANES;
use crate::{Cancelled, Metric, Progress, Rows};

/// How many centroids a stretch has.
const CENTROIDS: usize = 256;
/// The most stretches: sums of as many entries of at most 127 fit in two bytes.
const MAX_SUBS: usize = 512;

/// The centroids of all stretches.
#[derive(Debug, Clone)]
pub struct Codebook {
    dims: usize,
    subs: usize,
    width: usize,
    /// For each stretch and each of its dimensions, what the 256 centroids have there: `[subs][width][256]`.
    centroids: Vec<f32>,
    /// The squares of the centroids' lengths: `[subs][256]`.
    norms: Vec<f32>,
}

/// Queries from which on they are faster together than one by one.
const TOGETHER: usize = 4;

/// The `keep` rows whose codes are nearest to each query, the nearest first: rows and their distances are approximate, as the
/// codes are. Of a [cosine](Metric::Cosine) what was encoded must have the length one.
///
/// Sums are added up in steps of 1/127 of the widest stretch's span. Ask for more than is needed, and compare those with the
/// vectors themselves.
///
/// ```
/// use larder_vector::{Metric, pq};
///
/// let vectors: Vec<f32> = (0..4000).map(|i| ((i * 37 % 101) as f32).sin()).collect();
/// let codebook = pq::Codebook::train(&vectors, 8, &pq::TrainOptions::default());
/// let codes = pq::Codes::new(&codebook, &codebook.encode(&vectors));
/// let found = pq::nearest(&codebook, &codes, Metric::L2, &vectors[80..88], 3);
/// assert_eq!(found[0][0].row % 101, 10);
/// ```
///
/// # Panics
/// If the queries are not of the codebook's dimensions, or the codes of another codebook's length.
pub fn nearest<'a>(
    codebook: &Codebook,
    codes: impl Into<CodesRef<'a>>,
    metric: Metric,
    queries: &[f32],
    keep: usize,
) -> Vec<Vec<Hit>> {
    nearest_of(codebook, codes, metric, queries, keep, &Rows::all())
}

/// As [`nearest`], of some rows.
///
/// # Panics
/// As [`nearest`] does, and if `rows` are no rows of the codes: another count of masks than of blocks, or a range that ends behind them.
pub fn nearest_of<'a>(
    codebook: &Codebook,
    codes: impl Into<CodesRef<'a>>,
    metric: Metric,
    queries: &[f32],
    keep: usize,
    rows: &Rows<'_>,
) -> Vec<Vec<Hit>> {
    let codes = codes.into();
    let mut search = Search::new(codebook, metric, queries, keep.min(codes.rows()));
    search.scan(codes, rows, 0);
    search.finish()
}

impl Codebook {
    /// Trains one on vectors of `dims` values, on all threads of the current rayon pool.
    ///
    /// # Panics
    /// If there is no vector, a length is no multiple of `dims`, or the options ask for no width, more than 512 stretches, or an
    /// empty sample.
    pub fn train(vectors: &[f32], dims: usize, options: &TrainOptions) -> Codebook {
        Codebook::train_with(vectors, dims, options, &Progress::new()).expect("nobody cancels")
    }

    /// As [`train`](Codebook::train), watched.
    ///
    /// # Errors
    /// [`Cancelled`] if `progress` says so.
    ///
    /// # Panics
    /// As [`train`](Codebook::train) does.
    pub fn train_with(
        vectors: &[f32],
        dims: usize,
        options: &TrainOptions,
        progress: &Progress<'_>,
    ) -> Result<Codebook, Cancelled> {
        assert!(
            dims > 0 && !vectors.is_empty() && vectors.len().is_multiple_of(dims),
            "vectors of {dims} dimensions, one at least"
        );
        let width = options.width.min(dims);
        assert!(width > 0 && dims.div_ceil(width) <= MAX_SUBS, "{dims} dimensions in stretches of {width}");
        assert!(options.sample > 0, "a sample of one vector at least");
        train::train(vectors, dims, width, options, progress)
    }

    fn new(dims: usize, width: usize, centroids: Vec<f32>) -> Codebook {
        let subs = dims.div_ceil(width);
        let norms = centroids.chunks_exact(width * CENTROIDS).flat_map(squares).collect();
        Codebook { dims, subs, width, centroids, norms }
    }

    /// Values of the vectors that it is for.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Bytes of a vector's code.
    pub fn code_len(&self) -> usize {
        self.subs
    }

    fn of_sub(&self, sub: usize) -> (&[f32], &[f32]) {
        let size = self.width * CENTROIDS;
        (&self.centroids[sub * size..][..size], &self.norms[sub * CENTROIDS..][..CENTROIDS])
    }

    /// The part of a vector that a stretch covers.
    fn stretch<'a>(&self, vector: &'a [f32], sub: usize) -> &'a [f32] {
        let from = sub * self.width;
        &vector[from..self.dims.min(from + self.width)]
    }

    /// Encodes vectors: [`code_len`](Codebook::code_len) bytes for each, one after the other. On all threads of the current rayon pool.
    ///
    /// # Panics
    /// If they are not of the codebook's dimensions.
    pub fn encode(&self, vectors: &[f32]) -> Vec<u8> {
        assert!(vectors.len().is_multiple_of(self.dims), "vectors of {} dimensions", self.dims);
        self.encode_at(Level::best(), vectors)
    }

    /// The vectors that codes stand for: each stretch its centroid.
    ///
    /// # Panics
    /// If the codes are not of the codebook's length.
    pub fn decode(&self, codes: &[u8]) -> Vec<f32> {
        assert!(codes.len().is_multiple_of(self.subs), "codes of {} bytes", self.subs);
        let mut vectors = vec![0.0; codes.len() / self.subs * self.dims];
        for (vector, code) in vectors.chunks_exact_mut(self.dims).zip(codes.chunks_exact(self.subs)) {
            for ((sub, code), part) in code.iter().enumerate().zip(vector.chunks_mut(self.width)) {
                let (centroids, _) = self.of_sub(sub);
                for (value, centroids) in part.iter_mut().zip(centroids.chunks_exact(CENTROIDS)) {
                    *value = centroids[usize::from(*code)];
                }
            }
        }
        vectors
    }

    fn encode_at(&self, level: Level, vectors: &[f32]) -> Vec<u8> {
        let mut out = vec![0; vectors.len() / self.dims * self.subs];
        let parts = vectors.par_chunks(ENCODED * self.dims).zip(out.par_chunks_mut(ENCODED * self.subs));
        parts.for_each_init(Vec::new, |tiles, (vectors, out)| {
            let mut found = [[0; LANES]; ENCODED / LANES];
            let rows = out.len() / self.subs;
            for sub in 0..self.subs {
                let each = vectors.chunks_exact(self.dims).map(|vector| self.stretch(vector, sub));
                turn(self.width, rows, each, tiles);
                let (centroids, norms) = self.of_sub(sub);
                nearest_centroids(level, tiles, centroids, norms, &mut found[..rows.div_ceil(LANES)]);
                for (code, found) in out.chunks_exact_mut(self.subs).zip(found.as_flattened()) {
                    code[sub] = *found;
                }
            }
        });
        out
    }
}

/// The squares of the lengths of a stretch's centroids.
fn squares(centroids: &[f32]) -> [f32; CENTROIDS] {
    let mut squares = [0.0; CENTROIDS];
    for of_dim in centroids.chunks_exact(CENTROIDS) {
        for (square, x) in squares.iter_mut().zip(of_dim) {
            *square += x * x;
        }
    }
    squares
}

/// Rows that are encoded stretch by stretch.
const ENCODED: usize = 256;

#[cfg(test)]
mod tests;
