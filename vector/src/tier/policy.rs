//! From use, costs and budgets to steps.

use std::time::Duration;

use super::credit::Credits;
use super::ledger::{Ledger, RESOURCES};
use super::room::{Victim, Victims};
use super::{
    Bucket, Budgets, Costs, Decision, Footprint, Plan, PolicyOptions, Rates, Reason, Resource, SegmentState,
    Tier,
};

/// Decides which segments move. It remembers what segments have lost by waiting, and the bytes that may be moved; the same calls in
/// the same order give the same plans.
///
/// In this order:
///
/// 1. **Budgets** that are exceeded: who loses least for a byte leaves, however young, whatever the bandwidth (it is charged); pinned
///    ones last of all.
/// 2. **Pins**: to their tiers, as bandwidth allows; whoever is not pinned makes room, however young.
/// 3. **Use**, tier by tier, the hottest first, and in each whoever gains most for a byte first. The gain is
///    `min(rate, sustained rate) × (cost of a row - cost of a row there)`, the former in the best other tier below that could be had.
///    A segment moves up if it is not young, if its rate is [sustained](super::Rate::sustained), if
///    `gain × horizon > beta × cost of the moves`, if `gain / bytes` is at least `hysteresis` times that of each that makes room for
///    it (and so is the gain to all their losses), and if what it has lost by waiting, which others' losses are taken off, has come to
///    `beta × cost of the moves`. That begins at zero where there is room; where others have to leave it goes down to minus that cost
///    while they are used more, so that to change places pays the way back as well.
///
/// Nothing moves down but to make room. Where that leads from memory to a disk that is full, the weakest there leaves for the store if
/// the gain is worth that as well. A tier that is refused is taken by nobody, for pins and for budgets either; the new
/// representation always has room beside the old.
#[derive(Debug, Clone)]
pub struct Policy {
    options: PolicyOptions,
    bucket: Bucket,
    credits: Credits,
    last: Option<Duration>,
}

impl Policy {
    /// With nothing lost, and all bytes there to be moved.
    #[must_use]
    pub fn new(options: PolicyOptions) -> Policy {
        let bucket = Bucket::new(options.bandwidth, options.burst);
        Policy { options, bucket, credits: Credits::default(), last: None }
    }

    /// What to do now. Call it every minute or so. Of segments with the same id all but one are ignored.
    pub fn plan(
        &mut self,
        now: Duration,
        segments: &[SegmentState],
        budgets: &Budgets,
        costs: &Costs,
        rates: &Rates,
    ) -> Plan {
        let passed = now.saturating_sub(self.last.unwrap_or(now)).min(self.options.longest_wait);
        self.last = Some(self.last.map_or(now, |last| last.max(now)));
        let mut ledger = Ledger::new(now, segments, budgets, costs, rates);
        self.credits.update(&ledger);
        let mut stays = vec![None; ledger.segments.len()];
        self.shrink(&mut ledger);
        self.pin(&mut ledger, &mut stays);
        self.promote(&mut ledger, passed.as_secs_f64(), &mut stays);
        let decide = |segment: usize| {
            let (state, rate) = (ledger.segments[segment], ledger.rates[segment].per_second);
            let to = ledger.has_moved(segment).then(|| ledger.tier(segment));
            let stay = || match state.pinned {
                Some(tier) => Reason::Pinned { tier },
                None => stays[segment].unwrap_or(Reason::Best { rate }),
            };
            let stay = || stays[segment].unwrap_or_else(stay);
            let reason = ledger.reason(segment).unwrap_or_else(stay);
            Decision { id: state.id, tier: state.tier, to, reason }
        };
        let decisions = (0..ledger.segments.len()).map(decide).collect();
        Plan { decisions, over: ledger.over(), steps: ledger.into_steps() }
    }

    /// Back under the budgets.
    fn shrink(&mut self, ledger: &mut Ledger<'_>) {
        // The disk first: what leaves memory may need it.
        for resource in [Resource::Disk, Resource::Memory] {
            for pinned in [false, true] {
                let over = ledger.over().of(resource);
                if over == 0 {
                    break;
                }
                let may = |segment: usize| ledger.segments[segment].pinned.is_some() == pinned;
                let (mark, victims) = (ledger.mark(), Victims::new(ledger, Tier::Frozen, may));
                victims.relieve(ledger, resource, Reason::OverBudget { resource, over });
                self.bucket.force(ledger.now, ledger.bytes_since(mark));
            }
        }
    }

