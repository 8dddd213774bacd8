//! Centroids from a sample: k-means++ (Arthur and Vassilvitskii, SODA 2007), then rounds over nested parts of it, each twice as large as
//! the one before (Newling and Fleuret, NIPS 2016). Within a round centroids move after each batch of points, whose sums replace those
//! that the same points had in the round before: several times fewer rounds do than with Lloyd's.

use rayon::prelude::*;

use super::encode::{nearest_centroids, turn};
use super::{CENTROIDS, Codebook, squares};
use crate::simd::{Level, versions};
use crate::tiles::{LANES, Lanes};
use crate::{Cancelled, Progress};

/// How a codebook is trained.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// The same seed, vectors and options give the same codebook, on any number of threads.
    pub seed: u64,
    /// Dimensions of a stretch, at most all of them: each stretch becomes a byte.
    pub width: usize,
    /// The most vectors that are looked at.
    pub sample: usize,
    /// Rounds over the whole sample; some over parts of it come before.
    pub rounds: usize,
}

impl Default for TrainOptions {
    fn default() -> TrainOptions {
        TrainOptions { seed: 0, width: 8, sample: 65_536, rounds: 5 }
    }
}

/// Points that seeds are chosen of.
const SEEDED: usize = 8192;
/// Rounds over the first, smallest part.
const FIRST: usize = 4;
/// Tiles of a batch.
const BATCH: usize = 32;

pub(super) fn train(
    vectors: &[f32],
    dims: usize,
    width: usize,
    options: &TrainOptions,
    progress: &Progress<'_>,
) -> Result<Codebook, Cancelled> {
    let level = Level::best();
    let rows = vectors.len() / dims;
    let mut rng = fastrand::Rng::with_seed(options.seed);
    let mut sample = rng.choose_multiple(0..rows, options.sample.min(rows));
    // Rows that lie together may be near each other: a part of the sample must be a sample as well.
    rng.shuffle(&mut sample);
    let subs = dims.div_ceil(width);
    let seeds: Vec<u64> = (0..subs).map(|_| rng.u64(..)).collect();
    let parts = parts(sample.len(), options.rounds);
    let steps: usize = parts.iter().sum();
    let work = progress.begin((steps * subs) as u64);
    let stretch = |sub: usize| {
        let from = sub * width;
        let to = dims.min(from + width);
        let points = sample.iter().map(|row| &vectors[row * dims + from..row * dims + to]);
        let mut tiles = Vec::new();
        turn(width, sample.len(), points, &mut tiles);
        let mut rng = fastrand::Rng::with_seed(seeds[sub]);
        let mut points = Points::new(level, &tiles, width, sample.len(), &mut rng);
        for part in &parts {
            points.round(level, *part, &mut rng);
            work.step(*part as u64)?;
        }
        Ok(points.centroids)
    };
    let centroids: Result<Vec<Vec<f32>>, Cancelled> = (0..subs).into_par_iter().map(stretch).collect();
    Ok(Codebook::new(dims, width, centroids?.concat()))
}

/// How many points each round goes over.
fn parts(count: usize, rounds: usize) -> Vec<usize> {
    let mut part = (count / 8).max(SEEDED).min(count);
    let mut parts = vec![part; FIRST];
    while part < count {
        part = (2 * part).min(count);
        if part < count {
            parts.push(part);
        }
    }
    parts.extend((0..rounds).map(|_| count));
    parts
}

/// Points of a stretch, and where they are.
struct Points<'a> {
    tiles: &'a [Lanes],
    width: usize,
    count: usize,
    /// Dimension by dimension.
    centroids: Vec<f32>,
    /// Of the points that are assigned, for each centroid, and how many they are.
    sums: Vec<f64>,
    counts: [u32; CENTROIDS],
    /// The centroids of the points of the rounds before.
    of: Vec<[u8; LANES]>,
    assigned: usize,
}

