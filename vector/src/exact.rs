//! The nearest rows, for sure.
//!
//! A dense scan computes distances out of products, whose rounding errors grow with the lengths of vectors and not with the distance.
//! What it finds is compared again, pair by pair; and where its errors may have kept a row away, all rows are.

use crate::compare::Comparer;
use crate::{Metric, dense};

/// As many queries are compared with every row at once: a dense scan takes as long for one as for 32, and for two of them longer than
/// this.
const FEW: usize = 2;

/// The `k` rows of `values` that are nearest to each query, with their [distances](Metric::distance), the nearest first; more where
/// rows are as far as the last.
pub(crate) fn nearest(
    metric: Metric,
    dims: usize,
    values: &[f32],
    queries: &[f32],
    k: usize,
) -> Vec<Vec<(u32, f32)>> {
    if queries.len() / dims <= FEW {
        return queries.chunks_exact(dims).map(|query| of_all(metric, dims, values, query, k)).collect();
    }
    let rows = values.len() / dims;
    let keep = (k + k / 4 + 16).min(rows);
    let longest = match metric {
        Metric::InnerProduct => values.chunks_exact(dims).map(square).fold(0.0, f32::max),
        _ => 0.0,
    };
    let scanned = dense::nearest(metric, dims, dense::Values::F32(values), queries, keep);
    let each = queries.chunks_exact(dims).zip(scanned);
    each.map(|(query, hits)| {
        let comparer = Comparer::new(metric, query);
        let pair = |row: u32| (row, comparer.distance(&values[row as usize * dims..][..dims]));
        let worst = hits.last().map_or(f32::INFINITY, |hit| hit.distance);
        let complete = hits.len() == rows;
        let mut found: Vec<(u32, f32)> = hits.iter().map(|hit| pair(hit.row)).collect();
        sort(&mut found);
        let last = found.get(k - 1).map_or(f32::INFINITY, |(_, distance)| *distance);
        // Of a row that is as near as the last one that counts, the scan's error is no more than this.
        let error = match metric {
            Metric::L2 => ERROR * (square(query).sqrt() + last.max(0.0).sqrt()).powi(2),
            Metric::InnerProduct => ERROR * (longest * square(query)).sqrt(),
            Metric::Cosine => ERROR,
        } * (dims as f32).sqrt();
        let sure = complete || (hits.len() == keep && worst - error > last);
        if !sure {
            return of_all(metric, dims, values, query, k);
        }
        cut(&mut found, k);
        found
    })
    .collect()
}

/// What [`nearest`] finds for a query, all rows compared.
fn of_all(metric: Metric, dims: usize, values: &[f32], query: &[f32], k: usize) -> Vec<(u32, f32)> {
    let comparer = Comparer::new(metric, query);
    let mut all: Vec<(u32, f32)> =
        (0..).zip(values.chunks_exact(dims).map(|row| comparer.distance(row))).collect();
    if k < all.len() {
        let (_, last, _) = all.select_nth_unstable_by(k - 1, |a, b| a.1.total_cmp(&b.1));
        let last = last.1;
        all.retain(|(_, distance)| is_as_near(*distance, last));
    }
    sort(&mut all);
    cut(&mut all, k);
    all
}

/// Leaves of what is sorted the first `k`, and what is as far as the last of them.
fn cut(found: &mut Vec<(u32, f32)>, k: usize) {
    let Some(last) = found.get(k - 1).map(|(_, distance)| *distance) else { return };
    found.truncate(found.partition_point(|(_, distance)| is_as_near(*distance, last)));
}

/// Zeros are alike whatever their signs, and what is no number has its place too.
fn is_as_near(distance: f32, last: f32) -> bool {
    distance <= last || distance.total_cmp(&last).is_le()
}

/// Rounding errors of a product, in parts of the lengths' product and for the root of the dimensions: some steps of single precision.
const ERROR: f32 = 16.0 * f32::EPSILON;

fn square(vector: &[f32]) -> f32 {
    vector.iter().map(|x| x * x).sum()
}

fn sort(found: &mut [(u32, f32)]) {
    found.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_right_where_products_are_not() {
        let mut rng = fastrand::Rng::with_seed(4);
        for (at, spread) in [(0.0, 1.0), (1000.0, 0.2), (-1e6, 3.0), (1e-6, 1e-8)] {
            for dims in [2, 24, 130] {
                let values: Vec<f32> = (0..500 * dims).map(|_| at + spread * rng.f32()).collect();
                let queries: Vec<f32> = (0..3 * dims).map(|_| at + spread * rng.f32()).collect();
                for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
                    let one = |query| nearest(metric, dims, &values, query, 7).remove(0);
                    let alone: Vec<_> = queries.chunks_exact(dims).map(one).collect();
                    let together = nearest(metric, dims, &values, &queries, 7);
                    assert_eq!(alone, together, "{metric:?}, {dims} dimensions at {at}");
                    for (query, found) in queries.chunks_exact(dims).zip(together) {
                        let mut all: Vec<(u32, f32)> = values
                            .chunks_exact(dims)
                            .zip(0..)
                            .map(|(row, n)| (n, metric.distance(query, row)))
                            .collect();
                        sort(&mut all);
                        assert!(found.len() >= 7);
                        assert_eq!(found, all[..found.len()], "{metric:?}, {dims} dimensions at {at}");
                        assert!(all[found.len()].1 > found[6].1, "all that are as far");
                    }
                }
            }
        }
    }
}
