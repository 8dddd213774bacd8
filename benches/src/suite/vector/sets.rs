//! What is searched: real embeddings, many made of them, and vectors of other statistics.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use half::f16;
use larder_vector::{Metric, dense, npy};

use super::{Given, TEN};
use crate::error::{Result, at};
use crate::workload::Rng;

/// Products of faiss that are ours, but for the order of rounding.
pub(super) const METRIC: Metric = Metric::InnerProduct;

/// Vectors, queries, and where they are for the peer.
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) metric: Metric,
    pub(super) dims: usize,
    pub(super) base: Vec<f32>,
    pub(super) queries: Vec<f32>,
    pub(super) base_path: PathBuf,
    pub(super) queries_path: PathBuf,
}

impl Set {
    /// The sentence embeddings.
    pub(super) fn real(given: &Given) -> Result<Set> {
        let read = |name: &str| -> Result<_> {
            let path = given.data.join(name);
            let bytes = std::fs::read(&path).map_err(|e| at(&path, e))?;
            Ok((path, npy::read(&bytes)?))
        };
        let (base_path, base) = read("minilm384_base.npy")?;
        let (queries_path, queries) = read("minilm384_queries.npy")?;
        Ok(Set {
            name: "sentence embeddings",
            metric: METRIC,
            dims: base.dims,
            base: base.values,
            queries: queries.values,
            base_path,
            queries_path,
        })
    }

    /// Means of two of them each, drawn at random with random weights, of length one: for speed only. Of the queries, `queries`.
    pub(super) fn mixed(self, count: usize, queries: usize, path: PathBuf) -> Result<Set> {
        let (dims, mut rng) = (self.dims, Rng::new(1));
        let rows = self.base.len() / dims;
        let mut base = Vec::with_capacity(count * dims);
        for _ in 0..count {
            let [a, b] = [(); 2].map(|()| &self.base[rng.below(rows) * dims..][..dims]);
            let part = rng.below(1 << 20) as f32 / (1 << 20) as f32;
            let from = base.len();
            base.extend(a.iter().zip(b).map(|(a, b)| a * part + b * (1.0 - part)));
            let length = base[from..].iter().map(|x| x * x).sum::<f32>().sqrt();
            base[from..].iter_mut().for_each(|x| *x = f16::from_f32(*x / length).to_f32());
        }
        write_halves(&path, dims, &base)?;
        let queries_path = path.with_extension("queries.npy");
        let queries = self.queries[..queries.min(self.queries.len() / dims) * dims].to_vec();
        write_halves(&queries_path, dims, &queries)?;
        Ok(Set { name: "mixed embeddings", base, queries, base_path: path, queries_path, ..self })
    }

    /// How many vectors there are.
    pub(super) fn rows(&self) -> usize {
        self.base.len() / self.dims
    }

    pub(super) fn query(&self, at: usize) -> &[f32] {
        &self.queries[at * self.dims..][..self.dims]
    }

    /// How many queries there are.
    pub(super) fn count(&self) -> usize {
        self.queries.len() / self.dims
    }

    /// The ten nearest of each query.
    pub(super) fn truth(&self) -> Vec<Vec<u64>> {
        let hits = dense::nearest(self.metric, self.dims, dense::Values::F32(&self.base), &self.queries, TEN);
        hits.iter().map(|hits| hits.iter().map(|hit| u64::from(hit.row)).collect()).collect()
    }
}

/// An array of half precision.
fn write_halves(path: &Path, dims: usize, values: &[f32]) -> Result<()> {
    let wrong = |e| at(path, e);
    let header =
        format!("{{'descr': '<f2', 'fortran_order': False, 'shape': ({}, {dims}), }}", values.len() / dims);
    let header = format!("{header:<117}\n");
    let mut file = BufWriter::new(std::fs::File::create(path).map_err(wrong)?);
    file.write_all(b"\x93NUMPY\x01\x00").map_err(wrong)?;
    file.write_all(&(header.len() as u16).to_le_bytes()).map_err(wrong)?;
    file.write_all(header.as_bytes()).map_err(wrong)?;
    for value in values {
        file.write_all(&f16::from_f32(*value).to_le_bytes()).map_err(wrong)?;
    }
    file.flush().map_err(wrong)
}

