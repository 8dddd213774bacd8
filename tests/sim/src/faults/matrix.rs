//! Which faults struck which calls of which front.

use std::collections::BTreeMap;

use larder_store_core::layer::fault::{Effect, Faults, When};
use larder_store_core::{ErrorKind, Op};

use crate::report::Report;

/// Every kind of error.
pub(super) const KINDS: [ErrorKind; 12] = [
    ErrorKind::Conflict,
    ErrorKind::Unknown,
    ErrorKind::Throttled,
    ErrorKind::Unavailable,
    ErrorKind::Timeout,
    ErrorKind::Cancelled,
    ErrorKind::Invalid,
    ErrorKind::Unsupported,
    ErrorKind::Denied,
    ErrorKind::Corrupt,
    ErrorKind::Full,
    ErrorKind::Closed,
];

/// What a store is called with.
pub(super) const CALLS: [Op; 16] = [
    Op::Get,
    Op::GetStream,
    Op::Put,
    Op::PutStream,
    Op::List,
    Op::Sweep,
    Op::Drain,
    Op::Close,
    Op::Head,
    Op::Delete,
    Op::GetMany,
    Op::PutMany,
    Op::DeleteMany,
    Op::Copy,
    Op::Transact,
    Op::Flush,
];

/// Those that a stack has no use for: all of its own calls about them go to the origin.
pub(super) const NEVER: [Op; 8] =
    [Op::Head, Op::Delete, Op::GetMany, Op::PutMany, Op::DeleteMany, Op::Copy, Op::Transact, Op::Flush];

/// Those with a stream, that can be cut.
pub(super) const STREAMS: [Op; 3] = [Op::GetStream, Op::PutStream, Op::List];

/// A fault by what it does; how long it delays and where it cuts is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Does {
    Fail(usize),
    Hang,
    Delay,
    Cut,
}

impl Does {
    /// All of them, in the order of the columns.
    pub(super) fn all() -> impl Iterator<Item = Does> {
        (0..KINDS.len()).map(Does::Fail).chain([Does::Hang, Does::Delay, Does::Cut])
    }

    fn of(effect: Effect) -> Option<Does> {
        match effect {
            Effect::Fail(kind) => KINDS.iter().position(|known| *known == kind).map(Does::Fail),
            Effect::Hang => Some(Does::Hang),
            Effect::Delay(_) => Some(Does::Delay),
            Effect::Cut { .. } => Some(Does::Cut),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Does::Fail(kind) => [
                "conflict",
                "unknown",
                "throttled",
                "unavail.",
                "timeout",
                "cancelled",
                "invalid",
                "unsupp.",
                "denied",
                "corrupt",
                "full",
                "closed",
            ][kind],
            Does::Hang => "hang",
            Does::Delay => "delay",
            Does::Cut => "cut",
        }
    }
}

/// The counts of one front.
#[derive(Debug, Clone, Default)]
pub(super) struct Matrix {
    /// Whether the front is the one beside which the fence is.
    has_fence: bool,
    cells: BTreeMap<(Op, When, Does), u64>,
    asked: BTreeMap<Op, u64>,
}

impl Matrix {
    /// That of the front beside which the fence is, which is asked for a little more.
    pub(super) fn of_the_fence() -> Matrix {
        Matrix { has_fence: true, ..Matrix::default() }
    }

    /// Adds what a plan did.
    pub(super) fn add(&mut self, faults: &Faults) {
        let mut asked: BTreeMap<Op, u64> = BTreeMap::new();
        for cell in faults.cells() {
            let most = asked.entry(cell.op).or_default();
            *most = (*most).max(cell.asked);
            if let Some(does) = Does::of(cell.effect) {
                *self.cells.entry((cell.op, cell.when, does)).or_default() += cell.struck;
            }
        }
        for (op, asked) in asked {
            *self.asked.entry(op).or_default() += asked;
        }
    }

    /// All faults that struck.
    pub(super) fn struck(&self) -> u64 {
        self.cells.values().sum()
    }

    /// Why there is nothing to be counted in a cell.
    fn excuse(&self, op: Op, when: When, does: Does) -> Option<&'static str> {
        if does == Does::Cut && when == When::After {
            return Some("a cut has no side, and counts as before");
        }
        if does == Does::Cut && !STREAMS.contains(&op) {
            return Some("there is no stream to cut");
        }
        if NEVER.contains(&op) {
            return Some("a stack never asks a front for it");
        }
        if op == Op::List && !self.has_fence {
            return Some("only the front that has the fence is listed, when that is attached");
        }
        None
    }

    /// Puts the matrix into a report, and what is missing.
    pub(super) fn tell(&self, front: &str, report: &mut Report) {
        let header: Vec<_> = Does::all().map(|does| format!("{:>9}", does.name())).collect();
        report.text(format!("{front}: faults that struck"), header.concat());
        let mut excuses: BTreeMap<&str, u64> = BTreeMap::new();
        for op in CALLS.into_iter().filter(|op| !NEVER.contains(op)) {
            for when in [When::Before, When::After] {
                let cell = |does| match self.cells.get(&(op, when, does)) {
                    Some(n) if *n > 0 => format!("{n:>9}"),
                    _ if self.excuse(op, when, does).is_some() => format!("{:>9}", "-"),
                    _ => format!("{:>9}", 0),
                };
                report.text(format!("{front}: {op} {when}"), Does::all().map(cell).collect::<String>());
            }
        }
        for op in CALLS {
            for (when, does) in
                [When::Before, When::After].into_iter().flat_map(|w| Does::all().map(move |d| (w, d)))
            {
                let struck = self.cells.get(&(op, when, does)).copied().unwrap_or(0);
                match self.excuse(op, when, does) {
                    Some(why) => *excuses.entry(why).or_default() += 1,
                    None if struck == 0 => report.problem(format!(
                        "{front}: no {op} was struck by {} {when} its effect: nothing is shown about that",
                        does.name()
                    )),
                    None => {}
                }
            }
            let asked = self.asked.get(&op).copied().unwrap_or(0);
            if asked > 0 && (NEVER.contains(&op) || (op == Op::List && !self.has_fence)) {
                report.problem(format!("{front}: {op} was asked {asked} times, and was thought never to be"));
            }
        }
        for (why, cells) in excuses {
            report.count(format!("{front}: cells that cannot be, as {why}"), cells);
        }
    }
}
