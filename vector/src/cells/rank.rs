//! The cells that are nearest to a query.

use super::Turned;
use crate::Metric;
use crate::simd::{Level, versions};
use crate::tiles::{LANES, Lanes, ROWS, each_eight, multiply};

pub(super) fn one(
    level: Level,
    turned: &Turned,
    metric: Metric,
    query: &[f32],
    count: usize,
) -> Vec<(u32, f32)> {
    let mut products = vec![Lanes([0.0; LANES]); turned.squares.len()];
    products_of(level, &turned.values, query, &mut products);
    let line = Line::new(metric, query);
    let mut scores = Vec::with_capacity(products.len() * LANES);
    for (products, squares) in products.iter().zip(&turned.squares) {
        scores.extend(products.0.iter().zip(&squares.0).map(|(product, square)| line.at(*product, *square)));
    }
    least(&scores[..turned.count], count)
}

pub(super) fn many(
    level: Level,
    turned: &Turned,
    metric: Metric,
    queries: &[f32],
    count: usize,
) -> Vec<Vec<(u32, f32)>> {
    let (dims, groups) = (turned.dims, turned.squares.len());
    let (mut spare, mut products) = (Vec::new(), [Lanes([0.0; LANES]); ROWS]);
    let mut scores = vec![0f32; ROWS * groups * LANES];
    let mut all = Vec::with_capacity(queries.len() / dims);
    for (rows, queries) in each_eight(dims, queries, &mut spare).zip(queries.chunks(ROWS * dims)) {
        let lines: Vec<Line> = queries.chunks_exact(dims).map(|query| Line::new(metric, query)).collect();
        for (group, (values, squares)) in turned.values.chunks_exact(dims).zip(&turned.squares).enumerate() {
            multiply(level, values, rows, dims, &mut products);
            for ((line, products), scores) in
                lines.iter().zip(&products).zip(scores.chunks_exact_mut(groups * LANES))
            {
                let scores = &mut scores[group * LANES..][..LANES];
                for ((score, product), square) in scores.iter_mut().zip(&products.0).zip(&squares.0) {
                    *score = line.at(*product, *square);
                }
            }
        }
        let each = lines.iter().zip(scores.chunks_exact(groups * LANES));
        all.extend(each.map(|(_, scores)| least(&scores[..turned.count], count)));
    }
    all
}

/// What makes a product and a square a distance.
#[derive(Debug, Clone, Copy)]
struct Line {
    add: f32,
    of_product: f32,
    of_square: f32,
}

impl Line {
    fn new(metric: Metric, query: &[f32]) -> Line {
        let square: f32 = query.iter().map(|x| x * x).sum();
        match metric {
            Metric::L2 => Line { add: square, of_product: -2.0, of_square: 1.0 },
            Metric::InnerProduct => Line { add: 0.0, of_product: -1.0, of_square: 0.0 },
            Metric::Cosine if square > 0.0 => {
                Line { add: 1.0, of_product: -2.0 / square.sqrt(), of_square: 1.0 }
            }
            Metric::Cosine => Line { add: 0.0, of_product: 0.0, of_square: 1.0 },
        }
    }

    fn at(self, product: f32, square: f32) -> f32 {
        self.of_square * square + self.of_product * product + self.add
    }
}

/// The least of some scores, the least first; of equal ones the first.
pub(super) fn least(scores: &[f32], count: usize) -> Vec<(u32, f32)> {
    let mut best = crate::best::Best::new(count.min(scores.len()));
    let mut limit = f32::INFINITY;
    for (at, score) in scores.iter().enumerate() {
        if *score < limit {
            best.offer(crate::best::order_of(*score), at as u32);
            limit = crate::best::score_of(best.limit());
        }
    }
    best.into_sorted().into_iter().map(|(order, at)| (at, crate::best::score_of(order))).collect()
}

versions! {
    /// The products of one vector with many: four dimensions at once, as a sum waits for the one before.
    fn products_of(values: &[Lanes], query: &[f32], products: &mut [Lanes]) {
        let (fours, last) = query.as_chunks::<4>();
        for (values, products) in values.chunks_exact(query.len()).zip(products) {
            let (of_fours, of_last) = values.as_chunks::<4>();
            let mut sums = [[0f32; LANES]; 4];
            for (values, four) in of_fours.iter().zip(fours) {
                for ((sums, values), x) in sums.iter_mut().zip(values).zip(four) {
                    for (sum, value) in sums.iter_mut().zip(&values.0) {
                        *sum = x.mul_add(*value, *sum);
                    }
                }
            }
            for (values, x) in of_last.iter().zip(last) {
                for (sum, value) in sums[0].iter_mut().zip(&values.0) {
                    *sum = x.mul_add(*value, *sum);
                }
            }
            for (lane, product) in products.0.iter_mut().enumerate() {
                *product = (sums[0][lane] + sums[1][lane]) + (sums[2][lane] + sums[3][lane]);
            }
        }
    }
}
