//! The cases that every store of a service has.

use super::NAME;
use super::clock::Clock;
use crate::case::{Case, Unit};
use crate::context::Context;

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

/// A case whose work is timed.
#[derive(Debug, Clone)]
pub(super) struct Timed {
    pub(super) case: Case,
    pub(super) act: Act,
    pub(super) clock: Clock,
    pub(super) callers: usize,
}

/// Whether any of these cases is wanted.
pub(super) fn wanted(context: &Context, timed: &[Timed]) -> bool {
    timed.iter().any(|timed| context.wants(&timed.case))
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

    fn cpu(self, act: Act, callers: usize) -> Timed {
        let what = match callers {
            1 => ", CPU".to_owned(),
            _ => format!(", CPU, {callers} at once"),
        };
        let case = self.case(act, &what).unit(Unit::Cpu);
        let case = if self.bare { case.limit_added(ADDED) } else { case };
        Timed { case, act, clock: Clock::Cpu, callers }
    }

    /// Processor time, of one caller and of many.
    pub(super) fn spent(self) -> Vec<Timed> {
        Act::ALL.iter().flat_map(|&act| [self.cpu(act, 1), self.cpu(act, AT_ONCE)]).collect()
    }

    /// Time, of one caller.
    pub(super) fn waited(self) -> Vec<Timed> {
        Act::ALL.map(|act| Timed { case: self.case(act, ""), act, clock: Clock::Wall, callers: 1 }).into()
    }

    /// Both.
    pub(super) fn timed(self) -> Vec<Timed> {
        [self.spent(), self.waited()].concat()
    }

    /// Those whose requests are counted.
    pub(super) fn counted(self) -> Vec<Case> {
        Act::ALL.map(|act| self.requests(act)).into()
    }
}
