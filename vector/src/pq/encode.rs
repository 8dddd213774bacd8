//! The nearest centroid of each point of a stretch: points side by side in the lanes, centroids one after the other.

#![allow(unsafe_code, reason = "vector instructions")]

use super::CENTROIDS;
#[cfg(target_arch = "x86_64")]
use crate::simd::Set;
use crate::simd::{Level, versions};
use crate::tiles::{LANES, Lanes};

/// Writes the tiles of `count` points: for each 32 of them, for each of `width` dimensions, their values. What is missing is zero.
pub(super) fn turn<'a>(
    width: usize,
    count: usize,
    points: impl Iterator<Item = &'a [f32]>,
    tiles: &mut Vec<Lanes>,
) {
    tiles.clear();
    tiles.resize(count.div_ceil(LANES) * width, Lanes([0.0; LANES]));
    for (at, point) in points.enumerate() {
        let tile = &mut tiles[at / LANES * width..][..width];
        for (lanes, x) in tile.iter_mut().zip(point) {
            lanes.0[at % LANES] = *x;
        }
    }
}

/// The nearest centroid of each point of some tiles, the first of those as near. Points have as many values as there are rows of
/// centroids.
pub(super) fn nearest_centroids(
    level: Level,
    tiles: &[Lanes],
    centroids: &[f32],
    norms: &[f32],
    out: &mut [[u8; LANES]],
) {
    let (centroids, rest) = centroids.as_chunks();
    assert!(rest.is_empty(), "a row of centroids for each dimension");
    let norms: &[f32; CENTROIDS] = norms.try_into().expect("a norm for each centroid");
    #[cfg(target_arch = "x86_64")]
    if let (Set::Avx512, Ok(centroids)) = (level.set(), centroids.try_into()) {
        // SAFETY: there is a Level of this set only where the processor has its instructions.
        return unsafe { of_eight(tiles, centroids, norms, out) };
    }
    of_any(level, tiles, centroids, norms, out);
}

/// As [`of_any`], of eight dimensions: with a tile of points, and what is nearest to them, in registers.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn of_eight(
    tiles: &[Lanes],
    centroids: &[[f32; CENTROIDS]; 8],
    norms: &[f32; CENTROIDS],
    out: &mut [[u8; LANES]],
) {
    use std::arch::x86_64::*;
    for (tile, out) in tiles.as_chunks::<8>().0.iter().zip(out) {
        // SAFETY: a line of a tile has 32 values, of which these are one half.
        let load = |lanes: &Lanes, half: usize| unsafe { _mm512_loadu_ps(lanes.0.as_ptr().add(half * 16)) };
        let x: [[__m512; 2]; 8] = std::array::from_fn(|dim| {
            std::array::from_fn(|half| _mm512_mul_ps(load(&tile[dim], half), _mm512_set1_ps(-2.0)))
        });
        let (mut least, mut found) = ([_mm512_set1_ps(f32::MAX); 2], [_mm512_setzero_si512(); 2]);
        for c in 0..CENTROIDS {
            let mut scores = [_mm512_set1_ps(norms[c]); 2];
            for (x, centroids) in x.iter().zip(centroids) {
                let centroid = _mm512_set1_ps(centroids[c]);
                scores =
                    [_mm512_fmadd_ps(x[0], centroid, scores[0]), _mm512_fmadd_ps(x[1], centroid, scores[1])];
            }
            let here = _mm512_set1_epi32(c as i32);
            for half in 0..2 {
                let less = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(scores[half], least[half]);
                // As the mask has it: the lesser, and what is least so far where one is no number.
                least[half] = _mm512_min_ps(scores[half], least[half]);
                found[half] = _mm512_mask_mov_epi32(found[half], less, here);
            }
        }
        let (low, high) = out.split_at_mut(16);
        for (half, found) in [low, high].into_iter().zip(found) {
            // SAFETY: a half has sixteen bytes.
            unsafe { _mm_storeu_si128(half.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(found)) };
        }
    }
}

versions! {
    fn of_any(
        tiles: &[Lanes],
        centroids: &[[f32; CENTROIDS]],
        norms: &[f32; CENTROIDS],
        out: &mut [[u8; LANES]],
    ) {
        match centroids.len() {
            4 => of_width::<4>(tiles, centroids, norms, out),
            8 => of_width::<8>(tiles, centroids, norms, out),
            16 => of_width::<16>(tiles, centroids, norms, out),
            width => {
                let mut tile = vec![Lanes([0.0; LANES]); width];
                for (values, out) in tiles.chunks_exact(width).zip(out) {
                    double(values, &mut tile);
                    *out = nearest(&tile, centroids, norms);
                }
            }
        }
    }
}

#[inline(always)]
fn of_width<const WIDTH: usize>(
    tiles: &[Lanes],
    centroids: &[[f32; CENTROIDS]],
    norms: &[f32; CENTROIDS],
    out: &mut [[u8; LANES]],
) {
    let centroids: &[[f32; CENTROIDS]; WIDTH] = centroids.try_into().expect("a row for each dimension");
    let mut tile = [Lanes([0.0; LANES]); WIDTH];
    for (values, out) in tiles.chunks_exact(WIDTH).zip(out) {
        double(values, &mut tile);
        *out = nearest(&tile, centroids, norms);
    }
}

/// Minus twice the values, which is what centroids are multiplied by.
#[inline(always)]
fn double(values: &[Lanes], tile: &mut [Lanes]) {
    for (to, from) in tile.iter_mut().zip(values) {
        for (to, from) in to.0.iter_mut().zip(&from.0) {
            *to = -2.0 * from;
        }
    }
}

#[inline(always)]
fn nearest(tile: &[Lanes], centroids: &[[f32; CENTROIDS]], norms: &[f32; CENTROIDS]) -> [u8; LANES] {
    let (mut least, mut found) = ([f32::MAX; LANES], [0u32; LANES]);
    for c in 0..CENTROIDS {
        let mut scores = [norms[c]; LANES];
        for (values, centroids) in tile.iter().zip(centroids) {
            let centroid = centroids[c];
            for (score, x) in scores.iter_mut().zip(&values.0) {
                *score = x.mul_add(centroid, *score);
            }
        }
        for ((score, least), found) in scores.iter().zip(&mut least).zip(&mut found) {
            let less = *score < *least;
            *least = if less { *score } else { *least };
            *found = if less { c as u32 } else { *found };
        }
    }
    found.map(|c| c as u8)
}
