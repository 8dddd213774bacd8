//! Centroids from a sample: k-means++ (Arthur and Vassilvitskii, SODA 2007), then rounds of Lloyd's over a part of it and over all.

use rayon::prelude::*;

use super::{CENTROIDS, Codebook, nearest_centroids, squares};
use crate::simd::{Level, versions};

/// How a codebook is trained.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// The same seed, vectors and options give the same codebook, on any number of threads.
    pub seed: u64,
    /// Dimensions of a stretch, at most all of them: each stretch becomes a byte.
    pub width: usize,
    /// The most vectors that are looked at.
    pub sample: usize,
    /// Rounds over the whole sample; some over a part of it come before.
    pub rounds: usize,
}

impl Default for TrainOptions {
    fn default() -> TrainOptions {
        TrainOptions { seed: 0, width: 8, sample: 65_536, rounds: 16 }
    }
}

pub(super) fn train(vectors: &[f32], dims: usize, width: usize, options: &TrainOptions) -> Codebook {
    let level = Level::best();
    let rows = vectors.len() / dims;
    let mut rng = fastrand::Rng::with_seed(options.seed);
    let sample = rng.choose_multiple(0..rows, options.sample.min(rows));
    let subs = dims.div_ceil(width);
    let seeds: Vec<u64> = (0..subs).map(|_| rng.u64(..)).collect();
    let centroids: Vec<Vec<f32>> = (0..subs)
        .into_par_iter()
        .map(|sub| {
            let from = sub * width;
            let to = dims.min(from + width);
            let mut points = Vec::with_capacity(sample.len() * width);
            for row in &sample {
                points.extend_from_slice(&vectors[row * dims + from..row * dims + to]);
                points.resize(points.len() + width - (to - from), 0.0);
            }
            of_stretch(level, &points, width, options.rounds, seeds[sub])
        })
        .collect();
    Codebook::new(dims, width, centroids.concat())
}

/// The centroids of one stretch, dimension by dimension.
fn of_stretch(level: Level, points: &[f32], width: usize, rounds: usize, seed: u64) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let count = points.len() / width;
    let first = (count / 8).max(8192).min(count);
    let mut centroids = plus_plus(level, &points[..first * width], width, &mut rng);
    // Far away is far away in a part of the sample as well: the first rounds go over little.
    for round in 0..rounds + 6 {
        let part = if round < 6 { first } else { count };
        lloyd(level, &points[..part * width], width, &mut centroids, &mut rng);
    }
    centroids
}

/// Chooses points that are far from those chosen, each with the odds of the square of its distance.
fn plus_plus(level: Level, points: &[f32], width: usize, rng: &mut fastrand::Rng) -> Vec<f32> {
    let count = points.len() / width;
    let mut centroids = vec![0f32; width * CENTROIDS];
    let mut distances = vec![f32::MAX; count];
    // Dimension by dimension, so that many points are compared at once.
    let mut turned = vec![0f32; points.len()];
    for (row, point) in points.chunks_exact(width).enumerate() {
        for (dim, x) in point.iter().enumerate() {
            turned[dim * count + row] = *x;
        }
    }
    let mut chosen = rng.usize(..count);
    let mut scratch = vec![0f32; count];
    for c in 0..CENTROIDS {
        let point = &points[chosen * width..][..width];
        for (dim, x) in point.iter().enumerate() {
            centroids[dim * CENTROIDS + c] = *x;
        }
        let total = approach(level, &turned, point, &mut scratch, &mut distances);
        let mut at = rng.f64() * total;
        chosen = distances
            .iter()
            .position(|distance| {
                at -= f64::from(*distance);
                at < 0.0
            })
            .unwrap_or_else(|| rng.usize(..count));
    }
    centroids
}

versions! {
    /// Lowers each distance to that from `point`; gives their sum.
    fn approach(turned: &[f32], point: &[f32], scratch: &mut [f32], distances: &mut [f32]) -> f64 {
        scratch.fill(0.0);
        for (values, x) in turned.chunks_exact(scratch.len()).zip(point) {
            for (sum, value) in scratch.iter_mut().zip(values) {
                let apart = value - x;
                *sum += apart * apart;
            }
        }
        let mut total = 0.0;
        for (distances, scratch) in distances.chunks_mut(256).zip(scratch.chunks(256)) {
            let mut part = 0f32;
            for (distance, new) in distances.iter_mut().zip(scratch) {
                *distance = if *new < *distance { *new } else { *distance };
                part += *distance;
            }
            total += f64::from(part);
        }
        total
    }
}

/// Moves each centroid to the middle of the points that it is nearest to.
fn lloyd(level: Level, points: &[f32], width: usize, centroids: &mut [f32], rng: &mut fastrand::Rng) {
    let norms = squares(centroids);
    let (mut sums, mut counts) = (vec![0f64; CENTROIDS * width], [0u32; CENTROIDS]);
    let count = points.len() / width;
    let mut found = vec![0; count];
    nearest_centroids(level, points, centroids, &norms, &mut found);
    for (point, c) in points.chunks_exact(width).zip(found) {
        let c = usize::from(c);
        counts[c] += 1;
        for (sum, x) in sums[c * width..].iter_mut().zip(point) {
            *sum += f64::from(*x);
        }
    }
    for c in 0..CENTROIDS {
        if counts[c] == 0 {
            // Nobody is near it: it goes to some point, where it splits what another one has.
            let point = rng.usize(..count);
            for dim in 0..width {
                centroids[dim * CENTROIDS + c] = points[point * width + dim];
            }
            continue;
        }
        for dim in 0..width {
            centroids[dim * CENTROIDS + c] = (sums[c * width + dim] / f64::from(counts[c])) as f32;
        }
    }
}
