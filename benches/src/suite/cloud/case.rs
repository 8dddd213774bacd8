//! The cases that every store of a service has.

use super::NAME;
use crate::case::{Case, Unit};

/// Nanoseconds of processor time that are allowed for all that ours does beyond the bare client.
const ADDED: f64 = 20_000.0;

/// Callers of a service that is busy: its workers do not go to sleep after each answer.
pub(super) const AT_ONCE: usize = 16;

/// What is done to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    Get,
    Put,
}

impl Act {
    pub(super) const ALL: [Act; 2] = [Act::Get, Act::Put];

    fn name(self) -> &'static str {
        match self {
            Act::Get => "get",
            Act::Put => "put",
        }
    }
}

/// A store of ours, and what is beside it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    pub(super) scheme: &'static str,
    pub(super) peer: &'static str,
    /// Whether the peer does no more than its user must: the limits are about that one.
    pub(super) bare: bool,
}

impl Pair {
    fn case(self, act: Act, what: &str) -> Case {
        Case::new(NAME, format!("{} {} 1 KiB{what}", self.scheme, act.name()), self.peer)
    }

    pub(super) fn requests(self, act: Act) -> Case {
        let case = self.case(act, ", requests").unit(Unit::Requests);
        if self.bare { case.limit(1.0) } else { case }
    }

    /// Commands, of which one request may have several.
    pub(super) fn commands(self, act: Act) -> Case {
        self.case(act, ", commands").unit(Unit::Count)
    }

    pub(super) fn cpu(self, act: Act) -> Case {
        self.spent(act, ", CPU")
    }

    pub(super) fn cpu_at_once(self, act: Act) -> Case {
        self.spent(act, &format!(", CPU, {AT_ONCE} at once"))
    }

    fn spent(self, act: Act, what: &str) -> Case {
        let case = self.case(act, what).unit(Unit::Cpu);
        if self.bare { case.limit_added(ADDED) } else { case }
    }

    pub(super) fn time(self, act: Act) -> Case {
        self.case(act, "")
    }

    /// Those whose work is timed.
    pub(super) fn timed(self) -> Vec<Case> {
        Act::ALL.iter().flat_map(|&act| [self.cpu(act), self.cpu_at_once(act), self.time(act)]).collect()
    }

    /// Those whose requests are counted.
    pub(super) fn counted(self) -> Vec<Case> {
        Act::ALL.map(|act| self.requests(act)).into()
    }
}
