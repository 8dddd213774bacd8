//! Levels of rotated values.

use rayon::prelude::*;

use super::Codec;
use crate::simd::{Level, versions};

/// The levels of a normal distribution with the least square of what they differ by, in steps of which 127 are from the lowest to the
/// highest: level `l` stands for `2 * STEPS[l] - 127`.
pub(super) const STEPS: [u8; 16] = [0, 15, 26, 34, 42, 48, 55, 61, 66, 72, 79, 85, 93, 101, 112, 127];

/// What the levels are, where the standard deviation is 1.
const HIGHEST: f32 = 2.7326;

/// Rounds of levels and scale.
const ROUNDS: usize = 3;

/// Vectors that a thread takes at once.
const PART: usize = 256;

pub(super) fn encode(level: Level, codec: &Codec, vectors: &[f32]) -> Vec<u8> {
    let (dims, len) = (codec.dims, codec.code_len());
    let mut out = vec![0; vectors.len() / dims * len];
    out.par_chunks_mut(PART * len).zip(vectors.par_chunks(PART * dims)).for_each(|(out, vectors)| {
        let (mut rotated, mut levels) = (vec![0.0; dims], vec![0u8; dims]);
        for (out, vector) in out.chunks_exact_mut(len).zip(vectors.chunks_exact(dims)) {
            rotated.copy_from_slice(vector);
            codec.rotation.apply(level, &mut rotated);
            let square = sum_of(level, &rotated, &rotated);
            let factor = choose(level, &rotated, square, &mut levels);
            out[..4].copy_from_slice(&factor.to_le_bytes());
            out[4..8].copy_from_slice(&square.to_le_bytes());
            for (byte, pair) in out[8..].iter_mut().zip(levels.chunks(2)) {
                *byte = pair[0] | pair.get(1).unwrap_or(&0) << 4;
            }
        }
    });
    out
}

/// Chooses levels; gives what a sum of them is multiplied by so that it is no larger and no smaller than the product on average.
fn choose(level: Level, rotated: &[f32], square: f32, levels: &mut [u8]) -> f32 {
    let dims = rotated.len();
    let mut values = vec![0f32; dims];
    // What is zero, or too long for a square, has no direction.
    let mut scale = (square / dims as f32).sqrt() * (HIGHEST / 127.0);
    let mut factor = 0.0;
    for _ in 0..ROUNDS {
        if !(scale.is_normal() && (1.0 / scale).is_normal()) {
            return 0.0;
        }
        quantise(level, rotated, 1.0 / scale, levels, &mut values);
        let product = sum_of(level, rotated, &values);
        if product <= 0.0 {
            return factor;
        }
        scale = product / sum_of(level, &values, &values);
        factor = square / product;
    }
    factor
}

versions! {
    /// The nearest level of each value, and what it stands for.
    fn quantise(rotated: &[f32], times: f32, levels: &mut [u8], values: &mut [f32]) {
        let mut found = [0u32; 16];
        for ((rotated, levels), values) in rotated.chunks(16).zip(levels.chunks_mut(16)).zip(values.chunks_mut(16)) {
            let mut x = [0f32; 16];
            x[..rotated.len()].copy_from_slice(rotated);
            found.fill(0);
            let mut stands = [-127f32; 16];
            for pair in STEPS.windows(2) {
                let (low, high) = (f32::from(pair[0]), f32::from(pair[1]));
                let (middle, step) = (low + high - 127.0, 2.0 * (high - low));
                for ((x, found), stands) in x.iter().zip(&mut found).zip(&mut stands) {
                    let above = x * times > middle;
                    *found += u32::from(above);
                    *stands += if above { step } else { 0.0 };
                }
            }
            for (level, found) in levels.iter_mut().zip(&found) {
                *level = *found as u8;
            }
            values.copy_from_slice(&stands[..values.len()]);
        }
    }
}

versions! {
    /// The product of two vectors, added up in the same order at every level.
    fn sum_of(x: &[f32], y: &[f32]) -> f32 {
        let mut sums = [0f32; 16];
        let ((x, x_rest), (y, y_rest)) = (x.as_chunks::<16>(), y.as_chunks::<16>());
        for (x, y) in x.iter().zip(y) {
            for ((sum, x), y) in sums.iter_mut().zip(x).zip(y) {
                *sum += x * y;
            }
        }
        let rest: f32 = x_rest.iter().zip(y_rest).map(|(x, y)| x * y).sum();
        sums.iter().sum::<f32>() + rest
    }
}
