//! What goes wrong in one life of a stack.

use std::time::Duration;

use larder_store_core::layer::fault::{Cell, Effect, Fault, Faults, When};
use larder_store_core::{ErrorKind, Op};

use super::matrix::{KINDS, NEVER, STREAMS};
use crate::Outcome;
use crate::rng::Rng;

/// What the keys of clients begin with.
pub(super) const KEYS: &str = "c";

/// Longer than a front may take, and shorter.
const DELAYS: [Duration; 2] = [Duration::from_millis(30), Duration::from_millis(1500)];

/// One fault that a life is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    Fail(When, ErrorKind),
    Hang(When),
    Delay(When),
    Cut,
}

impl Focus {
    /// All of them.
    pub(super) fn all() -> Vec<Focus> {
        let sides = [When::Before, When::After];
        let fails =
            sides.into_iter().flat_map(|when| KINDS.into_iter().map(move |kind| Focus::Fail(when, kind)));
        let waits = sides.into_iter().flat_map(|when| [Focus::Hang(when), Focus::Delay(when)]);
        fails.chain(waits).chain([Focus::Cut]).collect()
    }

    /// Whether its calls never end.
    pub(super) fn hangs(self) -> bool {
        matches!(self, Focus::Hang(_))
    }

    fn is(self, cell: &Cell) -> bool {
        match (self, cell.effect) {
            (Focus::Fail(when, kind), Effect::Fail(other)) => cell.when == when && kind == other,
            (Focus::Hang(when), Effect::Hang) | (Focus::Delay(when), Effect::Delay(_)) => cell.when == when,
            (Focus::Cut, Effect::Cut { .. }) => true,
            _ => false,
        }
    }

    /// The fault, on those of these calls that it can strike.
    fn on(self, ops: &[Op], rng: &mut Rng) -> Option<Fault> {
        let side = |when| match when {
            When::Before => Fault::before(ops.iter().copied()),
            When::After => Fault::after(ops.iter().copied()),
        };
        Some(match self {
            Focus::Fail(when, kind) => side(when).fail(kind),
            Focus::Hang(when) => side(when).hang(),
            Focus::Delay(when) => side(when).delay(*rng.pick(&DELAYS)),
            Focus::Cut => {
                let streams: Vec<Op> = ops.iter().copied().filter(|op| STREAMS.contains(op)).collect();
                if streams.is_empty() {
                    return None;
                }
                // A listing of one item breaks off in front of it or not at all.
                let at = if streams == [Op::List] { 0 } else { *rng.pick(&[0, 1, 1000, 65_536]) };
                Fault::before(streams).cut(at, *rng.pick(&[ErrorKind::Unavailable, ErrorKind::Corrupt]))
            }
        })
    }
}

/// A life.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) focus: Focus,
    /// The front that has the fence is empty, and fails already when it is attached.
    pub(super) from_the_first: bool,
    /// It is of those in which the focus has to strike every call. So nothing else strikes what is asked when a fence is
    /// attached: an answer there can make others needless.
    first_turn: bool,
    /// Which fronts have to be waited for, as stores of others may. The fault layer keeps what it drew for a read that was
    /// not waited for, if that hangs or is late, until somebody waits; nothing comes late from those that are.
    pub(super) waits: [bool; 2],
    /// The memory keeps objects, and there is nothing in it that can fail.
    pub(super) memory_is_plain: bool,
    /// The stack's parameters.
    pub(super) params: &'static str,
    /// How much fails beside the focus, of all calls.
    background: f64,
}

const ALWAYS: &str = "fresh=always";

const PARAMS: [&str; 5] = [
    "fresh=sole_writer",
    "fresh=sole_writer&write=write-around",
    "fresh=sole_writer&read=revalidate(200ms)",
    "fresh=30s",
    ALWAYS,
];

