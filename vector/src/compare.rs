//! A query is compared with rows one by one, as they were given or rounded to half precision.
//!
//! What is summed in which order is fixed, so that a distance is the same on every machine; and a row of halves is as far as the same
//! row in single precision.

use crate::Metric;
use crate::simd::{Level, versions};

/// Sums that are kept side by side.
const LANES: usize = 32;

/// A query, with what all its distances have in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparer<'a> {
    metric: Metric,
    level: Level,
    query: &'a [f32],
    length: f32,
}

impl<'a> Comparer<'a> {
    pub(crate) fn new(metric: Metric, query: &'a [f32]) -> Comparer<'a> {
        Comparer::at(Level::best(), metric, query)
    }

    fn at(level: Level, metric: Metric, query: &'a [f32]) -> Comparer<'a> {
        let length = match metric {
            Metric::Cosine => product(level, query, query).sqrt(),
            _ => 0.0,
        };
        Comparer { metric, level, query, length }
    }

    /// The distance of a row of as many values.
    pub(crate) fn distance(&self, row: &[f32]) -> f32 {
        match self.metric {
            Metric::L2 => square_distance(self.level, self.query, row),
            Metric::InnerProduct => -product(self.level, self.query, row),
            Metric::Cosine => self.cosine(product_and_square(self.level, self.query, row)),
        }
    }

    /// The distance of a row of as many values in half precision, of two bytes each with the lower one first.
    pub(crate) fn distance_of_halves(&self, row: &[u8]) -> f32 {
        match self.metric {
            Metric::L2 => square_distance_of_halves(self.level, self.query, row),
            Metric::InnerProduct => -product_of_halves(self.level, self.query, row),
            Metric::Cosine => self.cosine(product_and_square_of_halves(self.level, self.query, row)),
        }
    }

    fn cosine(&self, (product, square): (f32, f32)) -> f32 {
        let lengths = self.length * square.sqrt();
        if lengths > 0.0 { 1.0 - product / lengths } else { 1.0 }
    }
}

versions! {
    fn product(a: &[f32], b: &[f32]) -> f32 {
        sum_of_products(a, b)
    }
}

versions! {
    fn product_of_halves(a: &[f32], b: &[u8]) -> f32 {
        sum_of_products(a, Halves(b))
    }
}

versions! {
    fn product_and_square(a: &[f32], b: &[f32]) -> (f32, f32) {
        sums_of_products(a, b)
    }
}

versions! {
    fn product_and_square_of_halves(a: &[f32], b: &[u8]) -> (f32, f32) {
        sums_of_products(a, Halves(b))
    }
}

versions! {
    fn square_distance(a: &[f32], b: &[f32]) -> f32 {
        sum_of_squares(a, b)
    }
}

versions! {
    fn square_distance_of_halves(a: &[f32], b: &[u8]) -> f32 {
        sum_of_squares(a, Halves(b))
    }
}

/// Values that come some at a time.
trait Values: Copy {
    /// As many as there are sums, as often as there are.
    fn whole(self) -> impl Iterator<Item = [f32; LANES]>;
    /// What is left, and behind it zeros.
    fn rest(self) -> [f32; LANES];
}

impl Values for &[f32] {
    #[inline(always)]
    fn whole(self) -> impl Iterator<Item = [f32; LANES]> {
        self.as_chunks().0.iter().copied()
    }

    #[inline(always)]
    fn rest(self) -> [f32; LANES] {
        let rest = self.as_chunks::<LANES>().1;
        let mut out = [0.0; LANES];
        out[..rest.len()].copy_from_slice(rest);
        out
    }
}

/// Values in half precision.
#[derive(Clone, Copy)]
struct Halves<'a>(&'a [u8]);

impl Values for Halves<'_> {
    #[inline(always)]
    fn whole(self) -> impl Iterator<Item = [f32; LANES]> {
        self.0.as_chunks::<{ 2 * LANES }>().0.iter().map(single)
    }

    #[inline(always)]
    fn rest(self) -> [f32; LANES] {
        let rest = self.0.as_chunks::<{ 2 * LANES }>().1;
        let mut out = [0; 2 * LANES];
        out[..rest.len()].copy_from_slice(rest);
        single(&out)
    }
}

