//! Candidates are compared with their vectors.

use std::collections::HashMap;
use std::sync::Arc;

use super::scan::Candidate;
use crate::Metric;
use crate::column::Holding;
use crate::compare::Comparer;
use crate::manifest::Precision;
use crate::segment::VECTOR_ROWS;

/// How well a distance is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Exact,
    Half,
    Codes,
}

/// A candidate whose distance is as well known as it will be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rescored {
    pub(super) candidate: Candidate,
    pub(super) known: Known,
}

/// A block of vectors among others that were read with it.
#[derive(Debug, Clone)]
pub(super) struct Block {
    pub(super) values: Arc<Vec<f32>>,
    /// Where it begins.
    pub(super) from: usize,
}

impl Block {
    fn row(&self, dims: usize, row: usize) -> &[f32] {
        &self.values[self.from + row * dims..][..dims]
    }
}

/// Blocks of vectors that were read, by part and block.
pub(super) type Read = HashMap<(u32, usize), Block>;

/// Compares candidates of a query with what is at hand.
pub(super) fn rescore(
    metric: Metric,
    dims: usize,
    keep: Precision,
    holdings: &[Arc<Holding>],
    read: &Read,
    query: &[f32],
    candidates: &[Candidate],
) -> Vec<Rescored> {
    let comparer = Comparer::new(metric, query);
    let stored = if keep == Precision::F32 { Known::Exact } else { Known::Half };
    let one = |candidate: &Candidate| {
        let row = candidate.row as usize;
        let holding = &holdings[candidate.part as usize];
        let (distance, known) = match &**holding {
            Holding::Hot { values, .. } => (
                comparer.distance(&values[row * dims..][..dims]),
                if keep == Precision::Lossy { Known::Codes } else { stored },
            ),
            Holding::Warm { file, .. } => {
                (comparer.distance_of_halves(&file.bytes()[row * dims * 2..][..dims * 2]), Known::Half)
            }
            Holding::Cold => match read.get(&(candidate.part, row / VECTOR_ROWS)) {
                Some(block) => (comparer.distance(block.row(dims, row % VECTOR_ROWS)), stored),
                None => (candidate.distance, Known::Codes),
            },
        };
        Rescored { candidate: Candidate { distance, ..*candidate }, known }
    };
    candidates.iter().map(one).collect()
}