impl Plan {
    /// The plan of the n-th life. The first of them go through every focus, at ease and from the first.
    pub(super) fn draw(n: u64, rng: &mut Rng) -> Plan {
        let all = Focus::all();
        let from_the_first = n % 2 == 1;
        let first_turn = n < Plan::turn();
        let focus = all[(n / 2) as usize % all.len()];
        let background = *rng.pick(&[0.0, 0.002, 0.02, 0.1, 0.3]);
        let late = match first_turn {
            true => background > 0.0 || matches!(focus, Focus::Hang(_) | Focus::Delay(_)),
            false => rng.one_in(2),
        };
        Plan {
            first_turn,
            focus,
            from_the_first,
            waits: [late || !from_the_first, late],
            memory_is_plain: !first_turn && rng.one_in(5),
            // A stack that runs without its fence says so by its freshness.
            params: match from_the_first {
                true => ALWAYS,
                // Nothing is streamed from a front whose answers the origin has to confirm.
                false if first_turn => PARAMS[rng.index(4)],
                false => PARAMS[rng.index(PARAMS.len())],
            },
            background,
        }
    }

    /// Whether a quiet key is a hit: no answer of a front grows too old.
    pub(super) fn is_at_rest(&self) -> bool {
        self.params.starts_with("fresh=sole_writer") && !self.params.contains("revalidate")
    }

    /// Which calls of a front the focus has not struck so far, of those that can be made to come.
    pub(super) fn missing(&self, faults: &[Faults; 2]) -> Vec<(usize, Op)> {
        let mut missing = Vec::new();
        for (front, faults) in faults.iter().enumerate() {
            if front == 0 && self.memory_is_plain {
                continue;
            }
            let cells: Vec<Cell> = faults.cells().into_iter().filter(|cell| self.focus.is(cell)).collect();
            for op in [Op::Get, Op::GetStream, Op::Put, Op::PutStream, Op::List, Op::Sweep, Op::Drain] {
                let streamed = self.params != ALWAYS && (front > 0 || self.waits[0]);
                let mut these = cells.iter().filter(|cell| cell.op == op).peekable();
                let can = these.peek().is_some()
                    && match op {
                        Op::GetStream => streamed,
                        Op::List => front == 1 && self.from_the_first && self.first_turn,
                        _ => true,
                    };
                if can && these.all(|cell| cell.struck == 0) {
                    missing.push((front, op));
                }
            }
        }
        missing
    }

    /// How many there are until every focus had its turn.
    pub(super) fn turn() -> u64 {
        2 * Focus::all().len() as u64
    }

    /// The faults of one front.
    pub(super) fn faults(&self, rng: &mut Rng) -> Outcome<Faults> {
        let mut rules = Vec::new();
        let keyed: Vec<Op> =
            [Op::Get, Op::Put].into_iter().chain(NEVER).filter(|op| *op != Op::Flush).collect();
        let of_clients = |fault: Fault| if self.first_turn { fault.keys(KEYS) } else { fault };
        let (streams, few) = ([Op::GetStream, Op::PutStream], [Op::Sweep, Op::Drain]);
        let slow = |focus: Focus| if matches!(focus, Focus::Hang(_) | Focus::Delay(_)) { 0.25 } else { 1.0 };
        let usual: [(&[Op], f64); 6] = [
            (&keyed, 0.1),
            (&[Op::Flush], 0.1),
            (&streams, 0.4),
            (&few, 0.7),
            (&[Op::List], 1.0),
            (&[Op::Close], 1.0),
        ];
        for (ops, rate) in usual {
            let rate = if rate < 0.2 { rate * slow(self.focus) } else { rate };
            let mut fault = self.focus.on(ops, rng).map(|fault| fault.rate(rate));
            if *ops == keyed {
                fault = fault.map(of_clients);
            }
            if *ops == [Op::List] {
                // Else the front would never be attached.
                fault = fault.map(|fault| fault.times(2));
            }
            rules.extend(fault);
        }
        let all = Focus::all();
        if self.background > 0.0 {
            let beside: Vec<Op> = keyed.iter().copied().chain(streams).collect();
            for focus in &all {
                let rate = self.background / all.len() as f64 * slow(*focus);
                rules.extend(focus.on(&beside, rng).map(|fault| of_clients(fault.rate(rate))));
            }
        }
        Ok(Faults::new(rng.word(), rules)?)
    }
}
