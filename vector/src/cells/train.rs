//! Centroids from a sample: seeds as k-means|| has them (Bahmani et al., VLDB 2012), 32 at a time, then rounds of Lloyd's over a part of
//! the sample and over all.

use rayon::prelude::*;

use super::Turned;
use super::assign::{PART, assign};
use crate::simd::{Level, versions};
use crate::tiles::{LANES, Lanes, ROWS, each_eight, multiply, turn};
use crate::{Cancelled, Progress};

/// How cells are trained.
#[derive(Debug, Clone)]
pub struct CellOptions {
    /// How many, at most one for each vector.
    pub cells: usize,
    /// The same seed, vectors and options give the same cells, on any number of threads of processors with the same instructions.
    pub seed: u64,
    /// The most vectors that are looked at.
    pub sample: usize,
    /// Rounds over the whole sample; as many over a quarter of it come before.
    pub rounds: usize,
}

impl Default for CellOptions {
    fn default() -> CellOptions {
        CellOptions { cells: 256, seed: 0, sample: 16_384, rounds: 3 }
    }
}

/// Vectors that seeds are chosen of, for each cell.
const SEEDED: usize = 8;

pub(super) fn train(
    vectors: &[f32],
    dims: usize,
    options: &CellOptions,
    progress: &Progress<'_>,
) -> Result<Vec<f32>, Cancelled> {
    let level = Level::best();
    let rows = vectors.len() / dims;
    let mut rng = fastrand::Rng::with_seed(options.seed);
    let mut chosen = rng.choose_multiple(0..rows, options.sample.min(rows));
    // Rows that lie together may be near each other: a part of the sample must be a sample as well.
    rng.shuffle(&mut chosen);
    let mut sample = Vec::with_capacity(chosen.len() * dims);
    for row in &chosen {
        sample.extend_from_slice(&vectors[row * dims..][..dims]);
    }
    let count = chosen.len();
    let cells = options.cells.min(count);
    let seeded = (cells.saturating_mul(SEEDED)).min(count);
    let quarter = (count / 4).max(seeded);
    let work = progress.begin((seeded + options.rounds * (quarter + count)) as u64);
    let mut centroids = seeds(level, &sample[..seeded * dims], dims, cells, &mut rng);
    work.step(seeded as u64)?;
    for part in [quarter, count] {
        for _ in 0..options.rounds {
            lloyd(level, &sample[..part * dims], dims, &mut centroids, &mut rng);
            work.step(part as u64)?;
        }
    }
    Ok(centroids)
}

/// Chooses vectors that are far from those chosen, each with the odds of the square of its distance.
fn seeds(level: Level, vectors: &[f32], dims: usize, cells: usize, rng: &mut fastrand::Rng) -> Vec<f32> {
    let count = vectors.len() / dims;
    let mut distances = vec![f32::MAX; count];
    let mut centroids = Vec::with_capacity(cells * dims);
    let mut chosen = vec![rng.usize(..count)];
    let mut left = cells;
    loop {
        chosen.truncate(left);
        left -= chosen.len();
        let from = centroids.len();
        for row in &chosen {
            centroids.extend_from_slice(&vectors[row * dims..][..dims]);
        }
        if left == 0 {
            return centroids;
        }
        approach(level, vectors, dims, &centroids[from..], &mut distances);
        let total: f64 = distances.iter().map(|x| f64::from(*x)).sum();
        chosen.clear();
        // As many are chosen at once as there are, so that the first ones are not all near each other.
        let mut marks: Vec<f64> =
            (0..(centroids.len() / dims).min(LANES)).map(|_| rng.f64() * total).collect();
        marks.sort_unstable_by(f64::total_cmp);
        let (mut marks, mut sum) = (marks.into_iter().peekable(), 0.0);
        for (row, distance) in distances.iter_mut().enumerate() {
            sum += f64::from(*distance);
            while marks.next_if(|mark| *mark < sum).is_some() {
                if chosen.last() != Some(&row) {
                    chosen.push(row);
                }
            }
        }
        if chosen.is_empty() {
            // All are where a centroid is.
            chosen.extend((0..LANES).map(|_| rng.usize(..count)));
        }
    }
}

/// Lowers the distance of each vector to that from the nearest of at most 32 centroids.
fn approach(level: Level, vectors: &[f32], dims: usize, centroids: &[f32], distances: &mut [f32]) {
    let turned = turn(dims, centroids);
    let mut squares = Lanes([f32::INFINITY; LANES]);
    for (square, centroid) in squares.0.iter_mut().zip(centroids.chunks_exact(dims)) {
        *square = centroid.iter().map(|x| x * x).sum();
    }
    let parts = vectors.par_chunks(PART * dims).zip(distances.par_chunks_mut(PART));
    parts.for_each(|(vectors, distances)| {
        let (mut spare, mut products) = (Vec::new(), [Lanes([0.0; LANES]); ROWS]);
        for (rows, distances) in each_eight(dims, vectors, &mut spare).zip(distances.chunks_mut(ROWS)) {
            multiply(level, &turned, rows, dims, &mut products);
            for ((distance, row), products) in distances.iter_mut().zip(rows.chunks(dims)).zip(&products) {
                let own: f32 = row.iter().map(|x| x * x).sum();
                for (product, square) in products.0.iter().zip(&squares.0) {
                    let apart = (own + square - 2.0 * product).max(0.0);
                    *distance = if apart < *distance { apart } else { *distance };
                }
            }
        }
    });
}

/// Moves each centroid to the middle of the vectors that it is nearest to.
fn lloyd(level: Level, vectors: &[f32], dims: usize, centroids: &mut [f32], rng: &mut fastrand::Rng) {
    let count = vectors.len() / dims;
    let cells = centroids.len() / dims;
    let mut found = vec![0; count];
    assign(level, &Turned::new(dims, centroids), vectors, &mut found);
    // Vectors by cell, so that each sum is added up in one order, by whichever thread.
    let mut from = vec![0usize; cells + 1];
    for cell in &found {
        from[*cell as usize + 1] += 1;
    }
    for cell in 0..cells {
        from[cell + 1] += from[cell];
    }
    let (mut at, mut rows) = (from.clone(), vec![0usize; count]);
    for (row, cell) in found.iter().enumerate() {
        rows[at[*cell as usize]] = row;
        at[*cell as usize] += 1;
    }
    // Nobody is near some: each goes to some vector, where it splits what another one has.
    let empty: Vec<usize> =
        from.windows(2).map(|pair| if pair[0] == pair[1] { rng.usize(..count) } else { 0 }).collect();
    centroids.par_chunks_exact_mut(dims).enumerate().for_each(|(cell, centroid)| {
        let rows = &rows[from[cell]..from[cell + 1]];
        if rows.is_empty() {
            centroid.copy_from_slice(&vectors[empty[cell] * dims..][..dims]);
            return;
        }
        let mut sums = vec![0f64; dims];
        for row in rows {
            add(level, &vectors[row * dims..][..dims], &mut sums);
        }
        for (x, sum) in centroid.iter_mut().zip(sums) {
            *x = (sum / rows.len() as f64) as f32;
        }
    });
}

versions! {
    fn add(vector: &[f32], sums: &mut [f64]) {
        for (sum, x) in sums.iter_mut().zip(vector) {
            *sum += f64::from(*x);
        }
    }
}
