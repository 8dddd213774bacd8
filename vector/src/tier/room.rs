//! Making room: who leaves first.

use super::ledger::{Ledger, RESOURCES};
use super::{Footprint, Reason, Resource, Tier};

/// How many that cannot leave are passed over before the search ends.
const PASSED_OVER: usize = 16;

/// One that may have to leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Victim {
    pub(super) segment: usize,
    /// Nanoseconds a second lost for each byte that it gives back.
    pub(super) density: f64,
    /// Bytes that it gives back.
    pub(super) freed: u64,
    /// Nanoseconds that moving it takes.
    pub(super) moving: f64,
}

/// Those that may have to leave, those that lose least for a byte first, for each resource.
pub(super) struct Victims {
    lists: [Vec<Victim>; 2],
    /// Nobody goes further down than this.
    floor: Tier,
}

impl Victims {
    pub(super) fn new(ledger: &Ledger<'_>, floor: Tier, may: impl Fn(usize) -> bool) -> Victims {
        let list = |resource| {
            let eligible = (0..ledger.segments.len()).filter(|segment| may(*segment));
            let mut victims: Vec<_> =
                eligible.filter_map(|segment| victim(ledger, segment, floor, resource)).collect();
            victims.sort_by(|a, b| a.density.total_cmp(&b.density).then(a.segment.cmp(&b.segment)));
            victims
        };
        Victims { lists: RESOURCES.map(list), floor }
    }

    /// The one that would leave next for another one.
    pub(super) fn weakest(&self, ledger: &Ledger<'_>, asking: usize, resource: Resource) -> Option<Victim> {
        let can = |victim: &&Victim| victim.segment != asking && !ledger.has_moved(victim.segment);
        self.lists[resource as usize].iter().find(can).copied()
    }

    /// Lets leave who is weakest until a budget is no longer exceeded, or nobody is left.
    pub(super) fn relieve(&self, ledger: &mut Ledger<'_>, resource: Resource, reason: Reason) {
        for victim in &self.lists[resource as usize] {
            if ledger.over().of(resource) == 0 {
                break;
            }
            if !ledger.has_moved(victim.segment) {
                self.leave(ledger, *victim, resource, f64::INFINITY, &|_| reason);
            }
        }
    }

    /// Lets leave who is weakest until there is room for so many more bytes, that another one asks for. Nobody leaves who loses more for a byte than what
    /// `most` says for the resource, in whole. Answers what all lose, in nanoseconds a second; the steps of a failure stay, for the
    /// caller to take back.
    pub(super) fn make_room(
        &self,
        ledger: &mut Ledger<'_>,
        asking: usize,
        extra: Footprint,
        most: [f64; 2],
        reason: &dyn Fn(f64) -> Reason,
    ) -> Option<f64> {
        let mut loss = 0.0;
        for resource in RESOURCES {
            let mut passed_over = 0;
            for victim in &self.lists[resource as usize] {
                if ledger.missing(extra, resource) == 0 || passed_over == PASSED_OVER {
                    break;
                }
                if victim.segment == asking || ledger.has_moved(victim.segment) {
                    continue;
                }
                if victim.density > most[resource as usize] {
                    break;
                }
                let left = self.leave(ledger, *victim, resource, most[resource as usize], reason);
                loss += left.unwrap_or_default();
                passed_over += usize::from(left.is_none());
            }
        }
        ledger.lacking(extra).is_none().then_some(loss)
    }

    /// Moves one to the best tier below that it can have, and makes room there if that loses less than going further down.
    fn leave(
        &self,
        ledger: &mut Ledger<'_>,
        victim: Victim,
        resource: Resource,
        most: f64,
        reason: &dyn Fn(f64) -> Reason,
    ) -> Option<f64> {
        let Victim { segment, .. } = victim;
        let targets: Vec<_> = targets(ledger, segment, self.floor, resource).collect();
        for (at, &(to, freed, loss)) in targets.iter().enumerate() {
            if loss > most * freed as f64 {
                return None;
            }
            if ledger.apply(segment, to, reason(loss / freed as f64)) {
                return Some(loss);
            }
            let (extra, _) = ledger.segments[segment].change(ledger.tier(segment), to);
            let below = targets.get(at + 1).map_or(f64::INFINITY, |(_, _, loss)| *loss);
            let spare = (most * freed as f64).min(below) - loss;
            let share = RESOURCES.map(|resource| spare / extra.of(resource).max(1) as f64);
            let mark = ledger.mark();
            // Whoever makes room there is below: it comes from the tier that this one goes to.
            let is_below = |victim: &&Victim| ledger.tier(victim.segment) <= to;
            let list = |i: usize| self.lists[i].iter().filter(is_below).copied().collect();
            let lower = Victims { lists: std::array::from_fn(list), floor: self.floor };
            let chained =
                lower.make_room(ledger, segment, extra, share, reason).filter(|chained| *chained <= spare);
            if let Some(chained) = chained
                && ledger.apply(segment, to, reason((loss + chained) / freed as f64))
            {
                return Some(loss + chained);
            }
            ledger.rollback(mark);
        }
        None
    }
}

fn victim(ledger: &Ledger<'_>, segment: usize, floor: Tier, resource: Resource) -> Option<Victim> {
    let (to, freed, loss) = targets(ledger, segment, floor, resource).next()?;
    Some(Victim { segment, density: loss / freed as f64, freed, moving: ledger.moving(segment, to) })
}

/// Where one can go so that bytes become free, the best tier first: the bytes, and the nanoseconds a second that are lost.
fn targets(
    ledger: &Ledger<'_>,
    segment: usize,
    floor: Tier,
    resource: Resource,
) -> impl Iterator<Item = (Tier, u64, f64)> {
    let (from, rate) = (ledger.tier(segment), ledger.rates[segment].per_second);
    let below = Tier::ALL.into_iter().rev().filter(move |tier| (floor..from).contains(tier));
    below.filter(move |tier| !ledger.vetoed(segment, *tier)).filter_map(move |to| {
        let (extra, freed) = ledger.segments[segment].change(from, to);
        let freed = freed.of(resource).checked_sub(extra.of(resource)).filter(|freed| *freed > 0)?;
        Some((to, freed, (rate * ledger.saving(to, from)).max(0.0)))
    })
}
