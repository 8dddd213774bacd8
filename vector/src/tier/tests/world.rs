//! Segments under a load, and what the policy makes of them.

use std::time::Duration;

use crate::tier::*;

pub(super) const MIB: u64 = 1 << 20;
pub(super) const MINUTE: u64 = 60;
pub(super) const HOUR: u64 = 60 * MINUTE;

/// 65,536 rows of 384 dimensions and their codes of 48 bytes.
pub(super) fn segment(id: u64, tier: Tier) -> SegmentState {
    let (none, disk) = (Footprint::default(), Footprint { memory: 0, disk: 48 * MIB });
    let codes = Footprint { memory: 3 * MIB, disk: 0 };
    let columns = [none, none, disk, Footprint { memory: 96 * MIB, disk: 0 }];
    SegmentState { id, tier, pinned: None, since: Duration::ZERO, codes, columns, vetoed: Vec::new() }
}

/// Costs under which moves are all but free, so that nothing but the policy's rules keeps segments where they are.
pub(super) fn free_moves() -> Costs {
    let mut costs = Costs::default();
    for from in Tier::ALL {
        for to in Tier::ALL {
            (0..200).for_each(|_| costs.moved(from, to, 1_000_000, Duration::from_nanos(1000)));
        }
    }
    costs
}

pub(super) struct World {
    pub(super) now: u64,
    pub(super) segments: Vec<SegmentState>,
    /// Limits of memory and disk.
    pub(super) limit: Footprint,
    pub(super) costs: Costs,
    pub(super) tracker: Tracker,
    pub(super) policy: Policy,
    pub(super) rng: fastrand::Rng,
    /// Rows that one query contributes: the larger, the noisier a rate.
    pub(super) batch: f64,
    pub(super) moved: u64,
    pub(super) moves: usize,
    /// Nanoseconds that rescoring and moving took.
    pub(super) cost: f64,
}

impl World {
    /// All warm, with memory for some of them.
    pub(super) fn new(count: u64, hot: f64, options: PolicyOptions, costs: Costs) -> World {
        World {
            now: 0,
            segments: (0..count).map(|id| segment(id, Tier::Warm)).collect(),
            limit: Footprint {
                memory: count * 3 * MIB + (hot * (96 * MIB) as f64) as u64,
                disk: (count + 1) * 48 * MIB,
            },
            costs,
            tracker: Tracker::new(TrackerOptions::default()),
            policy: Policy::new(options),
            rng: fastrand::Rng::with_seed(7),
            batch: 1.0,
            moved: 0,
            moves: 0,
            cost: 0.0,
        }
    }

    pub(super) fn used(&self) -> Footprint {
        let mut used = Footprint::default();
        self.segments.iter().for_each(|segment| used += segment.footprint(segment.tier));
        used
    }

    pub(super) fn budgets(&self) -> Budgets {
        let (limit, used) = (self.limit, self.used());
        Budgets {
            memory: Room { limit: limit.memory, used: used.memory },
            disk: Room { limit: limit.disk, used: used.disk },
        }
    }

    pub(super) fn plan(&mut self) -> Plan {
        let now = Duration::from_secs(self.now);
        let rates = self.tracker.rates(now);
        let plan = self.policy.plan(now, &self.segments, &self.budgets(), &self.costs, &rates);
        check(&self.segments, &self.budgets(), now, &plan);
        for step in &plan.steps {
            let at = self.segments.iter().position(|segment| segment.id == step.id).unwrap();
            (self.segments[at].tier, self.segments[at].since) = (step.to, now);
            self.moved += step.extra.total();
            self.moves += 1;
            self.cost += self.costs.moving(step.from, step.to, step.extra.total());
        }
        plan
    }

    /// A minute of load, contributions a second for each segment, then a plan.
    pub(super) fn minute(&mut self, load: impl Fn(u64) -> f64) -> Plan {
        for at in 0..self.segments.len() {
            let (id, tier) = (self.segments[at].id, self.segments[at].tier);
            let weight = self.batch * poisson(&mut self.rng, load(id) * MINUTE as f64 / self.batch);
            self.tracker.touch(id, Duration::from_secs(self.now + MINUTE / 2), weight);
            self.cost += weight * self.costs.row(tier);
        }
        self.now += MINUTE;
        self.plan()
    }

    pub(super) fn hours(&mut self, hours: u64, load: impl Fn(u64) -> f64) {
        (0..hours * 60).for_each(|_| drop(self.minute(&load)));
    }

    pub(super) fn hot(&self) -> Vec<u64> {
        let hot = self.segments.iter().filter(|segment| segment.tier == Tier::Hot);
        hot.map(|segment| segment.id).collect()
    }
}

/// What holds of every plan.
pub(super) fn check(segments: &[SegmentState], budgets: &Budgets, now: Duration, plan: &Plan) {
    let mut used = Footprint { memory: budgets.memory.used, disk: budgets.disk.used };
    let within = |used: u64, extra: u64, limit: u64| extra == 0 || used + extra <= limit;
    let mut moved = std::collections::BTreeSet::new();
    for step in &plan.steps {
        let segment = segments.iter().find(|segment| segment.id == step.id).unwrap();
        assert!(moved.insert(step.id), "moved twice: {step:?}");
        assert_eq!(segment.tier, step.from);
        assert_eq!((step.extra, step.freed), segment.change(step.from, step.to));
        assert!(within(used.memory, step.extra.memory, budgets.memory.limit), "{step:?}");
        assert!(within(used.disk, step.extra.disk, budgets.disk.limit), "{step:?}");
        assert_eq!(segment.veto(step.to, now), None, "refused: {step:?}");
        assert!(segment.pinned.is_none_or(|tier| tier == step.to) || is_forced(&step.reason), "{step:?}");
        used += step.extra;
        used -= step.freed;
    }
    assert_eq!(plan.over.memory, used.memory.saturating_sub(budgets.memory.limit));
    assert_eq!(plan.over.disk, used.disk.saturating_sub(budgets.disk.limit));
    assert_eq!(plan.decisions.len(), segments.len());
    for segment in segments {
        let decision = plan.explain(segment.id).unwrap();
        let step = plan.steps.iter().find(|step| step.id == segment.id);
        assert_eq!((decision.tier, decision.to), (segment.tier, step.map(|step| step.to)));
    }
}

fn is_forced(reason: &Reason) -> bool {
    matches!(reason, Reason::OverBudget { .. })
}

/// How many of events come that are this many on average.
pub(super) fn poisson(rng: &mut fastrand::Rng, mean: f64) -> f64 {
    if mean > 50.0 {
        // As good as normal, of twelve uniform ones.
        let normal = (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
        return (mean + normal * mean.sqrt()).round().max(0.0);
    }
    let (mut count, mut left) = (-1.0, 1.0);
    while left > (-mean).exp() {
        left *= rng.f64();
        count += 1.0;
    }
    if mean > 0.0 { count } else { 0.0 }
}

/// Contributions a second of a Zipf(1.0) load: of `total`, what the segment of a rank gets, from 0.
pub(super) fn zipf(rank: u64, of: u64, total: f64) -> f64 {
    let sum: f64 = (1..=of).map(|rank| 1.0 / rank as f64).sum();
    total / sum / (rank + 1) as f64
}
