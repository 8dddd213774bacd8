//! Harm on the wire, drawn from a seed and counted: what the doubles have in common. The kinds of harm are each
//! service's own.

mod body;
mod plan;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

pub(crate) use body::{Harmed, pause, promise};
pub use plan::FaultPlan;

use crate::lock::locked;

/// Whether a fault comes before the server did what it was asked, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// The request has no effect.
    Before,
    /// The request has its effect; only the answer is harmed.
    After,
}

/// A kind of harm that a server does.
pub trait Kind: Copy + Ord + fmt::Debug {
    /// Whether it can be done to an operation; `conditional` tells whether the request has a condition on a write.
    fn concerns(self, operation: &str, conditional: bool) -> bool;
}

/// What a server does wrong, and how often it did. Empty at the start.
#[derive(Debug)]
pub struct Faults<F>(Mutex<State<F>>);

#[derive(Debug)]
struct State<F> {
    plan: FaultPlan<F>,
    counts: BTreeMap<(F, &'static str), u64>,
    /// The operations that met a plan, with a condition and without.
    met: BTreeMap<(&'static str, bool), u64>,
}

impl<F> Default for Faults<F> {
    fn default() -> Self {
        let (plan, counts, met) = (FaultPlan::default(), BTreeMap::new(), BTreeMap::new());
        Self(Mutex::new(State { plan, counts, met }))
    }
}

/// How a fault is carried out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawn<F> {
    pub(crate) fault: F,
    /// How long what is slow or late takes.
    pub(crate) delay: Duration,
    /// A number for what is left to chance in it.
    pub(crate) dice: u64,
}

impl<F: Kind> Faults<F> {
    /// From here on, requests meet the faults of `plan`; its draws begin anew and the counts go on.
    pub fn set(&self, plan: FaultPlan<F>) {
        locked(&self.0).plan = plan;
    }

    /// From here on, nothing goes wrong. The counts stay.
    pub fn clear(&self) {
        locked(&self.0).plan = FaultPlan::default();
    }

    /// How often each fault was done to each operation.
    pub fn counts(&self) -> BTreeMap<(F, &'static str), u64> {
        locked(&self.0).counts.clone()
    }

    /// The faults of the plan that never happened to an operation that was asked for and could have met them.
    pub fn zero_cells(&self) -> Vec<(F, &'static str)> {
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
    pub(crate) fn draw(&self, operation: &'static str, conditional: bool) -> Option<Drawn<F>> {
        let mut state = locked(&self.0);
        if state.plan.rules.is_empty() {
            return None;
        }
        *state.met.entry((operation, conditional)).or_default() += 1;
        state.plan.draw(operation, conditional)
    }

    pub(crate) fn count(&self, fault: F, operation: &'static str) {
        *locked(&self.0).counts.entry((fault, operation)).or_default() += 1;
    }
}
