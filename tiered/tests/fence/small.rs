//! Small cases, every schedule of each.

use std::fmt;

use larder_tiered::fence::Rule;

use crate::client::{Fronts, Op};
use crate::plan::{Chaos, Plan, Tables};
use crate::world::Budget;

/// Where the clients are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Where {
    /// In a stack of one process.
    Together,
    /// In two stacks of one process.
    Stacks,
    /// In two processes.
    Apart,
}

/// A small case.
pub(crate) struct Case {
    pub(crate) plan: Plan,
    at: Where,
}

const PLACES: [Where; 3] = [Where::Together, Where::Stacks, Where::Apart];
const NONE: Budget = Budget { faults: 0, evictions: 0, passes: 0, kills: 0, crashes: 0 };
const FAULT: Budget = Budget { faults: 1, ..NONE };
const PASS: Budget = Budget { faults: 1, passes: 1, ..NONE };
const KILL: Budget = Budget { kills: 1, ..NONE };
const EVICT: Budget = Budget { evictions: 1, ..NONE };
const CRASH: Budget = Budget { crashes: 1, ..NONE };

const G: Op = Op::Get(0);
const P: Op = Op::Put(0);
const D: Op = Op::Delete(0);
/// Of another key in the same slot.
const G1: Op = Op::Get(1);
const P1: Op = Op::Put(1);

impl Case {
    pub(crate) fn new(at: Where, clients: &[&[Op]], budget: Budget) -> Case {
        let stack = |client: usize| if at == Where::Together { 0 } else { client % 2 };
        let plan = Plan {
            slots: 1,
            clients: clients.iter().enumerate().map(|(id, ops)| (stack(id), ops.to_vec())).collect(),
            fronts: Fronts::BOTH,
            tables: if at == Where::Stacks { Tables::OneProcess } else { Tables::Shared },
            warm: true,
            heir: vec![Op::Get(0)],
            budget,
            chaos: Chaos::default(),
        };
        Case { plan, at }
    }

    /// The fronts and the table are empty at the beginning.
    pub(crate) fn cold(mut self) -> Case {
        self.plan.warm = false;
        self
    }

    pub(crate) fn with_fronts(mut self, private: bool, shared: bool) -> Case {
        self.plan.fronts = Fronts { private, shared };
        self
    }

    pub(crate) fn with_own_tables(mut self) -> Case {
        self.plan.tables = Tables::Own;
        self
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan { clients, fronts, warm, budget, .. } = &self.plan;
        let ops: Vec<_> = clients.iter().map(|(_, ops)| format!("{ops:?}")).collect();
        write!(f, "{}, {:?}, {}", ops.join(" beside "), self.at, if *warm { "warm" } else { "cold" })?;
        if *fronts != Fronts::BOTH {
            write!(f, ", {fronts:?}")?;
        }
        let Budget { faults, evictions, passes, kills, crashes } = budget;
        for (n, what) in [
            (faults, "bad attempts"),
            (evictions, "evictions"),
            (passes, "passes of time"),
            (kills, "kills"),
            (crashes, "crashes"),
        ] {
            if *n > 0 {
                write!(f, ", {what} {n}")?;
            }
        }
        Ok(())
    }
}

/// Every pair, the order aside.
fn pairs<T: Copy>(of: &[T]) -> Vec<[T; 2]> {
    of.iter().enumerate().flat_map(|(i, a)| of[i..].iter().map(|b| [*a, *b])).collect()
}

/// Pairs of clients with an operation each, everywhere.
fn one_each(ops: &[Op], budget: Budget) -> Vec<Case> {
    let places = |[a, b]: [Op; 2]| PLACES.map(|at| Case::new(at, &[&[a], &[b]], budget));
    pairs(ops).into_iter().flat_map(places).collect()
}

/// Pairs of clients with two operations each.
fn two_each(lists: &[[Op; 2]], budget: Budget) -> Vec<Case> {
    let places = |[a, b]: [[Op; 2]; 2]| PLACES.map(|at| Case::new(at, &[&a, &b], budget));
    pairs(lists).into_iter().flat_map(places).collect()
}

/// Three clients with an operation each.
fn three(lists: &[[Op; 3]], budget: Budget) -> Vec<Case> {
    let places = |[a, b, c]: &[Op; 3]| PLACES.map(|at| Case::new(at, &[&[*a], &[*b], &[*c]], budget));
    lists.iter().flat_map(places).collect()
}

