//! Cells: the space divided among centroids, each vector to the nearest. Rows that are ordered by cell lie near those that they are
//! near to, so that a search visits a few cells and leaves out the others.

mod assign;
mod balance;
mod rank;
mod train;

pub use train::CellOptions;

use crate::simd::Level;
use crate::tiles::{LANES, Lanes, turn};
use crate::{Cancelled, Metric, Progress};

/// Centroids of cells.
///
/// ```
/// use larder_vector::cells::{CellOptions, Cells};
/// use larder_vector::{Metric, Progress};
///
/// // Two heaps on a line.
/// let vectors = [0.0, 0.1, 10.0, 0.2, 10.1, 9.9];
/// let options = CellOptions { cells: 2, ..CellOptions::default() };
/// let cells = Cells::train(&vectors, 1, Metric::L2, &options, &Progress::new())?;
/// let of = cells.assign(&vectors);
/// assert_eq!([of[1], of[3], of[5]], [of[0], of[0], of[2]]);
/// assert_eq!(cells.nearest_cells(&[9.0], 1)[0].0, of[2]);
/// # Ok::<(), larder_vector::Cancelled>(())
/// ```
#[derive(Debug, Clone)]
pub struct Cells {
    dims: usize,
    metric: Metric,
    /// One after the other.
    centroids: Vec<f32>,
    turned: Turned,
}

/// Centroids as they are multiplied.
#[derive(Debug, Clone)]
struct Turned {
    dims: usize,
    count: usize,
    /// For each 32 centroids, for each dimension, their values there.
    values: Vec<Lanes>,
    /// The squares of their lengths; those of lanes without a centroid are infinite, which is nearest to nothing.
    squares: Vec<Lanes>,
}

impl Turned {
    fn new(dims: usize, centroids: &[f32]) -> Turned {
        let count = centroids.len() / dims;
        let mut squares = vec![Lanes([f32::INFINITY; LANES]); count.div_ceil(LANES)];
        for (at, centroid) in centroids.chunks_exact(dims).enumerate() {
            squares[at / LANES].0[at % LANES] = centroid.iter().map(|x| x * x).sum();
        }
        Turned { dims, count, values: turn(dims, centroids), squares }
    }
}

impl Cells {
    /// Trains centroids on vectors of `dims` values, on all threads of the current rayon pool. There are as many as the options ask
    /// for, and never more than vectors.
    ///
    /// Of a [cosine](Metric::Cosine) the vectors must have the length one. With an [inner product](Metric::InnerProduct) cells are
    /// those of the Euclidean distance as well: only which cells a query visits is told by the product.
    ///
    /// # Errors
    /// [`Cancelled`] if `progress` says so.
    ///
    /// # Panics
    /// If there is no vector, their length is no multiple of `dims`, or the options ask for no cell or an empty sample.
    pub fn train(
        vectors: &[f32],
        dims: usize,
        metric: Metric,
        options: &CellOptions,
        progress: &Progress<'_>,
    ) -> Result<Cells, Cancelled> {
        assert!(
            dims > 0 && !vectors.is_empty() && vectors.len().is_multiple_of(dims),
            "vectors of {dims} dimensions, one at least"
        );
        assert!(options.cells > 0 && options.sample > 0, "a cell at least, and a sample of one vector");
        let centroids = train::train(vectors, dims, options, progress)?;
        Ok(Cells::new(centroids, dims, metric))
    }

    /// Cells with these centroids, as [`centroids`](Cells::centroids) gave them.
    ///
    /// # Panics
    /// If there is none, or their length is no multiple of `dims`.
    pub fn new(centroids: Vec<f32>, dims: usize, metric: Metric) -> Cells {
        assert!(
            dims > 0 && !centroids.is_empty() && centroids.len().is_multiple_of(dims),
            "centroids of {dims} dimensions, one at least"
        );
        let turned = Turned::new(dims, &centroids);
        Cells { dims, metric, centroids, turned }
    }

    /// How many cells there are.
    pub fn count(&self) -> usize {
        self.turned.count
    }

    /// The centroids, one after the other.
    pub fn centroids(&self) -> &[f32] {
        &self.centroids
    }

    /// The cell of each vector: that of the centroid with the least Euclidean distance, the first of those as near. On all threads
    /// of the current rayon pool.
    ///
    /// # Panics
    /// If the vectors are not of the cells' dimensions.
    pub fn assign(&self, vectors: &[f32]) -> Vec<u32> {
        self.check(vectors);
        let mut cells = vec![0; vectors.len() / self.dims];
        assign::assign(Level::best(), &self.turned, vectors, &mut cells);
        cells
    }

    /// The cell of each vector, as [`assign`](Cells::assign) has it, but of no cell more than `most_per_cell`: where more come, those
    /// stay that would have to go farthest.
    ///
    /// # Panics
    /// If the vectors are not of the cells' dimensions, or more than there is room for.
    pub fn assign_balanced(&self, vectors: &[f32], most_per_cell: usize) -> Vec<u32> {
        self.check(vectors);
        let room = self.count().saturating_mul(most_per_cell);
        let rows = vectors.len() / self.dims;
        assert!(rows <= room, "{rows} vectors in {} cells of {most_per_cell}", self.count());
        balance::assign(Level::best(), self.dims, &self.centroids, vectors, most_per_cell)
    }

    /// The `count` cells that are nearest to a query, the nearest first, and how far each is: by the square of the Euclidean distance
    /// to the centroid, for a [cosine](Metric::Cosine) from the query as it is with the length one; for an
    /// [inner product](Metric::InnerProduct) by the negated product with the centroid.
    ///
    /// # Panics
    /// If the query is not of the cells' dimensions.
    pub fn nearest_cells(&self, query: &[f32], count: usize) -> Vec<(u32, f32)> {
        assert_eq!(query.len(), self.dims, "a query of the cells' dimensions");
        rank::one(Level::best(), &self.turned, self.metric, query, count)
    }

    /// As [`nearest_cells`](Cells::nearest_cells), for many queries, one after the other. Distances differ by rounding.
    ///
    /// # Panics
    /// If the queries are not of the cells' dimensions.
    pub fn nearest_cells_of(&self, queries: &[f32], count: usize) -> Vec<Vec<(u32, f32)>> {
        self.check(queries);
        rank::many(Level::best(), &self.turned, self.metric, queries, count)
    }

    fn check(&self, vectors: &[f32]) {
        assert!(vectors.len().is_multiple_of(self.dims), "vectors of {} dimensions", self.dims);
    }
}

#[cfg(test)]
mod tests;