/// Side of a picture.
const SIDE: usize = 256;
/// Where patches of 16 × 16 pixels begin.
const STEP: usize = 8;
/// Directions of a histogram.
const DIRECTIONS: usize = 8;

/// Histograms of gradients as dense SIFT has them: 4 × 4 cells of 4 × 4 pixels, 8 directions, of length one, cut at 0.2, and of length
/// one again: values are not negative and most of them near 0. The pictures are drawn: discs, bars and ramps over each other, blurred
/// and with noise. The last ones are the queries.
pub(super) fn gradients(count: usize, queries: usize) -> Set {
    let dims = 16 * DIRECTIONS;
    let (mut rng, mut all) = (Rng::new(7), Vec::new());
    while all.len() < (count + queries) * dims {
        patches(&picture(&mut rng), &mut all);
    }
    // Neighbours in a picture are alike: queries are drawn of all.
    let rows = all.len() / dims;
    let mut order: Vec<usize> = (0..rows).collect();
    for at in (1..rows).rev() {
        order.swap(at, rng.below(at + 1));
    }
    let of = |rows: &[usize]| rows.iter().flat_map(|row| all[row * dims..][..dims].to_vec()).collect();
    Set {
        name: "gradient histograms",
        metric: Metric::L2,
        dims,
        base: of(&order[..count]),
        queries: of(&order[count..count + queries]),
        base_path: PathBuf::new(),
        queries_path: PathBuf::new(),
    }
}

fn picture(rng: &mut Rng) -> Vec<f32> {
    let mut unit = || rng.below(1 << 24) as f32 / (1 << 24) as f32;
    let mut pixels = vec![0f32; SIDE * SIDE];
    for _ in 0..40 {
        let (x, y, shade, kind) = (unit() * SIDE as f32, unit() * SIDE as f32, unit(), unit());
        let (size, turn) = (4.0 + unit() * unit() * 90.0, unit() * std::f32::consts::TAU);
        let (sin, cos) = turn.sin_cos();
        for (at, pixel) in pixels.iter_mut().enumerate() {
            let (dx, dy) = ((at % SIDE) as f32 - x, (at / SIDE) as f32 - y);
            let (along, across) = (dx * cos + dy * sin, dy * cos - dx * sin);
            let inside = match kind {
                k if k < 0.4 => dx * dx + dy * dy < size * size,
                k if k < 0.8 => across.abs() < size * 0.15 && along.abs() < size * 1.5,
                _ => along.abs().max(across.abs()) < size,
            };
            if inside {
                *pixel = if kind > 0.9 { shade * (0.5 + along / size / 2.0) } else { shade };
            }
        }
    }
    let mut blurred = pixels.clone();
    for (at, blurred) in blurred.iter_mut().enumerate().take(SIDE * (SIDE - 1) - 1).skip(SIDE + 1) {
        let near = [at - SIDE - 1, at - SIDE, at - SIDE + 1, at - 1, at, at + 1];
        let below = [at + SIDE - 1, at + SIDE, at + SIDE + 1];
        *blurred = near.iter().chain(&below).map(|at| pixels[*at]).sum::<f32>() / 9.0;
    }
    blurred.iter_mut().for_each(|pixel| *pixel += 0.02 * unit());
    blurred
}

fn patches(pixels: &[f32], out: &mut Vec<f32>) {
    let gradient = |at: usize| {
        let (x, y) = (pixels[at + 1] - pixels[at - 1], pixels[at + SIDE] - pixels[at - SIDE]);
        let turn = (y.atan2(x) / std::f32::consts::TAU + 1.0) * DIRECTIONS as f32;
        (turn as usize % DIRECTIONS, x.hypot(y))
    };
    for top in (1..SIDE - 17).step_by(STEP) {
        for left in (1..SIDE - 17).step_by(STEP) {
            let mut bins = [0f32; 16 * DIRECTIONS];
            for at in 0..256 {
                let (direction, length) = gradient((top + at / 16) * SIDE + left + at % 16);
                bins[(at / 64 * 4 + at % 16 / 4) * DIRECTIONS + direction] += length;
            }
            for most in [0.2, 1.0] {
                let length = bins.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-6);
                bins.iter_mut().for_each(|x| *x = (*x / length).min(most));
            }
            out.extend_from_slice(&bins);
        }
    }
}