/// Half precision in single precision, which has all its values. Written so that a compiler makes vector instructions of it: a call
/// for eight values at a time takes longer than the comparison.
#[inline(always)]
fn single(bytes: &[u8; 2 * LANES]) -> [f32; LANES] {
    /// What the exponents' biases are apart.
    const BIAS: u32 = (127 - 15) << 23;
    const EXPONENT: u32 = 0x7c00 << 13;
    /// The smallest of what has a leading one in half precision.
    const SMALLEST: f32 = 1.0 / 16384.0;
    let mut out = [0.0; LANES];
    for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
        let half = u32::from(u16::from_le_bytes(*bytes));
        let wide = (half & 0x7fff) << 13;
        let usual = wide + BIAS;
        // Without a leading one: it is put there, and taken away as a number.
        let small = (f32::from_bits(wide + BIAS + (1 << 23)) - SMALLEST).to_bits();
        let bits = match wide & EXPONENT {
            EXPONENT => usual + BIAS,
            0 => small,
            _ => usual,
        };
        *out = f32::from_bits(bits | (half & 0x8000) << 16);
    }
    out
}

#[inline(always)]
fn sum_of_products(a: &[f32], b: impl Values) -> f32 {
    let mut sums = [0f32; LANES];
    let (whole, rest) = a.as_chunks::<LANES>();
    for (a, b) in whole.iter().zip(b.whole()) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(&b)) {
            *sum = a.mul_add(*b, *sum);
        }
    }
    if !rest.is_empty() {
        for (sum, (a, b)) in sums.iter_mut().zip(rest.iter().zip(&b.rest())) {
            *sum = a.mul_add(*b, *sum);
        }
    }
    total(&sums)
}

/// The sum of products, and that of the squares of `b`.
#[inline(always)]
fn sums_of_products(a: &[f32], b: impl Values) -> (f32, f32) {
    let (mut sums, mut squares) = ([0f32; LANES], [0f32; LANES]);
    let (whole, rest) = a.as_chunks::<LANES>();
    for (a, b) in whole.iter().zip(b.whole()) {
        for ((sum, square), (a, b)) in sums.iter_mut().zip(&mut squares).zip(a.iter().zip(&b)) {
            *sum = a.mul_add(*b, *sum);
            *square = b.mul_add(*b, *square);
        }
    }
    if !rest.is_empty() {
        for ((sum, square), (a, b)) in sums.iter_mut().zip(&mut squares).zip(rest.iter().zip(&b.rest())) {
            *sum = a.mul_add(*b, *sum);
            *square = b.mul_add(*b, *square);
        }
    }
    (total(&sums), total(&squares))
}

#[inline(always)]
fn sum_of_squares(a: &[f32], b: impl Values) -> f32 {
    let mut sums = [0f32; LANES];
    let (whole, rest) = a.as_chunks::<LANES>();
    for (a, b) in whole.iter().zip(b.whole()) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(&b)) {
            let apart = a - b;
            *sum = apart.mul_add(apart, *sum);
        }
    }
    if !rest.is_empty() {
        for (sum, (a, b)) in sums.iter_mut().zip(rest.iter().zip(&b.rest())) {
            let apart = a - b;
            *sum = apart.mul_add(apart, *sum);
        }
    }
    total(&sums)
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

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    #[test]
    fn every_half_is_what_it_is() {
        for from in (0..=u16::MAX).step_by(LANES) {
            let halves: [u16; LANES] = std::array::from_fn(|at| from + at as u16);
            let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
            for (half, single) in halves.iter().zip(single(bytes.as_array().unwrap())) {
                let half = f16::from_bits(*half);
                match half.is_nan() {
                    true => assert!(single.is_nan(), "{half:?}"),
                    false => assert_eq!(single.to_bits(), half.to_f32().to_bits(), "{half:?}"),
                }
            }
        }
    }

    #[test]
    fn distances_are_the_same_at_every_level_and_width() {
        let mut rng = fastrand::Rng::with_seed(3);
        for dims in [1, 2, 31, 32, 33, 64, 100, 384] {
            let mut random = || (0..dims).map(|_| rng.f32() - 0.5).collect::<Vec<f32>>();
            let (query, row) = (random(), random());
            let bytes: Vec<u8> = row.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
            let rounded: Vec<f32> = row.iter().map(|x| f16::from_f32(*x).to_f32()).collect();
            for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
                let wanted = metric.distance(&query, &rounded);
                for level in Level::all() {
                    let comparer = Comparer::at(level, metric, &query);
                    assert_eq!(comparer.distance(&rounded).to_bits(), wanted.to_bits(), "{dims} {metric:?}");
                    let halves = comparer.distance_of_halves(&bytes);
                    assert_eq!(halves.to_bits(), wanted.to_bits(), "{dims} {metric:?} {level:?}");
                }
            }
        }
    }
}
