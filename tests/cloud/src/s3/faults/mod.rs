//! Harm on the wire, drawn from a seed and counted.

mod apply;
mod body;
mod kinds;
mod plan;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

pub(super) use apply::{Answer, Exchange, conditional, exchange};
pub use kinds::{Fault, When};
pub use plan::FaultPlan;

use super::server::locked;

/// What a server does wrong, and how often it did. Empty at the start.
#[derive(Debug, Default)]
pub struct Faults(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    plan: FaultPlan,
    counts: BTreeMap<(Fault, &'static str), u64>,
    /// The operations that met a plan, with a condition and without.
    met: BTreeMap<(&'static str, bool), u64>,
}

/// How a fault is carried out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn {
    pub(super) fault: Fault,
    /// How long what is slow or late takes.
    pub(super) delay: Duration,
    /// A number for what is left to chance in it.
    pub(super) dice: u64,
}

impl Faults {
    /// From here on, requests meet the faults of `plan`; its draws begin anew and the counts go on.
    pub fn set(&self, plan: FaultPlan) {
        locked(&self.0).plan = plan;
    }

    /// From here on, nothing goes wrong. The counts stay.
    pub fn clear(&self) {
        locked(&self.0).plan = FaultPlan::default();
    }

    /// How often each fault was done to each operation.
    pub fn counts(&self) -> BTreeMap<(Fault, &'static str), u64> {
        locked(&self.0).counts.clone()
    }

    /// The faults of the plan that never happened to an operation that was asked for and could have met them.
    pub fn zero_cells(&self) -> Vec<(Fault, &'static str)> {
        let state = locked(&self.0);
        let mut cells = Vec::new();
        for rule in &state.plan.rules {
            for (operation, conditional) in state.met.keys() {
                let cell = (rule.fault, *operation);
                if rule.concerns(operation, *conditional) && !state.counts.contains_key(&cell) {
                    cells.push(cell);
                }
            }
        }
        cells.sort();
        cells.dedup();
        cells
    }

    /// What this request meets, if anything. It is counted when it is done, since not every answer can be harmed so.
    pub(super) fn draw(&self, operation: &'static str, conditional: bool) -> Option<Drawn> {
        let mut state = locked(&self.0);
        if state.plan.rules.is_empty() {
            return None;
        }
        *state.met.entry((operation, conditional)).or_default() += 1;
        state.plan.draw(operation, conditional)
    }

    pub(super) fn count(&self, fault: Fault, operation: &'static str) {
        *locked(&self.0).counts.entry((fault, operation)).or_default() += 1;
    }
}
