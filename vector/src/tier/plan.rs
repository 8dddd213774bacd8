//! What the policy answers.

use super::{Footprint, Reason, Tier};

/// What to do now, and why.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// One after the other, each complete before the next begins. What makes room comes before what needs it; a step that fails ends
    /// the plan.
    pub steps: Vec<Step>,
    /// One for each segment, by id.
    pub decisions: Vec<Decision>,
    /// Bytes by which the budgets are still exceeded after all steps, as nothing more can leave.
    pub over: Footprint,
}

impl Plan {
    /// Bytes that are moved: those of the new representations.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.steps.iter().map(|step| step.extra.total()).sum()
    }

    /// Why a segment is where it is.
    #[must_use]
    pub fn explain(&self, id: u64) -> Option<&Decision> {
        let found = self.decisions.binary_search_by_key(&id, |decision| decision.id);
        found.ok().map(|at| &self.decisions[at])
    }
}

/// A segment moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// The segment.
    pub id: u64,
    /// The tier it leaves.
    pub from: Tier,
    /// The tier it comes to.
    pub to: Tier,
    /// Bytes to reserve first, for the new representation: the old one is still there.
    pub extra: Footprint,
    /// Bytes that are given back at its end, when the old one has been dropped.
    pub freed: Footprint,
    /// Why.
    pub reason: Reason,
}

/// What becomes of a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decision {
    /// The segment.
    pub id: u64,
    /// The tier it is in.
    pub tier: Tier,
    /// The tier it moves to.
    pub to: Option<Tier>,
    /// Why it moves, or stays. Of one that stays: what kept it from the next tier above that is not refused.
    pub reason: Reason,
}
