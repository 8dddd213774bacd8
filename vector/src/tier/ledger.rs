//! The segments and budgets as they will be after the steps so far, which can be taken back.

use std::time::Duration;

use super::plan::Step;
use super::{Budgets, Costs, Footprint, Rate, Rates, Reason, Resource, SegmentState, Tier};

pub(super) const RESOURCES: [Resource; 2] = [Resource::Memory, Resource::Disk];

pub(super) struct Ledger<'a> {
    pub(super) now: Duration,
    /// By id.
    pub(super) segments: Vec<&'a SegmentState>,
    pub(super) rates: Vec<Rate>,
    /// Nanoseconds a row, by tier.
    rows: [f64; 4],
    costs: &'a Costs,
    limit: Footprint,
    used: Footprint,
    tiers: Vec<Tier>,
    steps: Vec<(usize, Step)>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        now: Duration,
        segments: &'a [SegmentState],
        budgets: &Budgets,
        costs: &'a Costs,
        rates: &Rates,
    ) -> Ledger<'a> {
        let mut segments: Vec<_> = segments.iter().collect();
        segments.sort_by_key(|segment| segment.id);
        segments.dedup_by_key(|segment| segment.id);
        Ledger {
            now,
            rates: segments.iter().map(|segment| rates.get(segment.id)).collect(),
            tiers: segments.iter().map(|segment| segment.tier).collect(),
            segments,
            rows: Tier::ALL.map(|tier| costs.row(tier)),
            costs,
            limit: Footprint { memory: budgets.memory.limit, disk: budgets.disk.limit },
            used: Footprint { memory: budgets.memory.used, disk: budgets.disk.used },
            steps: Vec::new(),
        }
    }

    /// The tier that a segment has after the steps so far.
    pub(super) fn tier(&self, segment: usize) -> Tier {
        self.tiers[segment]
    }

    /// Whether a segment is moved by the steps so far. None is moved twice.
    pub(super) fn has_moved(&self, segment: usize) -> bool {
        self.tiers[segment] != self.segments[segment].tier
    }

    /// Nanoseconds a contribution that a tier saves against another.
    pub(super) fn saving(&self, from: Tier, to: Tier) -> f64 {
        self.rows[from as usize] - self.rows[to as usize]
    }

    /// Nanoseconds that moving a segment takes.
    pub(super) fn moving(&self, segment: usize, to: Tier) -> f64 {
        let from = self.tiers[segment];
        let (extra, _) = self.segments[segment].change(from, to);
        self.costs.moving(from, to, extra.total())
    }

    /// Bytes missing for so many more.
    pub(super) fn missing(&self, extra: Footprint, resource: Resource) -> u64 {
        match extra.of(resource) {
            0 => 0,
            extra => self.used.of(resource).saturating_add(extra).saturating_sub(self.limit.of(resource)),
        }
    }

    /// The resource that lacks bytes for so many more.
    pub(super) fn lacking(&self, extra: Footprint) -> Option<Resource> {
        RESOURCES.into_iter().find(|resource| self.missing(extra, *resource) > 0)
    }

    /// Bytes beyond the limit.
    pub(super) fn over(&self) -> Footprint {
        let mut over = self.used;
        over -= self.limit;
        over
    }

    /// Whether a tier is refused to a segment.
    pub(super) fn vetoed(&self, segment: usize, tier: Tier) -> bool {
        self.segments[segment].veto(tier, self.now).is_some()
    }

    /// Moves a segment if there is room for the new beside the old.
    pub(super) fn apply(&mut self, segment: usize, to: Tier, reason: Reason) -> bool {
        let (state, from) = (self.segments[segment], self.tiers[segment]);
        let (extra, freed) = state.change(from, to);
        let fits = !self.has_moved(segment) && from != to && self.lacking(extra).is_none();
        if fits {
            self.used += extra;
            self.used -= freed;
            self.tiers[segment] = to;
            self.steps.push((segment, Step { id: state.id, from, to, extra, freed, reason }));
        }
        fits
    }

    /// How many steps there are: a point to go back to.
    pub(super) fn mark(&self) -> usize {
        self.steps.len()
    }

    /// Takes back all steps since a mark.
    pub(super) fn rollback(&mut self, mark: usize) {
        for (segment, step) in self.steps.drain(mark..).rev() {
            self.used += step.freed;
            self.used -= step.extra;
            self.tiers[segment] = step.from;
        }
    }

    /// Bytes that the steps since a mark move.
    pub(super) fn bytes_since(&self, mark: usize) -> u64 {
        self.steps[mark..].iter().map(|(_, step)| step.extra.total()).sum()
    }

    /// Nanoseconds that the steps since a mark take.
    pub(super) fn cost_since(&self, mark: usize) -> f64 {
        let each = self.steps[mark..].iter();
        each.map(|(_, step)| self.costs.moving(step.from, step.to, step.extra.total())).sum()
    }

    /// The first that was moved since a mark.
    pub(super) fn first_since(&self, mark: usize) -> Option<u64> {
        self.steps.get(mark).map(|(_, step)| step.id)
    }

    /// Why a segment was moved, if it was.
    pub(super) fn reason(&self, segment: usize) -> Option<Reason> {
        self.steps.iter().find(|(moved, _)| *moved == segment).map(|(_, step)| step.reason)
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps.into_iter().map(|(_, step)| step).collect()
    }
}