impl<'a> Points<'a> {
    fn new(
        level: Level,
        tiles: &'a [Lanes],
        width: usize,
        count: usize,
        rng: &mut fastrand::Rng,
    ) -> Points<'a> {
        let seeded = SEEDED.min(count);
        let centroids = plus_plus(level, &tiles[..seeded.div_ceil(LANES) * width], width, seeded, rng);
        let (sums, counts) = (vec![0.0; CENTROIDS * width], [0; CENTROIDS]);
        let of = vec![[0; LANES]; count.div_ceil(LANES)];
        Points { tiles, width, count, centroids, sums, counts, of, assigned: 0 }
    }

    /// Goes over the first `part` of the points.
    fn round(&mut self, level: Level, part: usize, rng: &mut fastrand::Rng) {
        let width = self.width;
        let before = self.assigned;
        let mut norms = squares(&self.centroids);
        let mut found = [[0u8; LANES]; BATCH];
        for first in (0..part.div_ceil(LANES)).step_by(BATCH) {
            let last = part.div_ceil(LANES).min(first + BATCH);
            let (tiles, found) = (&self.tiles[first * width..last * width], &mut found[..last - first]);
            nearest_centroids(level, tiles, &self.centroids, &norms, found);
            let rows = first * LANES..part.min(last * LANES);
            for ((row, new), old) in
                rows.zip(found.as_flattened()).zip(self.of.as_flattened_mut()[first * LANES..].iter_mut())
            {
                let tile = &tiles[(row / LANES - first) * width..][..width];
                let known = row < before;
                if known && new == old {
                    continue;
                }
                let to = usize::from(*new);
                self.counts[to] += 1;
                for (sum, lanes) in self.sums[to * width..][..width].iter_mut().zip(tile) {
                    *sum += f64::from(lanes.0[row % LANES]);
                }
                if known {
                    let from = usize::from(*old);
                    self.counts[from] -= 1;
                    for (sum, lanes) in self.sums[from * width..][..width].iter_mut().zip(tile) {
                        *sum -= f64::from(lanes.0[row % LANES]);
                    }
                }
                *old = *new;
            }
            self.assigned = self.assigned.max(part.min(last * LANES));
            // Sums of a few points alone are no middles yet.
            if before > 0 {
                self.settle();
                norms = squares(&self.centroids);
            }
        }
        self.settle();
        // Nobody is near some: each goes to some point, where it splits what another one has.
        for c in (0..CENTROIDS).filter(|c| self.counts[*c] == 0) {
            let point = rng.usize(..part.min(self.count));
            let tile = &self.tiles[point / LANES * width..][..width];
            for (of_dim, lanes) in self.centroids.chunks_exact_mut(CENTROIDS).zip(tile) {
                of_dim[c] = lanes.0[point % LANES];
            }
        }
    }

    /// Moves each centroid to the middle of its points.
    fn settle(&mut self) {
        for (c, (sums, count)) in self.sums.chunks_exact(self.width).zip(self.counts).enumerate() {
            if count > 0 {
                let part = 1.0 / f64::from(count);
                for (of_dim, sum) in self.centroids.chunks_exact_mut(CENTROIDS).zip(sums) {
                    of_dim[c] = (sum * part) as f32;
                }
            }
        }
    }
}

/// Chooses points that are far from those chosen, each with the odds of the square of its distance.
fn plus_plus(level: Level, tiles: &[Lanes], width: usize, count: usize, rng: &mut fastrand::Rng) -> Vec<f32> {
    let mut centroids = vec![0f32; width * CENTROIDS];
    let mut distances = vec![Lanes([f32::MAX; LANES]); count.div_ceil(LANES)];
    if let Some(last) = distances.last_mut() {
        // What is no point is chosen by nobody.
        last.0[(count - 1) % LANES + 1..].fill(0.0);
    }
    let mut sums = vec![0f32; distances.len()];
    let mut chosen = rng.usize(..count);
    let mut point = vec![0f32; width];
    for c in 0..CENTROIDS {
        for (dim, lanes) in tiles[chosen / LANES * width..][..width].iter().enumerate() {
            point[dim] = lanes.0[chosen % LANES];
            centroids[dim * CENTROIDS + c] = point[dim];
        }
        approach(level, tiles, &point, &mut distances, &mut sums);
        let mut at = rng.f64() * sums.iter().map(|sum| f64::from(*sum)).sum::<f64>();
        let mut passes = |distance: &f32| {
            let here = at < f64::from(*distance);
            at -= if here { 0.0 } else { f64::from(*distance) };
            here
        };
        let tile = sums.iter().position(&mut passes);
        let lane = tile.and_then(|tile| distances[tile].0.iter().position(&mut passes));
        // Rounding, or what is no number, leads to none.
        let found = tile.zip(lane).map(|(tile, lane)| tile * LANES + lane).filter(|row| *row < count);
        chosen = found.unwrap_or_else(|| rng.usize(..count));
    }
    centroids
}

versions! {
    /// Lowers each distance to that from `point`; writes the sum of each 32.
    fn approach(tiles: &[Lanes], point: &[f32], distances: &mut [Lanes], sums: &mut [f32]) {
        for ((tile, distances), sum) in tiles.chunks_exact(point.len()).zip(distances).zip(sums) {
            let mut new = [0f32; LANES];
            for (lanes, x) in tile.iter().zip(point) {
                for (new, value) in new.iter_mut().zip(&lanes.0) {
                    let apart = value - x;
                    *new += apart * apart;
                }
            }
            let mut parts = [0f32; 16];
            for (distances, new) in distances.0.as_chunks_mut::<16>().0.iter_mut().zip(new.as_chunks::<16>().0) {
                for ((part, distance), new) in parts.iter_mut().zip(distances).zip(new) {
                    *distance = if *new < *distance { *new } else { *distance };
                    *part += *distance;
                }
            }
            *sum = parts.iter().sum();
        }
    }
}
