//! Ski rental: what segments have lost by not moving.

use std::collections::BTreeMap;

use super::Tier;
use super::ledger::Ledger;

/// For each segment, the tier it was in and what it has lost by not being in each tier above, in nanoseconds.
///
/// Where there is room that is ski rental: who moves when it has lost what the move costs pays at most twice what the best schedule
/// does. Where another one has to leave there are two states, this one or that one in, between which one moves at a cost `d`, to
/// and fro. What is kept is the difference of their work functions (Borodin, Linial and Saks, JACM 39, 1992), which stays between
/// `-d` and `d`: who moves when it comes to `d` pays at most three times what the best schedule does, and a phase that gains less
/// than `2 d`, the way there and back, moves nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Credits(BTreeMap<u64, (Tier, [f64; 4])>);

impl Credits {
    /// Forgets segments that are gone, and the losses of those that moved: who moved up begins at zero, who had to leave as far below
    /// it as can be.
    pub(super) fn update(&mut self, ledger: &Ledger<'_>) {
        let start = |id, now| match self.0.get(id) {
            Some((tier, lost)) if *tier == now => *lost,
            Some((tier, _)) if *tier > now => [f64::NEG_INFINITY; 4],
            _ => [0.0; 4],
        };
        let segments = ledger.segments.iter();
        self.0 = segments.map(|s| (s.id, (s.tier, start(&s.id, s.tier)))).collect();
    }

    /// Adds a loss, which is a gain if negative, and answers what has come together: at most the cost of the move, at least zero where
    /// there is room, and minus the cost where another one has to leave.
    pub(super) fn add(&mut self, id: u64, to: Tier, loss: f64, cost: f64, room: bool) -> f64 {
        let cost = cost.max(0.0);
        let lost = self.0.get_mut(&id).map(|(_, lost)| &mut lost[to as usize]);
        lost.map_or(0.0, |lost| {
            *lost = (*lost + loss).clamp(if room { 0.0 } else { -cost }, cost);
            *lost
        })
    }
}
