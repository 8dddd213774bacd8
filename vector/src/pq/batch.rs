//! Many queries over many codes: a code is looked up once for all of them, as their tables lie side by side.

use super::codes::{BLOCK, CodesRef};
use super::table::{MOST, Scale, whole};
use super::{CENTROIDS, Codebook};
use crate::best::Best;
use crate::lines::Line;
use crate::simd::{Level, versions};
use crate::{Metric, Rows};

/// Queries of a batch.
pub(super) const QUERIES: usize = 64;
const HALF: usize = QUERIES / 2;

/// An entry of the tables: two queries in each lane, the one half of them in the lower bytes, the other in the upper. A line of
/// the cache each: no load takes two.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Entry([u16; HALF]);

/// What is added up: the first half of the queries, the second half.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Sums([[u16; HALF]; 2]);

/// The tables of up to 64 queries.
#[derive(Debug, Clone)]
pub(super) struct Batch {
    queries: usize,
    /// For each stretch, for each centroid.
    entries: Vec<[Entry; CENTROIDS]>,
    pub(super) scales: Vec<Scale>,
}

impl Batch {
    /// Makes them. As [`Tables`](super::Tables) are, bit by bit.
    pub(super) fn new(level: Level, codebook: &Codebook, metric: Metric, queries: &[f32]) -> Batch {
        let count = queries.len() / codebook.dims;
        assert!(count <= QUERIES, "{count} queries in a batch of {QUERIES}");
        // Dimension by dimension; the queries that are missing are zero.
        let mut turned = vec![[0f32; QUERIES]; codebook.subs * codebook.width];
        for (query, values) in queries.chunks_exact(codebook.dims).enumerate() {
            for (dim, value) in values.iter().enumerate() {
                turned[dim][query] = *value;
            }
        }
        let l2 = metric == Metric::L2;
        let mut exact = vec![[0f32; QUERIES]; CENTROIDS];
        let mut least = vec![[0f32; QUERIES]; codebook.subs];
        let mut most = [0f32; QUERIES];
        let each = |sub: usize, exact: &mut [[f32; QUERIES]]| {
            let (centroids, norms) = codebook.of_sub(sub);
            let turned = &turned[sub * codebook.width..][..codebook.width];
            fill(level, turned, centroids, norms, l2, exact);
        };
        for (sub, least) in least.iter_mut().enumerate() {
            each(sub, &mut exact);
            extremes(level, &exact, least, &mut most);
        }
        let steps = most.map(|most| if most > 0.0 { MOST / most } else { 0.0 });
        let mut entries = vec![[Entry([0; HALF]); CENTROIDS]; codebook.subs];
        let mut scales = vec![Scale::default(); QUERIES];
        for (sub, (least, entries)) in least.iter().zip(&mut entries).enumerate() {
            each(sub, &mut exact);
            quantise(level, &exact, least, &steps, entries);
            for (scale, least) in scales.iter_mut().zip(least) {
                scale.base += least;
            }
        }
        for (scale, steps) in scales.iter_mut().zip(steps) {
            scale.step = if steps > 0.0 { 1.0 / steps } else { 0.0 };
        }
        scales.truncate(count);
        Batch { queries: count, entries, scales }
    }

    /// Offers those `rows` of `codes`, the first of which is number `first`, to the best of each query.
    pub(super) fn scan(
        &self,
        level: Level,
        codes: CodesRef<'_>,
        rows: &Rows<'_>,
        first: u32,
        best: &mut [Best],
    ) {
        assert_eq!(best.len(), self.queries, "as many answers as queries");
        assert_eq!(codes.subs(), self.entries.len(), "tables and codes of one codebook");
        let mut limits = Sums([[0; HALF]; 2]);
        let limit = |best: &Best| best.limit().min(u32::from(u16::MAX)) as u16;
        for (query, best) in best.iter().enumerate() {
            limits.0[query / HALF][query % HALF] = limit(best);
        }
        let mut sums = Sums([[0; HALF]; 2]);
        rows.each(codes.rows(), |block, mut mask| {
            while let Some((row, mut under)) =
                next_below(level, codes.block(block), mask, &self.entries, &limits, &mut sums)
            {
                while under != 0 {
                    let query = under.trailing_zeros() as usize;
                    under &= under - 1;
                    let best = &mut best[query];
                    let sum = sums.0[query / HALF][query % HALF];
                    best.offer(u32::from(sum), first + (block * BLOCK + row) as u32);
                    limits.0[query / HALF][query % HALF] = limit(best);
                }
                // Those behind the row.
                mask &= !1 << row;
            }
        });
    }
}

