//! Whether a demotion would lose what is to be found.

use std::collections::HashSet;

use half::f16;
use larder_store_core::Result;

use super::{Tiers, locked};
use crate::codec::Codec;
use crate::collection::SearchOptions;
use crate::manifest::Schema;
use crate::segment::{Index, VECTOR_ROWS};
use crate::tier::Tier;
use crate::{Metric, exact};

/// Recall is told of so many.
const K: usize = 10;

/// Recall@10 within a segment, of what it holds and of what it would hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    pub(super) before: f64,
    pub(super) after: f64,
}

impl Tiers {
    /// Tries a demotion with queries that were asked lately, or with rows of the segment where none was.
    pub(super) fn judge(
        &self,
        schema: &Schema,
        index: &Index,
        codec: &Codec,
        values: &[f32],
        from: Tier,
        to: Tier,
    ) -> Result<Verdict> {
        let dims = schema.dims as usize;
        let mut queries = locked(&self.held_out).queries.clone();
        let rows = index.rows();
        if queries.is_empty() {
            let step = rows.div_ceil(super::HELD_OUT).max(1);
            queries = values.chunks_exact(dims).step_by(step).map(<[f32]>::to_vec).collect();
        }
        let flat = queries.concat();
        let k = K.min(rows);
        let options = SearchOptions::default();
        let candidates = codec.nearest(schema.metric, index, &flat, (4 * k).max(100))?;
        let truth = exact::nearest(schema.metric, dims, values, &flat, k);
        let (mut before, mut after) = (0, 0);
        for ((query, candidates), truth) in queries.iter().zip(&candidates).zip(&truth) {
            let truth: HashSet<u32> = truth.iter().take(k).map(|(row, _)| *row).collect();
            let found = |tier| {
                let rows = rescored(schema.metric, dims, tier, values, query, candidates, k, &options);
                rows.iter().filter(|row| truth.contains(row)).count()
            };
            before += found(from);
            after += found(to);
        }
        let all = (queries.len() * k).max(1) as f64;
        Ok(Verdict { before: before as f64 / all, after: after as f64 / all })
    }
}

/// The `k` nearest of candidates, compared as a tier allows.
#[allow(clippy::too_many_arguments, reason = "a plain function of what a search knows")]
fn rescored(
    metric: Metric,
    dims: usize,
    tier: Tier,
    values: &[f32],
    query: &[f32],
    candidates: &[(u32, f32)],
    k: usize,
    options: &SearchOptions,
) -> Vec<u32> {
    let row_of = |row: u32| &values[row as usize * dims..][..dims];
    let block_bytes = (VECTOR_ROWS * dims * 4) as u64;
    let most = (options.remote_bytes / block_bytes).min(options.remote_requests as u64) as usize;
    let mut blocks = HashSet::new();
    let distance = |(row, by_code): &(u32, f32)| match tier {
        Tier::Hot => metric.distance(query, row_of(*row)),
        Tier::Warm => {
            let half: Vec<f32> = row_of(*row).iter().map(|x| f16::from_f32(*x).to_f32()).collect();
            metric.distance(query, &half)
        }
        _ => {
            let block = *row as usize / VECTOR_ROWS;
            match blocks.contains(&block) || (blocks.len() < most && blocks.insert(block)) {
                true => metric.distance(query, row_of(*row)),
                false => *by_code,
            }
        }
    };
    let mut all: Vec<(f32, u32)> =
        candidates.iter().map(distance).zip(candidates.iter().map(|(row, _)| *row)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    all.into_iter().take(k).map(|(_, row)| row).collect()
}
