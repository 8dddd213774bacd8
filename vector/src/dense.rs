//! Many queries over many vectors, each product computed: rows are read once for all of them.

use half::f16;
use half::slice::HalfFloatSliceExt as _;

use crate::Metric;
use crate::best::{Best, Hit, order_of, score_of};
use crate::simd::Level;
use crate::tiles::{LANES, Lanes, ROWS, multiply, turn};

/// Values of rows.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// As they were given.
    F32(&'a [f32]),
    /// Rounded to IEEE 754 binary16.
    F16(&'a [f16]),
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Values::F32(values) => values.len(),
            Values::F16(values) => values.len(),
        }
    }
}

/// The `keep` rows that are nearest to each query, the nearest first. Queries and rows have `dims` values each; a cosine with a
/// vector of length zero is taken for 0. Rows whose distance is not finite are left out.
///
/// Reads all rows once: the more queries come together (multiples of 32), the less each costs.
///
/// ```
/// use larder_vector::{Metric, dense};
///
/// let rows = [0.0, 1.0, 1.0, 0.0, 0.6, 0.8];
/// let found = dense::nearest(Metric::Cosine, 2, dense::Values::F32(&rows), &[0.0, 2.0], 2);
/// assert_eq!(found[0].iter().map(|hit| hit.row).collect::<Vec<_>>(), [0, 2]);
/// assert!((found[0][1].distance - 0.2).abs() < 1e-6);
/// ```
///
/// # Panics
/// If the lengths are no multiples of `dims`, or `dims` is 0.
pub fn nearest(
    metric: Metric,
    dims: usize,
    values: Values<'_>,
    queries: &[f32],
    keep: usize,
) -> Vec<Vec<Hit>> {
    assert!(
        dims > 0 && values.len().is_multiple_of(dims) && queries.len().is_multiple_of(dims),
        "values of {dims} dimensions"
    );
    let turned = Queries::new(metric, dims, queries);
    let keep = keep.min(values.len() / dims);
    let mut best: Vec<_> = (0..turned.count).map(|_| Best::new(keep)).collect();
    turned.scan(Level::best(), values, &mut best);
    let lines = queries.chunks_exact(dims).map(|query| metric.of_query(query));
    let hits = |(best, of_query): (Best, crate::metric::OfQuery)| {
        let hit = |(order, row)| Hit { row, distance: of_query.distance(score_of(order)) };
        best.into_sorted().into_iter().map(hit).collect()
    };
    best.into_iter().zip(lines).map(hits).collect()
}

/// What makes a product a distance: `base - slope * product`, for each row.
#[derive(Debug, Clone, Copy)]
struct Line {
    base: f32,
    slope: f32,
}

/// Queries, turned for the scan.
#[derive(Debug, Clone)]
struct Queries {
    dims: usize,
    count: usize,
    metric: Metric,
    /// For each 32 queries, for each dimension, their values there.
    turned: Vec<Lanes>,
}

impl Queries {
    /// Turns queries.
    fn new(metric: Metric, dims: usize, queries: &[f32]) -> Queries {
        let (count, turned) = (queries.len() / dims, turn(dims, queries));
        Queries { dims, count, metric, turned }
    }

    /// Offers the rows of `values` to the best of each query.
    fn scan(&self, level: Level, values: Values<'_>, best: &mut [Best]) {
        assert_eq!(best.len(), self.count, "as many answers as queries");
        let dims = self.dims;
        let all = values.len() / dims;
        // Nothing is below the limit of a lane without a query.
        let mut limits = vec![Lanes([f32::NEG_INFINITY; LANES]); self.count.div_ceil(LANES)];
        for (query, best) in best.iter().enumerate() {
            limits[query / LANES].0[query % LANES] = score_of(best.limit());
        }
        let mut rows = vec![0f32; ROWS * dims];
        let mut products = [Lanes([0.0; LANES]); ROWS];
        for first in (0..all).step_by(ROWS) {
            let count = ROWS.min(all - first);
            match values {
                Values::F32(values) => {
                    rows[..count * dims].copy_from_slice(&values[first * dims..][..count * dims])
                }
                Values::F16(values) => {
                    values[first * dims..][..count * dims].convert_to_f32_slice(&mut rows[..count * dims]);
                }
            }
            let mut lines = [Line { base: 0.0, slope: 0.0 }; ROWS];
            for (line, row) in lines.iter_mut().zip(rows.chunks_exact(dims)).take(count) {
                *line = line_of(level, self.metric, row);
            }
            for (group, (turned, limits)) in self.turned.chunks_exact(dims).zip(&mut limits).enumerate() {
                multiply(level, turned, &rows, dims, &mut products);
                for (row, (products, line)) in products.iter_mut().zip(&lines).enumerate().take(count) {
                    let mut under = below(level, products, line, limits);
                    while under != 0 {
                        let lane = under.trailing_zeros() as usize;
                        under &= under - 1;
                        let best = &mut best[group * LANES + lane];
                        best.offer(order_of(products.0[lane]), (first + row) as u32);
                        limits.0[lane] = score_of(best.limit());
                    }
                }
            }
        }
    }
}

