//! What a query is compared with: its distance to each centroid of each stretch.

use super::{CENTROIDS, Codebook};
use crate::Metric;
use crate::simd::{Level, versions};

/// The most that an entry of a quantised table is: two of them fit in a byte.
pub(super) const MOST: f32 = 127.0;

/// A quantised table of a stretch.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Table(pub(super) [u8; CENTROIDS]);

/// A query's tables.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    /// In steps of `step` above each stretch's least.
    pub(super) bytes: Vec<Table>,
    pub(super) scale: Scale,
}

/// How sums of a quantised table become distances.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Scale {
    pub(super) step: f32,
    pub(super) base: f32,
}

impl Tables {
    /// Makes them.
    pub(super) fn new(level: Level, codebook: &Codebook, metric: Metric, query: &[f32]) -> Tables {
        let mut exact = vec![0f32; codebook.subs * CENTROIDS];
        for (sub, table) in exact.chunks_exact_mut(CENTROIDS).enumerate() {
            let (centroids, norms) = codebook.of_sub(sub);
            fill(level, codebook.stretch(query, sub), centroids, norms, metric == Metric::L2, table);
        }
        let (mut bytes, mut scale) = (vec![Table([0; CENTROIDS]); codebook.subs], Scale::default());
        let mut most = 0f32;
        let least: Vec<f32> = exact
            .chunks_exact(CENTROIDS)
            .map(|table| {
                let (low, high) = extremes(level, table);
                most = most.max(high - low);
                low
            })
            .collect();
        let steps = if most > 0.0 { MOST / most } else { 0.0 };
        for ((table, bytes), least) in exact.chunks_exact(CENTROIDS).zip(&mut bytes).zip(&least) {
            scale.base += least;
            quantise(level, table, *least, steps, &mut bytes.0);
        }
        scale.step = if steps > 0.0 { 1.0 / steps } else { 0.0 };
        Tables { bytes, scale }
    }
}

/// A number from 0 to 127, rounded: 2^23 has no room for a fraction. Without what a cast does for numbers that are out of range.
#[inline(always)]
pub(super) fn whole(x: f32) -> u16 {
    (x + 8_388_608.0).to_bits() as u16
}

versions! {
    fn fill(part: &[f32], centroids: &[f32], norms: &[f32], l2: bool, table: &mut [f32]) {
        for (x, centroids) in part.iter().zip(centroids.chunks_exact(CENTROIDS)) {
            for (entry, c) in table.iter_mut().zip(centroids) {
                *entry = x.mul_add(*c, *entry);
            }
        }
        for (entry, norm) in table.iter_mut().zip(norms) {
            *entry = if l2 { entry.mul_add(-2.0, *norm) } else { -*entry };
        }
    }
}

versions! {
    fn extremes(table: &[f32]) -> (f32, f32) {
        let (mut low, mut high) = ([f32::MAX; 16], [f32::MIN; 16]);
        for part in table.chunks_exact(16) {
            for i in 0..16 {
                low[i] = if part[i] < low[i] { part[i] } else { low[i] };
                high[i] = if part[i] > high[i] { part[i] } else { high[i] };
            }
        }
        (low.into_iter().fold(f32::MAX, f32::min), high.into_iter().fold(f32::MIN, f32::max))
    }
}

versions! {
    fn quantise(table: &[f32], least: f32, steps: f32, bytes: &mut [u8]) {
        for (byte, entry) in bytes.iter_mut().zip(table) {
            *byte = whole((entry - least) * steps) as u8;
        }
    }
}
