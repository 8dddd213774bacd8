//! Vectors in cells of bounded size.

use rayon::prelude::*;

use super::Turned;
use super::assign::PART;
use super::rank::least;
use crate::simd::Level;
use crate::tiles::{LANES, Lanes, ROWS, each_eight, multiply};

/// Cells that are tried before distances are computed again, to those that still have room.
const TRIED: usize = 8;

/// The nearest open cells of a vector.
struct Wishes {
    /// How much farther the second is: how much is lost where the first one is full.
    regret: f32,
    row: u32,
    cells: [u32; TRIED],
    count: usize,
}

/// Greedy, by regret: whoever loses most by it chooses first.
pub(super) fn assign(
    level: Level,
    dims: usize,
    centroids: &[f32],
    vectors: &[f32],
    most_per_cell: usize,
) -> Vec<u32> {
    let rows = vectors.len() / dims;
    let mut cells = vec![0; rows];
    let mut room = vec![most_per_cell; centroids.len() / dims];
    let mut waiting: Vec<u32> = (0..rows as u32).collect();
    // Who chooses first always gets the first cell: each turn places some, and closes cells where it does not place all.
    while !waiting.is_empty() {
        let open: Vec<u32> = (0..room.len() as u32).filter(|cell| room[*cell as usize] > 0).collect();
        let mut of_open = Vec::with_capacity(open.len() * dims);
        for cell in &open {
            of_open.extend_from_slice(&centroids[*cell as usize * dims..][..dims]);
        }
        let turned = Turned::new(dims, &of_open);
        let mut wishes: Vec<Wishes> =
            waiting.par_chunks(PART).flat_map_iter(|rows| wishes(level, &turned, vectors, rows)).collect();
        wishes.par_sort_unstable_by(|a, b| b.regret.total_cmp(&a.regret).then(a.row.cmp(&b.row)));
        waiting.clear();
        for wish in wishes {
            let cell = wish.cells[..wish.count].iter().map(|at| open[*at as usize]);
            match cell.into_iter().find(|cell| room[*cell as usize] > 0) {
                Some(cell) => {
                    room[cell as usize] -= 1;
                    cells[wish.row as usize] = cell;
                }
                None => waiting.push(wish.row),
            }
        }
        waiting.sort_unstable();
    }
    cells
}

/// The wishes of some rows.
fn wishes(level: Level, turned: &Turned, vectors: &[f32], rows: &[u32]) -> Vec<Wishes> {
    let dims = turned.dims;
    let mut values = Vec::with_capacity(rows.len() * dims);
    for row in rows {
        values.extend_from_slice(&vectors[*row as usize * dims..][..dims]);
    }
    let groups = turned.squares.len();
    let mut scores = vec![0f32; ROWS * groups * LANES];
    let (mut spare, mut products) = (Vec::new(), [Lanes([0.0; LANES]); ROWS]);
    let mut all = Vec::with_capacity(rows.len());
    for (values, rows) in each_eight(dims, &values, &mut spare).zip(rows.chunks(ROWS)) {
        for (group, (centroids, squares)) in turned.values.chunks_exact(dims).zip(&turned.squares).enumerate()
        {
            multiply(level, centroids, values, dims, &mut products);
            for (products, scores) in products.iter().zip(scores.chunks_exact_mut(groups * LANES)) {
                let scores = &mut scores[group * LANES..][..LANES];
                for ((score, product), square) in scores.iter_mut().zip(&products.0).zip(&squares.0) {
                    *score = square - 2.0 * product;
                }
            }
        }
        for (row, scores) in rows.iter().zip(scores.chunks_exact(groups * LANES)) {
            let found = least(&scores[..turned.count], TRIED);
            let mut wish = Wishes { regret: 0.0, row: *row, cells: [0; TRIED], count: found.len() };
            for (cell, (at, _)) in wish.cells.iter_mut().zip(&found) {
                *cell = *at;
            }
            if let [first, second, ..] = &found[..] {
                // What is no number, of vectors too long for a square, is no regret.
                wish.regret = Some(second.1 - first.1).filter(|regret| !regret.is_nan()).unwrap_or(0.0);
            }
            if found.is_empty() {
                // Nothing is near it: any cells will do.
                wish.count = TRIED.min(turned.count);
                wish.cells = std::array::from_fn(|at| at as u32);
            }
            all.push(wish);
        }
    }
    all
}