crate::simd::versions! {
    /// What a row makes of its products.
    fn line_of(metric: Metric, row: &[f32]) -> Line {
        if metric == Metric::InnerProduct {
            return Line { base: 0.0, slope: 1.0 };
        }
        let mut sums = [0f32; 16];
        let (whole, rest) = row.as_chunks::<16>();
        for part in whole {
            for (sum, x) in sums.iter_mut().zip(part) {
                *sum += x * x;
            }
        }
        let square: f32 = sums.iter().sum::<f32>() + rest.iter().map(|x| x * x).sum::<f32>();
        match metric {
            Metric::L2 => Line { base: square, slope: 2.0 },
            _ if square > 0.0 => Line { base: 0.0, slope: 1.0 / square.sqrt() },
            _ => Line { base: 0.0, slope: 0.0 },
        }
    }
}

crate::simd::versions! {
    /// Turns products into scores; gives those below the limits.
    fn below(products: &mut Lanes, line: &Line, limits: &Lanes) -> u32 {
        let mut any = 0u32;
        for (product, limit) in products.0.iter_mut().zip(&limits.0) {
            *product = line.base - line.slope * *product;
            any |= u32::from(*product < *limit);
        }
        if any == 0 {
            return 0;
        }
        let mut under = 0;
        for (lane, (score, limit)) in products.0.iter().zip(&limits.0).enumerate() {
            under |= u32::from(*score < *limit) << lane;
        }
        under
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_finds_what_is_nearest() {
        println!("compared, as this processor has them: {:?}", Level::all());
        let mut rng = fastrand::Rng::with_seed(1);
        for (dims, rows, count) in [(2, 1, 1), (3, 9, 33), (17, 100, 40), (96, 203, 64)] {
            let mut random = |n: usize| (0..n).map(|_| rng.f32() - 0.5).collect::<Vec<f32>>();
            let (base, queries) = (random(rows * dims), random(count * dims));
            let halves: Vec<f16> = base.iter().map(|x| f16::from_f32(*x)).collect();
            for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
                let turned = Queries::new(metric, dims, &queries);
                for level in Level::all() {
                    for (values, near) in [(Values::F32(&base), 1e-5), (Values::F16(&halves), 2e-3)] {
                        let mut best: Vec<_> = (0..count).map(|_| Best::new(10)).collect();
                        turned.scan(level, values, &mut best);
                        for (best, query) in best.into_iter().zip(queries.chunks_exact(dims)) {
                            let mut wanted: Vec<f64> =
                                base.chunks_exact(dims).map(|row| naive(metric, row, query)).collect();
                            wanted.sort_by(f64::total_cmp);
                            let found = best.into_sorted();
                            assert_eq!(found.len(), rows.min(10));
                            for ((order, row), wanted) in found.iter().zip(&wanted) {
                                let row = *row as usize * dims;
                                let own = naive(metric, &base[row..row + dims], query);
                                assert!((f64::from(score_of(*order)) - own).abs() < near * dims as f64);
                                assert!((own - wanted).abs() < near * dims as f64, "{metric:?} {level:?}");
                            }
                        }
                    }
                }
            }
        }
    }

    /// A score without what all rows of a query have in common.
    fn naive(metric: Metric, row: &[f32], query: &[f32]) -> f64 {
        let dot =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
        match metric {
            Metric::L2 => dot(row, row) - 2.0 * dot(row, query),
            Metric::Cosine => -dot(row, query) / dot(row, row).sqrt(),
            Metric::InnerProduct => -dot(row, query),
        }
    }
}