    /// To where they are pinned.
    fn pin(&mut self, ledger: &mut Ledger<'_>, stays: &mut [Option<Reason>]) {
        let away =
            |segment: &usize| ledger.segments[*segment].pinned.is_some_and(|t| t != ledger.tier(*segment));
        let mut pinned: Vec<_> = (0..ledger.segments.len()).filter(away).collect();
        // Those that go down first: they make room.
        pinned.sort_by_key(|segment| ledger.segments[*segment].pinned > Some(ledger.tier(*segment)));
        if pinned.is_empty() {
            return;
        }
        let floor = self.options.floor;
        let victims = Victims::new(ledger, floor, |segment| ledger.segments[segment].pinned.is_none());
        for segment in pinned {
            let state = ledger.segments[segment];
            let (Some(tier), false) = (state.pinned, ledger.has_moved(segment)) else { continue };
            if let Some(until) = state.veto(tier, ledger.now) {
                stays[segment] = Some(Reason::Vetoed { tier, until });
                continue;
            }
            let (mark, (extra, _)) = (ledger.mark(), state.change(state.tier, tier));
            let displaced = |_| Reason::DisplacedByPin { by: state.id };
            let room = victims.make_room(ledger, segment, extra, [f64::INFINITY; 2], &displaced);
            let moved = room.is_some() && ledger.apply(segment, tier, Reason::Pinned { tier });
            let bytes = ledger.bytes_since(mark);
            if !moved || !self.bucket.try_take(ledger.now, bytes) {
                let wait = if moved { Reason::Throttled { bytes } } else { Reason::PinNoRoom { tier } };
                stays[segment] = Some(wait);
                ledger.rollback(mark);
            }
        }
    }

    /// By use.
    fn promote(&mut self, ledger: &mut Ledger<'_>, passed: f64, stays: &mut [Option<Reason>]) {
        let old = |state: &SegmentState| ledger.now.saturating_sub(state.since) >= self.options.residency;
        let may = |segment: usize| {
            let state = ledger.segments[segment];
            state.pinned.is_none() && old(state) && !ledger.has_moved(segment)
        };
        let victims = Victims::new(ledger, self.options.floor, may);
        let mut throttled = false;
        for tier in [Tier::Hot, Tier::Warm, Tier::Cold] {
            let mut candidates = Vec::new();
            for (segment, stay) in stays.iter_mut().enumerate() {
                let state = ledger.segments[segment];
                if state.pinned.is_some() || ledger.tier(segment) >= tier || ledger.has_moved(segment) {
                    continue;
                }
                if let Some(until) = state.veto(tier, ledger.now) {
                    self.credits.add(state.id, tier, 0.0, 0.0, true);
                    stay.get_or_insert(Reason::Vetoed { tier, until });
                    continue;
                }
                candidates.push(self.candidate(ledger, &victims, segment, tier));
            }
            candidates.sort_by(|a, b| b.density().total_cmp(&a.density()).then(a.segment.cmp(&b.segment)));
            for candidate in candidates {
                if ledger.has_moved(candidate.segment) {
                    continue;
                }
                let judged = self.judge(ledger, &victims, &candidate, passed, &mut throttled);
                if let Err(reason) = judged {
                    stays[candidate.segment] = Some(reason);
                }
            }
        }
    }

    /// What a segment gains in a tier against the best below that it could have.
    fn candidate(&self, ledger: &Ledger<'_>, victims: &Victims, segment: usize, tier: Tier) -> Candidate {
        let (state, rate) = (ledger.segments[segment], &ledger.rates[segment]);
        let (from, rate) = (ledger.tier(segment), rate.sustained(self.options.windows));
        let (extra, _) = state.change(from, tier);
        let reachable = |other: &Tier| {
            let (extra, _) = state.change(from, *other);
            let gain = rate * ledger.saving(from, *other);
            let beats = |resource: Resource| {
                ledger.missing(extra, resource) == 0
                    || victims.weakest(ledger, segment, resource).is_some_and(|victim| {
                        gain >= self.options.hysteresis * victim.density * extra.of(resource) as f64
                    })
            };
            *other == from || !ledger.vetoed(segment, *other) && RESOURCES.into_iter().all(beats)
        };
        let between = Tier::ALL.into_iter().filter(|other| (from..tier).contains(other));
        let base = between.filter(reachable).max().unwrap_or(from);
        Candidate { segment, tier, extra, gain: rate * ledger.saving(base, tier) }
    }