/// A case in which it shows that a rule is broken.
pub(crate) fn that_needs(rule: Rule) -> Case {
    let together = |clients: &[&[Op]], budget| Case::new(Where::Together, clients, budget);
    match rule {
        Rule::EpochChecked | Rule::EpochAtOpen => together(&[&[G], &[P]], NONE),
        Rule::NoFillWhileOpen | Rule::FillWithLease => together(&[&[G, G], &[P, P]], NONE),
        Rule::InstallUnmoved => together(&[&[P], &[P]], NONE),
        Rule::InstallAlone => together(&[&[P, P], &[P, G]], NONE),
        Rule::InstallWithoutDoubt | Rule::UnansweredIsDoubt => together(&[&[P], &[P]], PASS),
        Rule::NoFillInDoubt | Rule::BitUntilAnswer | Rule::DeadOwnerIsDoubt => together(&[&[G], &[P]], KILL),
        // A third client, as one of two can only join the flight of the other.
        Rule::JoinSameLease => together(&[&[G1], &[G1], &[P1]], NONE),
        Rule::JoinCleanLease => together(&[&[G], &[G], &[P]], NONE),
        Rule::RenewalInDoubt => together(&[&[G], &[P]], CRASH),
        _ => unreachable!("no other rule is known here"),
    }
}

/// Cases so small that every schedule of them can be played to its end; the last ones take minutes.
pub(crate) fn to_its_end(long: bool) -> Vec<Case> {
    let cases: [(Where, &[&[Op]], Budget); 6] = [
        (Where::Together, &[&[P], &[P]], NONE),
        (Where::Apart, &[&[G], &[G]], EVICT),
        (Where::Stacks, &[&[G], &[P]], NONE),
        (Where::Apart, &[&[G], &[P]], NONE),
        (Where::Together, &[&[P], &[P]], FAULT),
        (Where::Together, &[&[P], &[P]], KILL),
    ];
    let take = if long { cases.len() } else { 2 };
    cases.into_iter().take(take).map(|(at, clients, budget)| Case::new(at, clients, budget)).collect()
}

/// Private fronts in two processes: by a table of each one, and by one that they share.
pub(crate) fn private_fronts() -> (Case, Case) {
    let case = || Case::new(Where::Apart, &[&[G, G], &[P, G]], NONE).with_fronts(true, false);
    (case().with_own_tables(), case())
}

/// Cases by the name of their group.
pub(crate) type Groups = Vec<(&'static str, Vec<Case>)>;

/// The short form.
pub(crate) fn short() -> Groups {
    let ops = [G, P, P1];
    vec![
        ("1 + 1", one_each(&ops, NONE)),
        ("1 + 1, a bad attempt, time", one_each(&[G, P], PASS)),
        ("1 + 1, a kill", one_each(&[G, P], KILL)),
        ("1 + 1, an eviction", one_each(&ops, EVICT)),
        ("1 + 1, a crash", vec![Case::new(Where::Apart, &[&[G], &[P]], CRASH)]),
        ("2 + 2", two_each(&[[G, G], [P, P], [P, G]], NONE)),
        ("1 + 1, cold", one_each(&[G, P], NONE).into_iter().map(Case::cold).collect()),
        ("1 + 1 + 1", three(&[[G, P, P]], NONE)),
    ]
}

/// The long form, which has the short one in it.
pub(crate) fn long() -> Groups {
    let ops = [G, P, D, G1, P1];
    let lists = [[G, G], [P, P], [P, G], [G, P], [D, G], [G1, P], [P1, G]];
    let threes = [[G1, G1, P1], [G, G, G], [G, G, P], [G, P, P], [P, P, P], [G, P, P1], [G, P, D]];
    let cold = |cases: Vec<Case>| cases.into_iter().map(Case::cold).collect();
    let fronts = |private, shared| {
        let cases = one_each(&ops, PASS).into_iter();
        cases.map(|case| case.with_fronts(private, shared)).collect()
    };
    vec![
        ("1 + 1, 2 bad attempts, time", one_each(&ops, Budget { faults: 2, ..PASS })),
        ("1 + 1, a kill, a bad attempt", one_each(&[G, P, P1], Budget { faults: 1, ..KILL })),
        ("1 + 1, a kill, time", one_each(&[G, P, P1], Budget { passes: 1, ..KILL })),
        ("1 + 1, 2 evictions, a bad attempt", one_each(&ops, Budget { evictions: 2, ..FAULT })),
        ("1 + 1, a crash, a bad attempt", one_each(&[G, P], Budget { crashes: 1, ..FAULT })),
        ("1 + 1, cold, a bad attempt, time", cold(one_each(&[G, P, P1], PASS))),
        ("1 + 1, cold, a kill", cold(one_each(&[G, P], KILL))),
        ("1 + 1, private fronts only", fronts(true, false)),
        ("1 + 1, a shared front only", fronts(false, true)),
        ("2 + 2", two_each(&lists, NONE)),
        ("2 + 2, a bad attempt", two_each(&lists, FAULT)),
        ("2 + 2, an eviction", two_each(&lists, EVICT)),
        ("2 + 2, a kill", two_each(&[[G, G], [P, P], [P, G]], KILL)),
        ("1 + 1 + 1", three(&threes, NONE)),
        ("1 + 1 + 1, a bad attempt", three(&threes, FAULT)),
    ]
}
