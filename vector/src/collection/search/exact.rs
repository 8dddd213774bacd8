//! All rows of segments are compared.

use std::sync::Arc;

use larder_store_core::{Call, Op, Result};

use super::parts::Part;
use super::rescore::{Known, Rescored};
use super::scan::Candidate;
use crate::collection::Core;
use crate::column::Holding;
use crate::manifest::Precision;
use crate::{Metric, exact};

impl Core {
    /// Compares all rows that count with their vectors.
    pub(super) async fn exact(
        self: &Arc<Self>,
        parts: &[Part],
        queries: &[f32],
        k: usize,
        call: &Call,
    ) -> Result<Vec<Vec<Rescored>>> {
        let dims = self.schema.dims as usize;
        let (metric, keep) = (self.schema.metric, self.schema.keep);
        let known = if keep == Precision::F32 { Known::Exact } else { Known::Half };
        let mut all = vec![Vec::new(); queries.len() / dims];
        for (part, number) in parts.iter().zip(0..) {
            let holding = part.segment.column.holding();
            let read = match &*holding {
                Holding::Hot { .. } => Vec::new(),
                _ => self.all_vectors(&part.segment, &part.index, call).await?,
            };
            let (part, queries) = (part.clone(), queries.to_vec());
            let work = move || {
                let values = if let Holding::Hot { values, .. } = &*holding { values } else { &read };
                Ok(exact_of(metric, dims, &part, values, &queries, k))
            };
            let found = self.env.blocking(Op::Search, &self.inflight, work).await?;
            for (all, found) in all.iter_mut().zip(found) {
                all.extend(found.into_iter().map(|(row, distance)| Rescored {
                    candidate: Candidate { distance, part: number, row },
                    known: if keep == Precision::Lossy { Known::Codes } else { known },
                }));
            }
        }
        Ok(all)
    }
}

/// The nearest rows of a part that count, with their distances.
fn exact_of(
    metric: Metric,
    dims: usize,
    part: &Part,
    values: &[f32],
    queries: &[f32],
    k: usize,
) -> Vec<Vec<(u32, f32)>> {
    let masks = part.masks();
    let counts = |row: usize| masks.as_ref().is_none_or(|masks| masks[row / 64] >> (row % 64) & 1 == 1);
    let rows: Vec<u32> = (0..part.index.rows()).filter(|row| counts(*row)).map(|row| row as u32).collect();
    let mut gathered = Vec::new();
    let live = match rows.len() == part.index.rows() {
        true => values,
        false => {
            rows.iter().for_each(|row| gathered.extend_from_slice(&values[*row as usize * dims..][..dims]));
            &gathered
        }
    };
    if live.is_empty() {
        return vec![Vec::new(); queries.len() / dims];
    }
    let mut found = exact::nearest(metric, dims, live, queries, k);
    found.iter_mut().flatten().for_each(|(row, _)| *row = rows[*row as usize]);
    found
}
