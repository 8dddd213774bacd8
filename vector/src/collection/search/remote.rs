//! Which vectors are read from the store, within what a query may cost.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::parts::Part;
use super::scan::Candidate;
use crate::segment::VECTOR_ROWS;

/// Bytes that lie between two blocks that are wanted are read along if they are no more: a request costs more than they do, and they
/// are of the same cell, so that later candidates are among them. A query's bytes over its requests, by default.
const GAP: u64 = 64 << 10;

/// What is read for a query.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// For each part, blocks that follow each other, a request each.
    pub(super) groups: Vec<(u32, Range<usize>)>,
    pub(super) bytes: u64,
    /// Candidates that there is no budget for.
    pub(super) over: usize,
}

/// Chooses blocks for candidates, the best first, as long as requests and bytes last.
pub(super) fn plan(parts: &[Part], cold: &[Candidate], requests: usize, bytes: u64) -> Plan {
    let mut wanted: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
    let size = |part: u32, blocks: Range<usize>| {
        let range = parts[part as usize].index.vectors.range(blocks);
        range.end - range.start
    };
    let mut chosen = Plan::default();
    for candidate in cold {
        let block = candidate.row as usize / VECTOR_ROWS;
        let blocks = wanted.entry(candidate.part).or_default();
        if blocks.contains(&block) {
            continue;
        }
        let is_near = |between: Range<usize>| size(candidate.part, between) <= GAP;
        let below = blocks.range(..block).next_back().copied().filter(|below| is_near(below + 1..block));
        let above = blocks.range(block..).next().copied().filter(|above| is_near(block + 1..*above));
        let from = below.map_or(block, |below| below + 1);
        let to = above.unwrap_or(block + 1);
        // Between two groups it makes one of them.
        let more = 1 - usize::from(below.is_some()) as isize - usize::from(above.is_some()) as isize;
        let cost = size(candidate.part, from..to);
        let groups = chosen.groups.len() as isize + more;
        if groups > requests as isize || chosen.bytes + cost > bytes {
            chosen.over += 1;
            continue;
        }
        chosen.bytes += cost;
        blocks.extend(from..to);
        // Only their number counts here.
        chosen.groups.resize(groups as usize, (0, 0..0));
    }
    chosen.groups = wanted
        .into_iter()
        .flat_map(|(part, blocks)| {
            let blocks: Vec<usize> = blocks.into_iter().collect();
            crate::collection::fetch::together(&blocks).into_iter().map(move |blocks| (part, blocks))
        })
        .collect();
    chosen
}
