//! How near two vectors are.

use serde::{Deserialize, Serialize};

use crate::simd::{Level, versions};

/// What is compared. The smaller a distance, the nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Metric {
    /// The square of the Euclidean distance.
    L2,
    /// One less the cosine of the angle: 0 to 2.
    Cosine,
    /// The inner product, negated.
    #[serde(rename = "ip")]
    InnerProduct,
}

/// What turns a scan's scores, which leave out what is the same for all rows, into distances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfQuery {
    add: f32,
    times: f32,
}

impl OfQuery {
    pub(crate) fn distance(self, score: f32) -> f32 {
        score * self.times + self.add
    }
}

impl Metric {
    pub(crate) fn of_query(self, query: &[f32]) -> OfQuery {
        let square: f32 = query.iter().map(|x| x * x).sum();
        match self {
            Metric::L2 => OfQuery { add: square, times: 1.0 },
            Metric::InnerProduct => OfQuery { add: 0.0, times: 1.0 },
            Metric::Cosine if square > 0.0 => OfQuery { add: 1.0, times: 1.0 / square.sqrt() },
            Metric::Cosine => OfQuery { add: 1.0, times: 0.0 },
        }
    }
}

impl Metric {
    /// The distance of two vectors of as many values: the same on every machine, and what a search answers for a vector that it
    /// compared as it is.
    ///
    /// ```
    /// use larder_vector::Metric;
    /// assert_eq!(Metric::L2.distance(&[0.0, 1.0], &[2.0, 1.0]), 4.0);
    /// assert_eq!(Metric::InnerProduct.distance(&[0.0, 1.0], &[2.0, 3.0]), -3.0);
    /// assert_eq!(Metric::Cosine.distance(&[0.0, 1.0], &[2.0, 0.0]), 1.0);
    /// ```
    pub fn distance(self, a: &[f32], b: &[f32]) -> f32 {
        let level = Level::best();
        match self {
            Metric::L2 => square_distance(level, a, b),
            Metric::InnerProduct => -product(level, a, b),
            Metric::Cosine => {
                let lengths = product(level, a, a).sqrt() * product(level, b, b).sqrt();
                if lengths > 0.0 { 1.0 - product(level, a, b) / lengths } else { 1.0 }
            }
        }
    }
}

/// Sums that are kept side by side.
const LANES: usize = 32;

versions! {
    fn product(a: &[f32], b: &[f32]) -> f32 {
        let mut sums = [0f32; LANES];
        let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum = a.mul_add(*b, *sum);
            }
        }
        for (sum, (a, b)) in sums.iter_mut().zip(rest_a.iter().zip(rest_b)) {
            *sum = a.mul_add(*b, *sum);
        }
        total(&sums)
    }
}

versions! {
    fn square_distance(a: &[f32], b: &[f32]) -> f32 {
        let mut sums = [0f32; LANES];
        let ((a, rest_a), (b, rest_b)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                let apart = a - b;
                *sum = apart.mul_add(apart, *sum);
            }
        }
        for (sum, (a, b)) in sums.iter_mut().zip(rest_a.iter().zip(rest_b)) {
            let apart = a - b;
            *sum = apart.mul_add(apart, *sum);
        }
        total(&sums)
    }
}

/// Halves are added to halves, in an order that no compiler may change.
#[inline(always)]
fn total(sums: &[f32; LANES]) -> f32 {
    let mut sums = *sums;
    let mut half = LANES / 2;
    while half > 0 {
        let (low, high) = sums.split_at_mut(half);
        for (low, high) in low.iter_mut().zip(&high[..half]) {
            *low += high;
        }
        half /= 2;
    }
    sums[0]
}