versions! {
    fn fill(turned: &[[f32; QUERIES]], centroids: &[f32], norms: &[f32], l2: bool, exact: &mut [[f32; QUERIES]]) {
        for (c, entry) in exact.iter_mut().enumerate() {
            let mut sums = [0f32; QUERIES];
            for (x, centroids) in turned.iter().zip(centroids.chunks_exact(CENTROIDS)) {
                for (sum, x) in sums.iter_mut().zip(x) {
                    *sum = x.mul_add(centroids[c], *sum);
                }
            }
            for (entry, sum) in entry.iter_mut().zip(sums) {
                *entry = if l2 { sum.mul_add(-2.0, norms[c]) } else { -sum };
            }
        }
    }
}

versions! {
    fn extremes(exact: &[[f32; QUERIES]], least: &mut [f32; QUERIES], most: &mut [f32; QUERIES]) {
        let (mut low, mut high) = ([f32::MAX; QUERIES], [f32::MIN; QUERIES]);
        for entry in exact {
            for i in 0..QUERIES {
                low[i] = if entry[i] < low[i] { entry[i] } else { low[i] };
                high[i] = if entry[i] > high[i] { entry[i] } else { high[i] };
            }
        }
        for i in 0..QUERIES {
            let span = high[i] - low[i];
            most[i] = if span > most[i] { span } else { most[i] };
        }
        *least = low;
    }
}

versions! {
    fn quantise(exact: &[[f32; QUERIES]], least: &[f32; QUERIES], steps: &[f32; QUERIES], entries: &mut [Entry]) {
        for (exact, entry) in exact.iter().zip(entries) {
            for i in 0..HALF {
                let low = whole((exact[i] - least[i]) * steps[i]);
                let high = whole((exact[i + HALF] - least[i + HALF]) * steps[i + HALF]);
                entry.0[i] = low | high << 8;
            }
        }
    }
}

versions! {
    /// The first row of a mask with a sum below its limit, its sums, and for which queries.
    fn next_below(
        codes: &[Line],
        mask: u64,
        entries: &[[Entry; CENTROIDS]],
        limits: &Sums,
        sums: &mut Sums,
    ) -> Option<(usize, u64)> {
        let mut left = mask;
        while left != 0 {
            let row = left.trailing_zeros() as usize;
            left &= left - 1;
            let (mut low, mut high) = ([0u16; HALF], [0u16; HALF]);
            let mut pairs = codes.chunks_exact(2).zip(entries.chunks_exact(2));
            for (codes, entries) in &mut pairs {
                let first = &entries[0][usize::from(codes[0].0[row])].0;
                let second = &entries[1][usize::from(codes[1].0[row])].0;
                for i in 0..HALF {
                    // Two entries of at most 127 fit in a byte: nothing is carried into the upper one.
                    let both = first[i].wrapping_add(second[i]);
                    low[i] = low[i].wrapping_add(both & 0xff);
                    high[i] = high[i].wrapping_add(both >> 8);
                }
            }
            if codes.len() % 2 == 1 {
                let one = &entries[codes.len() - 1][usize::from(codes[codes.len() - 1].0[row])].0;
                for i in 0..HALF {
                    low[i] = low[i].wrapping_add(one[i] & 0xff);
                    high[i] = high[i].wrapping_add(one[i] >> 8);
                }
            }
            let mut any = 0u16;
            for i in 0..HALF {
                any |= u16::from(low[i] < limits.0[0][i]) | u16::from(high[i] < limits.0[1][i]);
            }
            if any != 0 {
                let mut under = 0;
                for i in 0..HALF {
                    under |= u64::from(low[i] < limits.0[0][i]) << i | u64::from(high[i] < limits.0[1][i]) << (HALF + i);
                }
                sums.0 = [low, high];
                return Some((row, under));
            }
        }
        None
    }
}
