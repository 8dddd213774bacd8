//! Products of many vectors with many others, in tiles that fit in the registers.

#![allow(unsafe_code, reason = "dispatch")]

use crate::simd::{Level, Set};

/// Vectors whose products with a row are computed at once.
pub(crate) const LANES: usize = 32;
/// Rows that are computed together.
pub(crate) const ROWS: usize = 8;

/// A value of 32 vectors.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(crate) struct Lanes(pub(crate) [f32; LANES]);

/// For each 32 vectors of `dims` values, for each dimension, their values there; those that are missing are zero.
pub(crate) fn turn(dims: usize, vectors: &[f32]) -> Vec<Lanes> {
    let mut turned = vec![Lanes([0.0; LANES]); (vectors.len() / dims).div_ceil(LANES) * dims];
    for (at, values) in vectors.chunks_exact(dims).enumerate() {
        for (lanes, value) in turned[at / LANES * dims..].iter_mut().zip(values) {
            lanes.0[at % LANES] = *value;
        }
    }
    turned
}

/// Whole groups of eight rows; what the last has too few is zero.
pub(crate) fn each_eight<'a>(
    dims: usize,
    rows: &'a [f32],
    spare: &'a mut Vec<f32>,
) -> impl Iterator<Item = &'a [f32]> {
    let (whole, rest) = rows.split_at(rows.len() / (ROWS * dims) * ROWS * dims);
    if !rest.is_empty() {
        spare.clear();
        spare.extend_from_slice(rest);
        spare.resize(ROWS * dims, 0.0);
    }
    let last = if rest.is_empty() { &[][..] } else { &spare[..] };
    whole.chunks_exact(ROWS * dims).chain(last.chunks_exact(ROWS * dims))
}

/// The products of eight rows with 32 vectors.
pub(crate) fn multiply(
    level: Level,
    turned: &[Lanes],
    rows: &[f32],
    dims: usize,
    products: &mut [Lanes; ROWS],
) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn avx2(turned: &[Lanes], rows: &[f32], dims: usize, products: &mut [Lanes; ROWS]) {
        tiles::<16, 4, true>(turned, rows, dims, products);
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma,avx512f")]
    fn avx512(turned: &[Lanes], rows: &[f32], dims: usize, products: &mut [Lanes; ROWS]) {
        tiles::<32, 8, true>(turned, rows, dims, products);
    }
    match level.set() {
        Set::Baseline => tiles::<16, 2, false>(turned, rows, dims, products),
        // SAFETY: there is a Level of this set only where the processor has its instructions.
        #[cfg(target_arch = "x86_64")]
        Set::Avx2 => unsafe { avx2(turned, rows, dims, products) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Set::Avx512 => unsafe { avx512(turned, rows, dims, products) },
    }
}

/// Tiles of `R` rows and `Q` queries: as much as fits in the registers.
#[inline(always)]
fn tiles<const Q: usize, const R: usize, const FUSED: bool>(
    turned: &[Lanes],
    rows: &[f32],
    dims: usize,
    products: &mut [Lanes; ROWS],
) {
    for from in (0..ROWS).step_by(R) {
        let rows: [&[f32]; R] = std::array::from_fn(|row| &rows[(from + row) * dims..][..dims]);
        for lane in (0..LANES).step_by(Q) {
            let mut sums = [[0f32; Q]; R];
            for dim in 0..dims {
                let queries = &turned[dim].0[lane..lane + Q];
                for (sums, row) in sums.iter_mut().zip(&rows) {
                    let x = row[dim];
                    for (sum, query) in sums.iter_mut().zip(queries) {
                        *sum = if FUSED { x.mul_add(*query, *sum) } else { *sum + x * query };
                    }
                }
            }
            for (products, sums) in products[from..].iter_mut().zip(sums) {
                products.0[lane..lane + Q].copy_from_slice(&sums);
            }
        }
    }
}
