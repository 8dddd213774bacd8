//! The nearest centroid of each point of a stretch: points side by side in the lanes, centroids one after the other.

use super::CENTROIDS;
use crate::simd::versions;
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

versions! {
    /// The nearest centroid of each point of some tiles, the first of those as near. Points have as many values as there are rows of
    /// centroids.
    pub(super) fn nearest_centroids(
        tiles: &[Lanes],
        centroids: &[f32],
        norms: &[f32],
        out: &mut [[u8; LANES]],
    ) {
        let (centroids, []) = centroids.as_chunks() else { return };
        let norms: &[f32; CENTROIDS] = norms.try_into().expect("a norm for each centroid");
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
