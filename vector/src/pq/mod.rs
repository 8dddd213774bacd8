//! Product quantisation (Jégou, Douze, Schmid, PAMI 2011): a vector becomes a byte for each of its stretches, the number of the
//! nearest of 256 centroids there.

mod batch;
mod codes;
mod scan;
mod table;
mod train;

pub use codes::Codes;
pub use train::TrainOptions;

use batch::{Batch, QUERIES};
use table::Tables;

use crate::Metric;
use crate::best::{Best, Hit};
use crate::simd::{Level, versions};

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
pub fn nearest(
    codebook: &Codebook,
    codes: &Codes,
    metric: Metric,
    queries: &[f32],
    keep: usize,
) -> Vec<Vec<Hit>> {
    assert!(queries.len().is_multiple_of(codebook.dims), "queries of {} dimensions", codebook.dims);
    let (level, keep) = (Level::best(), keep.min(codes.rows()));
    let mut found = Vec::with_capacity(queries.len() / codebook.dims);
    for queries in queries.chunks(QUERIES * codebook.dims) {
        let each = queries.chunks_exact(codebook.dims);
        let mut best: Vec<_> = each.clone().map(|_| Best::new(keep)).collect();
        let scales: Vec<_> = if best.len() < TOGETHER {
            let one = |(query, best): (&[f32], &mut Best)| {
                let tables = Tables::new(level, codebook, metric, query);
                scan::scan(level, codes, &tables, best);
                tables.scale
            };
            each.clone().zip(&mut best).map(one).collect()
        } else {
            let batch = Batch::new(level, codebook, metric, queries);
            batch.scan(level, codes, &mut best);
            batch.scales
        };
        found.extend(best.into_iter().zip(scales).zip(each).map(|((best, scale), query)| {
            let of_query = metric.of_query(query);
            let hit =
                |(sum, row)| Hit { row, distance: of_query.distance(sum as f32 * scale.step + scale.base) };
            best.into_sorted().into_iter().map(hit).collect()
        }));
    }
    found
}

impl Codebook {
    /// Trains one on vectors of `dims` values, on all threads of the current rayon pool.
    ///
    /// # Panics
    /// If there is no vector, a length is no multiple of `dims`, or the options ask for no width, more than 512 stretches, or an
    /// empty sample.
    pub fn train(vectors: &[f32], dims: usize, options: &TrainOptions) -> Codebook {
        assert!(
            dims > 0 && !vectors.is_empty() && vectors.len().is_multiple_of(dims),
            "vectors of {dims} dimensions, one at least"
        );
        let width = options.width.min(dims);
        assert!(width > 0 && dims.div_ceil(width) <= MAX_SUBS, "{dims} dimensions in stretches of {width}");
        assert!(options.sample > 0, "a sample of one vector at least");
        train::train(vectors, dims, width, options)
    }

    fn new(dims: usize, width: usize, centroids: Vec<f32>) -> Codebook {
        let subs = dims.div_ceil(width);
        let norms = centroids.chunks_exact(width * CENTROIDS).flat_map(squares).collect();
        Codebook { dims, subs, width, centroids, norms }
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

    /// Encodes vectors: [`code_len`](Codebook::code_len) bytes for each, one after the other.
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
        let (mut points, mut found) = (Vec::new(), vec![0; ENCODED]);
        for (vectors, out) in vectors.chunks(ENCODED * self.dims).zip(out.chunks_mut(ENCODED * self.subs)) {
            let found = &mut found[..out.len() / self.subs];
            for sub in 0..self.subs {
                points.clear();
                for vector in vectors.chunks_exact(self.dims) {
                    points.extend_from_slice(self.stretch(vector, sub));
                    points.resize(points.len().next_multiple_of(self.width), 0.0);
                }
                let (centroids, norms) = self.of_sub(sub);
                nearest_centroids(level, &points, centroids, norms, found);
                for (code, found) in out.chunks_exact_mut(self.subs).zip(&*found) {
                    code[sub] = *found;
                }
            }
        }
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

/// Points that are compared at once.
const POINTS: usize = 4;

versions! {
    /// The nearest centroid of each point, the first of those as near. Points have as many values as there are rows of centroids.
    fn nearest_centroids(points: &[f32], centroids: &[f32], norms: &[f32], out: &mut [u8]) {
        const LANES: usize = 16;
        let width = centroids.len() / CENTROIDS;
        let mut scores = [[0f32; CENTROIDS]; POINTS];
        let mut turned = vec![[0f32; POINTS]; width];
        for (points, out) in points.chunks(POINTS * width).zip(out.chunks_mut(POINTS)) {
            for (at, point) in points.chunks_exact(width).enumerate() {
                for (turned, x) in turned.iter_mut().zip(point) {
                    turned[at] = *x;
                }
            }
            for (group, norms) in norms.as_chunks::<LANES>().0.iter().enumerate() {
                let mut products = [[0f32; LANES]; POINTS];
                for (values, centroids) in turned.iter().zip(centroids.chunks_exact(CENTROIDS)) {
                    let centroids: &[f32; LANES] = &centroids.as_chunks().0[group];
                    for (products, x) in products.iter_mut().zip(values) {
                        for (product, c) in products.iter_mut().zip(centroids) {
                            *product = x.mul_add(*c, *product);
                        }
                    }
                }
                for (products, scores) in products.iter().zip(&mut scores) {
                    let scores = &mut scores.as_chunks_mut::<LANES>().0[group];
                    for i in 0..LANES {
                        scores[i] = products[i].mul_add(-2.0, norms[i]);
                    }
                }
            }
            for (out, scores) in out.iter_mut().zip(&scores) {
                *out = first_least(scores);
            }
        }
    }
}

/// Where the least is, and the first of those as small.
#[inline(always)]
fn first_least(scores: &[f32; CENTROIDS]) -> u8 {
    let mut least = [f32::MAX; 16];
    for scores in scores.as_chunks::<16>().0 {
        for (least, score) in least.iter_mut().zip(scores) {
            *least = if *score < *least { *score } else { *least };
        }
    }
    let least = least.iter().fold(f32::MAX, |a, b| if *b < a { *b } else { a });
    let mut found = [u32::MAX; 16];
    for (group, scores) in scores.as_chunks::<16>().0.iter().enumerate() {
        for (lane, (found, score)) in found.iter_mut().zip(scores).enumerate() {
            let here = if *score == least { (group * 16 + lane) as u32 } else { u32::MAX };
            *found = (*found).min(here);
        }
    }
    // Nothing is near what is no number: any will do.
    found.iter().fold(u32::MAX, |a, b| a.min(*b)) as u8
}

#[cfg(test)]
mod tests;
