//! The nearest centroid of each vector.

use rayon::prelude::*;

use super::Turned;
use crate::simd::{Level, versions};
use crate::tiles::{LANES, Lanes, ROWS, each_eight, multiply};

/// Vectors that a thread takes at once.
pub(super) const PART: usize = 1024;

/// What is least in each lane so far, for eight rows.
struct Least {
    scores: [Lanes; ROWS],
    groups: [[u32; LANES]; ROWS],
}

/// Writes the nearest centroid of each vector.
pub(super) fn assign(level: Level, turned: &Turned, vectors: &[f32], cells: &mut [u32]) {
    let parts = vectors.par_chunks(PART * turned.dims).zip(cells.par_chunks_mut(PART));
    parts.for_each(|(vectors, cells)| part(level, turned, vectors, cells));
}

fn part(level: Level, turned: &Turned, vectors: &[f32], cells: &mut [u32]) {
    let (mut spare, mut products) = (Vec::new(), [Lanes([0.0; LANES]); ROWS]);
    for (rows, cells) in each_eight(turned.dims, vectors, &mut spare).zip(cells.chunks_mut(ROWS)) {
        let mut least = Least { scores: [Lanes([f32::INFINITY; LANES]); ROWS], groups: [[0; LANES]; ROWS] };
        let groups = turned.values.chunks_exact(turned.dims).zip(&turned.squares);
        for (group, (values, squares)) in groups.enumerate() {
            multiply(level, values, rows, turned.dims, &mut products);
            lower(level, &products, squares, group as u32, &mut least);
        }
        for ((cell, scores), groups) in cells.iter_mut().zip(&least.scores).zip(&least.groups) {
            *cell = first(scores, groups);
        }
    }
}

versions! {
    /// Lowers what is least by the scores of 32 centroids.
    fn lower(products: &[Lanes; ROWS], squares: &Lanes, group: u32, least: &mut Least) {
        for ((products, scores), groups) in products.iter().zip(&mut least.scores).zip(&mut least.groups) {
            let lanes = products.0.iter().zip(&squares.0).zip(&mut scores.0).zip(groups);
            for (((product, square), least), found) in lanes {
                let score = square - 2.0 * product;
                let less = score < *least;
                *least = if less { score } else { *least };
                *found = if less { group } else { *found };
            }
        }
    }
}

/// The first of those with the least score.
fn first(scores: &Lanes, groups: &[u32; LANES]) -> u32 {
    let mut best = (f32::INFINITY, 0);
    for (lane, (score, group)) in scores.0.iter().zip(groups).enumerate() {
        let at = group * LANES as u32 + lane as u32;
        if *score < best.0 || (*score == best.0 && *score < f32::INFINITY && at < best.1) {
            best = (*score, at);
        }
    }
    best.1
}
