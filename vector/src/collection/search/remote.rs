//! What is read from the store for a query, within what it may cost.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::options::SearchOptions;
use super::parts::Part;
use super::scan::Candidate;
use crate::segment::VECTOR_ROWS;

/// Bytes that lie between two blocks that are wanted are read along if they are no more: a request costs more than they do, and they
/// are of the same cell, so that later candidates are among them. A query's bytes over its requests, by default.
const GAP: u64 = 64 << 10;

/// Requests that vectors leave for payloads, if there are as many for each of them as well.
const FOR_PAYLOADS: usize = 4;

/// Requests and bytes of a query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Budget {
    pub(super) requests: usize,
    pub(super) bytes: u64,
}

impl Budget {
    /// What vectors may cost. Where payloads are to be read later, their share is left: hits are few, and lie in few blocks.
    pub(super) fn of_vectors(options: &SearchOptions, k: usize, parts: &[Part]) -> Budget {
        let block = |part: &Part| {
            let table = &part.index.payloads;
            let bytes = part.segment.entry.payload_bytes;
            bytes.checked_div(table.blocks() as u64).filter(|_| bytes > 0)
        };
        let all = Budget { requests: options.remote_requests, bytes: options.remote_bytes };
        match parts.iter().filter_map(block).max().filter(|_| options.payload) {
            Some(block) => all.less_payloads(k, block),
            None => all,
        }
    }

    fn less_payloads(self, k: usize, block: u64) -> Budget {
        let requests = FOR_PAYLOADS.min(k).min(self.requests / 4);
        let bytes = (k as u64).saturating_mul(block).min(self.bytes / 4);
        Budget { requests: self.requests - requests, bytes: self.bytes - bytes }
    }
}

/// What is read for a query.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    /// For each part, blocks that follow each other, a request each.
    pub(super) groups: Vec<Group>,
    pub(super) bytes: u64,
    /// Candidates that there is no budget for.
    pub(super) over: usize,
}

/// Chooses blocks for candidates, the best first, as long as requests and bytes last.
pub(super) fn plan(parts: &[Part], cold: &[Candidate], budget: Budget) -> Plan {
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
        if groups > budget.requests as isize || chosen.bytes + cost > budget.bytes {
            chosen.over += 1;
            continue;
        }
        chosen.bytes += cost;
        blocks.extend(from..to);
        // Only their number counts here.
        chosen.groups.resize(groups as usize, (0, 0..0));
    }
    let blocks =
        wanted.into_iter().flat_map(|(part, blocks)| blocks.into_iter().map(move |block| (part, block)));
    chosen.groups = in_a_row(blocks);
    chosen
}

/// Blocks of a part that follow each other, read by one request.
pub(super) type Group = (u32, Range<usize>);

/// Parts and blocks in order, those that follow each other together.
pub(super) fn in_a_row(blocks: impl IntoIterator<Item = (u32, usize)>) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (part, block) in blocks {
        match groups.last_mut() {
            Some((last, blocks)) if *last == part && blocks.end == block => blocks.end += 1,
            _ => groups.push((part, block..block + 1)),
        }
    }
    groups
}

/// Groups for blocks that are read in any case, named in order: if they are more than `requests`, those with the fewest bytes between
/// them are read together, as long as that is worth it.
pub(super) fn gather(
    blocks: impl IntoIterator<Item = (u32, usize)>,
    requests: usize,
    size: impl Fn(&Group) -> u64,
) -> Vec<Group> {
    let groups = in_a_row(blocks);
    let between = |(at, pair): (usize, &[Group])| {
        let [(part, before), (next, behind)] = pair else { return None };
        if part != next {
            return None;
        }
        let gap = size(&(*part, before.end..behind.start));
        (gap <= GAP).then_some((gap, at + 1))
    };
    let mut gaps: Vec<(u64, usize)> = match groups.len() > requests {
        true => groups.windows(2).enumerate().filter_map(between).collect(),
        false => return groups,
    };
    gaps.sort_unstable();
    gaps.truncate(groups.len() - requests);
    let closed: BTreeSet<usize> = gaps.into_iter().map(|(_, at)| at).collect();
    let mut gathered: Vec<Group> = Vec::new();
    for (at, (part, blocks)) in groups.into_iter().enumerate() {
        match gathered.last_mut() {
            Some((_, last)) if closed.contains(&at) => last.end = blocks.end,
            _ => gathered.push((part, blocks)),
        }
    }
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of a KiB, those of part 1 of 40 KiB.
    fn size((part, blocks): &Group) -> u64 {
        assert!(blocks.start <= blocks.end, "{blocks:?} of part {part}");
        blocks.len() as u64 * if *part == 1 { 40 << 10 } else { 1 << 10 }
    }

    #[test]
    fn payloads_are_gathered_until_they_fit() {
        let blocks = [(0, 1), (0, 2), (0, 4), (0, 9), (0, 11), (0, 80), (1, 0), (1, 2), (1, 4)];
        let gather = |requests| gather(blocks, requests, size);
        let apart =
            vec![(0, 1..3), (0, 4..5), (0, 9..10), (0, 11..12), (0, 80..81), (1, 0..1), (1, 2..3), (1, 4..5)];
        for requests in [8, 9, 100] {
            assert_eq!(gather(requests), apart, "nothing is read that need not be");
        }
        let mut seven = apart.clone();
        seven.splice(0..2, [(0, 1..5)]);
        assert_eq!(gather(7), seven, "the smallest gap first");
        assert_eq!(
            gather(5),
            [(0, 1..12), (0, 80..81), (1, 0..1), (1, 2..3), (1, 4..5)],
            "smaller ones than that of part 1"
        );
        assert_eq!(gather(4), [(0, 1..12), (0, 80..81), (1, 0..3), (1, 4..5)]);
        for requests in [0, 1, 2, 3] {
            let fewest = [(0, 1..12), (0, 80..81), (1, 0..5)];
            assert_eq!(gather(requests), fewest, "a gap of 68 KiB is not read, nor one between segments");
        }
        assert_eq!(super::gather([], 0, size), []);
    }

    #[test]
    fn vectors_leave_some_of_the_budget() {
        let left = |requests, bytes, k, block| {
            let left = Budget { requests, bytes }.less_payloads(k, block);
            (left.requests, left.bytes)
        };
        assert_eq!(left(16, 1 << 20, 10, 2000), (12, (1 << 20) - 20_000));
        assert_eq!(left(16, 1 << 20, 1, 2000), (15, (1 << 20) - 2000), "one hit is in one block");
        assert_eq!(left(16, 1 << 20, 10, 1 << 20), (12, 3 << 18), "most is for vectors");
        assert_eq!(left(3, 0, 10, 2000), (3, 0));
        assert_eq!(left(0, u64::MAX, usize::MAX, u64::MAX), (0, u64::MAX - u64::MAX / 4));
    }
}
