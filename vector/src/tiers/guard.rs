//! Whether a demotion would lose what is to be found.

use std::collections::HashSet;
use std::sync::Arc;

use half::f16;
use larder_store_core::Result;

use super::{Tiers, locked};
use crate::codec::Codec;
use crate::collection::SearchOptions;
use crate::column::Holding;
use crate::exact;
use crate::manifest::Schema;
use crate::segment::{Index, VECTOR_ROWS};
use crate::tier::Tier;

/// Recall is told of so many.
const K: usize = 10;
/// Rows that are compared exactly at once: what is mapped is not brought into memory whole.
const ROWS: usize = 1024;

/// Recall@10 within a segment, of what it holds and of what it would hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    pub(super) before: f64,
    pub(super) after: f64,
}

/// A demotion that is tried, with all that is needed for it: it computes for long, where that holds up no task.
///
/// What is held is taken for the truth. Of a segment that is hot that is what was given. Of one that is warm it is rounded to half
/// precision, and stands for what the store has, so that nothing is asked of it: a distance is off by a part of about 2^-11, and those
/// of codes, by which the tier below compares what is beyond its budget, by a hundred times that. What was lost by rounding is then no
/// part of the comparison, which leaves that of the budget alone, and counts the tier above as better than it is: of a refusal that is
/// wrong and one that is missing, it is the first.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) schema: Schema,
    pub(super) index: Arc<Index>,
    pub(super) codec: Codec,
    pub(super) holding: Arc<Holding>,
    /// Queries that were asked lately; rows of the segment are where there is none.
    pub(super) queries: Vec<Vec<f32>>,
    pub(super) from: Tier,
    pub(super) to: Tier,
}

impl Tiers {
    /// Queries that were asked lately.
    pub(super) fn queries(&self) -> Vec<Vec<f32>> {
        locked(&self.held_out).queries.clone()
    }
}

impl Trial {
    /// Searches the segment exactly, and as both tiers would.
    pub(super) fn judge(mut self) -> Result<Verdict> {
        let rows = self.index.rows();
        if self.queries.is_empty() {
            let step = rows.div_ceil(super::HELD_OUT).max(1);
            self.queries = (0..rows).step_by(step).map(|row| self.row(row as u32)).collect();
        }
        let flat = self.queries.concat();
        let k = K.min(rows);
        let options = SearchOptions::default();
        let candidates = self.codec.nearest(self.schema.metric, &self.index, &flat, (4 * k).max(100))?;
        let truth = self.truth(&flat, k);
        let (mut before, mut after) = (0, 0);
        for ((query, candidates), truth) in self.queries.iter().zip(&candidates).zip(&truth) {
            let found = |tier| {
                let rows = self.rescored(tier, query, candidates, k, &options);
                rows.iter().filter(|row| truth.contains(row)).count()
            };
            before += found(self.from);
            after += found(self.to);
        }
        let all = (self.queries.len() * k).max(1) as f64;
        Ok(Verdict { before: before as f64 / all, after: after as f64 / all })
    }

    fn row(&self, row: u32) -> Vec<f32> {
        let mut values = vec![0.0; self.schema.dims as usize];
        self.holding.read(row as usize, &mut values);
        values
    }

    /// The `k` rows that are nearest to each query.
    fn truth(&self, queries: &[f32], k: usize) -> Vec<HashSet<u32>> {
        let (dims, rows) = (self.schema.dims as usize, self.index.rows());
        let mut nearest: Vec<Vec<(u32, f32)>> = vec![Vec::new(); self.queries.len()];
        let mut part = Vec::new();
        for from in (0..rows).step_by(ROWS) {
            let to = rows.min(from + ROWS);
            let values = match &*self.holding {
                Holding::Hot { values, .. } => &values[from * dims..to * dims],
                _ => {
                    part.resize((to - from) * dims, 0.0);
                    for (row, out) in (from..to).zip(part.chunks_exact_mut(dims)) {
                        self.holding.read(row, out);
                    }
                    &part[..]
                }
            };
            let found = exact::nearest(self.schema.metric, dims, values, queries, k.min(to - from));
            for (nearest, found) in nearest.iter_mut().zip(found) {
                nearest.extend(found.into_iter().map(|(row, distance)| (from as u32 + row, distance)));
                nearest.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
                nearest.truncate(k);
            }
        }
        nearest.into_iter().map(|rows| rows.into_iter().map(|(row, _)| row).collect()).collect()
    }

    /// The `k` nearest of candidates, compared as a tier allows.
    fn rescored(
        &self,
        tier: Tier,
        query: &[f32],
        candidates: &[(u32, f32)],
        k: usize,
        options: &SearchOptions,
    ) -> Vec<u32> {
        let metric = self.schema.metric;
        let block_bytes = (VECTOR_ROWS * self.schema.dims as usize * 4) as u64;
        let most = (options.remote_bytes / block_bytes).min(options.remote_requests as u64) as usize;
        let mut blocks = HashSet::new();
        let distance = |(row, by_code): &(u32, f32)| match tier {
            Tier::Hot => metric.distance(query, &self.row(*row)),
            Tier::Warm => {
                let mut half = self.row(*row);
                half.iter_mut().for_each(|x| *x = f16::from_f32(*x).to_f32());
                metric.distance(query, &half)
            }
            _ => {
                let block = *row as usize / VECTOR_ROWS;
                match blocks.contains(&block) || (blocks.len() < most && blocks.insert(block)) {
                    true => metric.distance(query, &self.row(*row)),
                    false => *by_code,
                }
            }
        };
        let mut all: Vec<(f32, u32)> =
            candidates.iter().map(distance).zip(candidates.iter().map(|(row, _)| *row)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.into_iter().take(k).map(|(_, row)| row).collect()
    }
}
