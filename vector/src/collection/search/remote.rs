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

/// Chooses blocks for candidates, named the best first, of which `k` are to be answered, as far as requests and bytes last: those first that
/// have most to tell for their share of both.
pub(super) fn plan(parts: &[Part], cold: &[Candidate], k: usize, budget: Budget) -> Plan {
    let size = |part: u32, blocks: Range<usize>| {
        let range = parts[part as usize].index.vectors.range(blocks);
        range.end - range.start
    };
    let places = cold.iter().map(|one| (one.part, one.row as usize / VECTOR_ROWS));
    let mut chosen = Choice::new(size, budget);
    if !chosen.all(places.clone()) {
        chosen = Choice::new(size, budget);
        chosen.best(places.clone().take(WEIGHED), k);
        chosen.all(places.clone().skip(WEIGHED));
    }
    let over = places.filter(|(part, block)| !chosen.has(*part, *block)).count();
    let bytes = chosen.bytes;
    let blocks = chosen
        .blocks
        .into_iter()
        .flat_map(|(part, blocks)| blocks.into_iter().map(move |block| (part, block)));
    Plan { groups: in_a_row(blocks), bytes, over }
}

/// Candidates that are weighed against each other: more take longer than they are worth.
const WEIGHED: usize = 512;

/// Blocks that are chosen, of each part, and what they cost.
struct Choice<S> {
    size: S,
    budget: Budget,
    blocks: BTreeMap<u32, BTreeSet<usize>>,
    groups: isize,
    bytes: u64,
}

/// Blocks that could be read with a block that is wanted, and the groups that are more by them.
type Way = (Range<usize>, isize);

impl<S: Fn(u32, Range<usize>) -> u64> Choice<S> {
    fn new(size: S, budget: Budget) -> Choice<S> {
        Choice { size, budget, blocks: BTreeMap::new(), groups: 0, bytes: 0 }
    }

    fn has(&self, part: u32, block: usize) -> bool {
        self.blocks.get(&part).is_some_and(|blocks| blocks.contains(&block))
    }

    /// In which ways a block can be read: by itself, or with what lies between it and those that are chosen.
    fn ways(&self, part: u32, block: usize) -> impl Iterator<Item = Way> {
        let blocks = self.blocks.get(&part);
        let near = |between: Range<usize>| between.is_empty() || (self.size)(part, between) <= GAP;
        let below = blocks.and_then(|blocks| blocks.range(..block).next_back().copied());
        let above = blocks.and_then(|blocks| blocks.range(block..).next().copied());
        let from = below.map(|below| below + 1).filter(|from| near(*from..block));
        let to = above.filter(|to| near(block + 1..*to));
        let touches = isize::from(from == Some(block)) + isize::from(to == Some(block + 1));
        let alone = Some((block..block + 1, 1 - touches));
        let down = from.map(|from| (from..block + 1, -isize::from(to == Some(block + 1))));
        let up = to.map(|to| (block..to, -isize::from(from == Some(block))));
        let both = from.zip(to).map(|(from, to)| (from..to, -1));
        [alone, down, up, both].into_iter().flatten()
    }

    fn fits(&self, part: u32, (range, more): &Way) -> bool {
        let cost = (self.size)(part, range.clone());
        self.groups + more <= self.budget.requests as isize && self.bytes + cost <= self.budget.bytes
    }

    fn take(&mut self, part: u32, (range, more): Way) {
        self.bytes += (self.size)(part, range.clone());
        self.groups += more;
        self.blocks.entry(part).or_default().extend(range);
    }

    /// Takes blocks in order, each with as few requests as can be, as long as there is room; whether there was room for all.
    fn all(&mut self, places: impl Iterator<Item = (u32, usize)>) -> bool {
        let mut all = true;
        for (part, block) in places {
            if self.has(part, block) {
                continue;
            }
            match self.ways(part, block).min_by_key(|(_, more)| *more).filter(|way| self.fits(part, way)) {
                Some(way) => self.take(part, way),
                None => all = false,
            }
        }
        all
    }

    /// Takes what is worth most of the budget, and what is then worth most of the rest, to its end.
    fn best(&mut self, places: impl Iterator<Item = (u32, usize)>, k: usize) {
        // How likely a candidate is one of the `k` nearest falls by its place about so.
        let mut worth: BTreeMap<(u32, usize), f64> = BTreeMap::new();
        for (rank, place) in places.enumerate() {
            *worth.entry(place).or_default() += (-(rank as f64) / k as f64).exp();
        }
        let (request, byte) = (1.0 / self.budget.requests as f64, 1.0 / self.budget.bytes as f64);
        loop {
            let mut best: Option<(f64, u32, Way)> = None;
            for (part, block) in worth.keys() {
                for way in self.ways(*part, *block).filter(|way| self.fits(*part, way)) {
                    let (from, to) = ((*part, way.0.start), (*part, way.0.end));
                    let gain: f64 = worth.range(from..to).map(|(_, worth)| worth).sum();
                    let cost = way.1 as f64 * request + (self.size)(*part, way.0.clone()) as f64 * byte;
                    // What costs nothing, as it makes one request of two, is as good as it gets.
                    let score = gain / cost.max(f64::EPSILON);
                    if best.as_ref().is_none_or(|(most, ..)| score > *most) {
                        best = Some((score, *part, way));
                    }
                }
            }
            let Some((_, part, way)) = best else { return };
            worth.retain(|(other, block), _| *other != part || !way.0.contains(block));
            self.take(part, way);
        }
    }
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
    fn what_has_most_to_tell_is_read() {
        let places = [(0, 0), (0, 100), (0, 50), (0, 50), (0, 50), (0, 52), (2, 9)];
        let choose = |requests, kib: u64| {
            let budget = Budget { requests, bytes: kib << 10 };
            let of = |part, blocks| size(&(part, blocks));
            let mut choice = Choice::new(of, budget);
            if !choice.all(places.into_iter()) {
                choice = Choice::new(of, budget);
                choice.best(places.into_iter(), 10);
            }
            assert!(choice.groups <= requests as isize && choice.bytes <= kib << 10);
            let blocks = choice.blocks.into_iter().flat_map(|(p, b)| b.into_iter().map(move |b| (p, b)));
            let groups = in_a_row(blocks);
            assert_eq!(groups.len() as isize, choice.groups);
            assert_eq!(groups.iter().map(size).sum::<u64>(), choice.bytes);
            groups
        };
        assert_eq!(choose(0, 1000), []);
        assert_eq!(choose(4, 0), []);
        assert_eq!(choose(9, 1), [(0, 50..51)], "three candidates are worth more than the best");
        assert_eq!(choose(9, 2), [(0, 0..1), (0, 50..51)]);
        assert_eq!(choose(1, 1000), [(0, 0..101)], "bytes are there to be used");
        assert_eq!(choose(2, 10), [(0, 0..1), (0, 50..53)], "what lies between is cheaper than a request");
        assert_eq!(choose(2, 1000), [(0, 0..101), (2, 9..10)], "all of them");
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
