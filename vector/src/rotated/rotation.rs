//! A random rotation, in time that grows little faster than the dimensions.

use crate::simd::{Level, versions};

/// Rounds of signs and transforms.
const ROUNDS: usize = 3;

/// Three rounds, each of random signs and a fast Walsh-Hadamard transform over the largest power of two of dimensions. Where that is not
/// all of them, a round transforms the first ones and then the last ones, which overlap: nothing is padded, and lengths and products
/// stay what they are.
#[derive(Debug, Clone)]
pub(super) struct Rotation {
    /// For each round, for each dimension, 1 or -1.
    signs: Vec<f32>,
}

impl Rotation {
    pub(super) fn new(dims: usize, seed: u64) -> Rotation {
        let mut state = seed;
        Rotation { signs: (0..ROUNDS * dims).map(|_| sign(&mut state)).collect() }
    }

    /// Rotates a vector in its place.
    pub(super) fn apply(&self, level: Level, vector: &mut [f32]) {
        rotate(level, &self.signs, vector);
    }
}

/// The next sign, by the lowest bit of WyRand (Wang Yi, wyhash 4.2). Part of the format, so that it is written out here.
fn sign(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x2d35_8dcc_aa6c_78a5);
    let product = u128::from(*state) * u128::from(*state ^ 0x8bb8_4b93_962e_acc9);
    if (product ^ (product >> 64)) & 1 == 0 { 1.0 } else { -1.0 }
}

versions! {
    fn rotate(signs: &[f32], vector: &mut [f32]) {
        let dims = vector.len();
        let size = 1 << dims.ilog2();
        let scale = 1.0 / (size as f32).sqrt();
        for signs in signs.chunks_exact(dims) {
            for (x, sign) in vector.iter_mut().zip(signs) {
                *x *= sign;
            }
            transform(&mut vector[..size], scale);
            if size < dims {
                transform(&mut vector[dims - size..], scale);
            }
        }
    }
}

/// The Walsh-Hadamard transform, scaled so that it is a rotation.
#[inline(always)]
fn transform(values: &mut [f32], scale: f32) {
    let mut half = 1;
    while half < values.len() {
        match half {
            1 => pairs::<1>(values),
            2 => pairs::<2>(values),
            4 => pairs::<4>(values),
            8 => pairs::<8>(values),
            _ => {
                for both in values.chunks_exact_mut(2 * half) {
                    let (low, high) = both.split_at_mut(half);
                    for (x, y) in low.iter_mut().zip(high) {
                        (*x, *y) = (*x + *y, *x - *y);
                    }
                }
            }
        }
        half *= 2;
    }
    for x in values {
        *x *= scale;
    }
}

#[inline(always)]
fn pairs<const HALF: usize>(values: &mut [f32]) {
    for both in values.chunks_exact_mut(2 * HALF) {
        let (low, high) = both.split_at_mut(HALF);
        for i in 0..HALF {
            (low[i], high[i]) = (low[i] + high[i], low[i] - high[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_products_stay_and_levels_agree() {
        let mut rng = fastrand::Rng::with_seed(1);
        for dims in (1..18).chain([100, 384, 1000, 4096]) {
            let rotation = Rotation::new(dims, 7);
            let mut random = || (0..dims).map(|_| rng.f32() - 0.5).collect::<Vec<f32>>();
            let (x, y) = (random(), random());
            let dot = |x: &[f32], y: &[f32]| x.iter().zip(y).map(|(x, y)| f64::from(x * y)).sum::<f64>();
            let rotated = |level, x: &[f32]| {
                let mut x = x.to_vec();
                rotation.apply(level, &mut x);
                x
            };
            let turned = (rotated(Level::BASELINE, &x), rotated(Level::BASELINE, &y));
            assert!((dot(&turned.0, &turned.1) - dot(&x, &y)).abs() < 1e-5 * dims as f64, "{dims}");
            assert!((dot(&turned.0, &turned.0) - dot(&x, &x)).abs() < 1e-5 * dims as f64, "{dims}");
            for level in Level::all() {
                assert!(rotated(level, &x) == turned.0, "{level:?} {dims}");
            }
        }
    }

    #[test]
    fn signs_are_those_of_the_format() {
        let signs: Vec<f32> = Rotation::new(4, 7).signs;
        let mut rng = fastrand::Rng::with_seed(7);
        let right: Vec<f32> = (0..12).map(|_| if rng.bool() { 1.0 } else { -1.0 }).collect();
        assert_eq!(signs, right, "the generator that the first segments were written with");
    }

    #[test]
    fn one_dimension_is_spread_over_all() {
        for dims in [64, 96, 384] {
            for at in [0, dims / 2, dims - 1] {
                let mut vector = vec![0.0; dims];
                vector[at] = 1.0;
                Rotation::new(dims, 3).apply(Level::best(), &mut vector);
                let most = vector.iter().fold(0f32, |most, x| most.max(x.abs()));
                assert!(most < 5.0 / (dims as f32).sqrt(), "{dims} {at} {most}");
            }
        }
    }
}