    /// Moves a candidate, or says why not.
    fn judge(
        &mut self,
        ledger: &mut Ledger<'_>,
        victims: &Victims,
        candidate: &Candidate,
        passed: f64,
        throttled: &mut bool,
    ) -> Result<(), Reason> {
        let &Candidate { segment, tier, extra, gain } = candidate;
        let (state, options) = (ledger.segments[segment], &self.options);
        let lacking = ledger.lacking(extra);
        let weakest =
            lacking.and_then(|resource| Some((resource, victims.weakest(ledger, segment, resource)?)));
        // What the room it takes is worth to those who have it, and what it takes to move them.
        let share = |(resource, victim): (Resource, Victim)| {
            let missing = ledger.missing(extra, resource) as f64;
            let share = missing / victim.freed as f64;
            (victim.density * missing, victim.moving * share.ceil())
        };
        let (price, moving) = weakest.map_or((0.0, 0.0), share);
        let (net, cost) = (gain - price, options.beta * (ledger.moving(segment, tier) + moving));
        let lost = self.credits.add(state.id, tier, net * passed, cost, lacking.is_none());

        let (age, residency) = (ledger.now.saturating_sub(state.since), options.residency);
        if age < residency {
            return Err(Reason::Young { age, residency });
        }
        let rate = ledger.rates[segment];
        if gain <= 0.0 {
            let (sustained, windows) = (rate.sustained(options.windows), options.windows);
            return Err(match rate.per_second > 0.0 && sustained <= 0.0 {
                true => Reason::NotSustained { rate: rate.per_second, sustained, windows },
                false => Reason::NoGain { rate: rate.per_second },
            });
        }
        if let (Some(resource), None) = (lacking, weakest) {
            return Err(Reason::NoRoom { resource, missing: ledger.missing(extra, resource) });
        }
        if let Some((resource, victim)) = weakest {
            let ratio = gain / extra.of(resource) as f64 / victim.density;
            if ratio < options.hysteresis {
                let than = ledger.segments[victim.segment].id;
                return Err(Reason::Weaker { than, ratio, hysteresis: options.hysteresis });
            }
        }
        if net * options.horizon.as_secs_f64() <= cost {
            return Err(Reason::NotWorth { gain: net, cost, horizon: options.horizon });
        }
        if lost < cost {
            return Err(Reason::Waiting { lost, cost });
        }
        let mark = ledger.mark();
        let moved = self.displace(ledger, victims, candidate);
        let bytes = ledger.bytes_since(mark);
        if moved.is_err() || *throttled || !self.bucket.try_take(ledger.now, bytes) {
            // Whoever comes later does not overtake, or a large segment would wait for ever.
            *throttled |= moved.is_ok();
            ledger.rollback(mark);
            moved?;
            return Err(Reason::Throttled { bytes });
        }
        Ok(())
    }

    /// Lets the weakest leave, and moves the candidate in.
    fn displace(
        &self,
        ledger: &mut Ledger<'_>,
        victims: &Victims,
        candidate: &Candidate,
    ) -> Result<(), Reason> {
        let &Candidate { segment, tier, extra, gain } = candidate;
        let (id, mark) = (ledger.segments[segment].id, ledger.mark());
        let density = RESOURCES.map(|resource| gain / extra.of(resource).max(1) as f64);
        let most = density.map(|density| density / self.options.hysteresis);
        let resource = ledger.lacking(extra);
        let density = resource.map_or(0.0, |resource| density[resource as usize]);
        let displaced = |lost: f64| Reason::Displaced { by: id, ratio: density / lost };
        let loss = victims.make_room(ledger, segment, extra, most, &displaced);
        if let Some(resource) = ledger.lacking(extra) {
            return Err(Reason::NoRoom { resource, missing: ledger.missing(extra, resource) });
        }
        let loss = loss.unwrap_or_default();
        let cost = ledger.cost_since(mark) + ledger.moving(segment, tier);
        if loss * self.options.hysteresis > gain {
            let than = ledger.first_since(mark).unwrap_or(id);
            return Err(Reason::Weaker { than, ratio: gain / loss, hysteresis: self.options.hysteresis });
        }
        ledger.apply(segment, tier, Reason::Promoted { gain: gain - loss, cost });
        Ok(())
    }
}

/// One that could move up.
struct Candidate {
    segment: usize,
    tier: Tier,
    extra: Footprint,
    /// Nanoseconds saved a second, before others' losses.
    gain: f64,
}

impl Candidate {
    fn density(&self) -> f64 {
        self.gain / self.extra.total().max(1) as f64
    }
}
