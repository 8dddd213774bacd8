//! What is played.

use crate::choose::Chooser;
use crate::client::{Fronts, Op};
use crate::world::Budget;

/// What is played.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) slots: u32,
    /// Each client's stack, and what it does there.
    pub(crate) clients: Vec<(usize, Vec<Op>)>,
    pub(crate) fronts: Fronts,
    pub(crate) tables: Tables,
    /// Key 0 is read once before anything begins, so that the fronts have it.
    pub(crate) warm: bool,
    /// What a process does that starts in the place of a dead one.
    pub(crate) heir: Vec<Op>,
    /// How much may happen beside the clients' steps.
    pub(crate) budget: Budget,
    /// How likely it is, where not everything is tried.
    pub(crate) chaos: Chaos,
}

/// Who goes by which table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tables {
    /// Each stack is in a process of its own, and both go by the table that they share.
    Shared,
    /// Both stacks are in one process, and go by its table.
    OneProcess,
    /// Each stack goes by a table of its own. This is wrong.
    Own,
}

/// Each is one chance in so many at every step, 0 for never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Chaos {
    pub(crate) evict: u32,
    pub(crate) land: u32,
    pub(crate) pass: u32,
    pub(crate) kill: u32,
    pub(crate) crash: u32,
    /// A client goes on for about so many steps before another one does.
    pub(crate) burst: u32,
}

/// As often as chance wills.
const OFTEN: u32 = u32::MAX;

impl Plan {
    /// 4 clients × 3 operations over 2 processes, with whatever a seed brings along.
    pub(crate) fn random(chooser: &mut Chooser) -> Plan {
        let mut one_of = |from: &[u32]| from[chooser.below(from.len() as u32) as usize];
        let slots = one_of(&[1, 2]);
        let (faults, warm) = (one_of(&[0, 1]), one_of(&[0, 1]) == 1);
        let chaos = Chaos {
            evict: one_of(&[0, 8, 30]),
            land: one_of(&[10, 40]),
            pass: one_of(&[0, 20, 60]),
            kill: one_of(&[0, 0, 60, 120]),
            crash: one_of(&[0, 0, 0, 120]),
            burst: one_of(&[1, 3, 8]),
        };
        let (keys, writes) = (one_of(&[1, 1, 2]), one_of(&[3, 5, 7]));
        let tables = if one_of(&[0, 0, 0, 1]) == 1 { Tables::OneProcess } else { Tables::Shared };
        let fronts = match one_of(&[0, 0, 0, 1, 2]) {
            0 => Fronts::BOTH,
            n => Fronts { private: n == 1, shared: n == 2 },
        };
        let clients = (0..4)
            .map(|client| {
                let ops = (0..3).map(|_| {
                    let key = chooser.below(keys) as usize;
                    match chooser.below(10) {
                        n if n >= writes => Op::Get(key),
                        0 => Op::Delete(key),
                        _ => Op::Put(key),
                    }
                });
                (client / 2, ops.collect())
            })
            .collect();
        let heir = [Op::Get(0), Op::Put(0), Op::Get(0)].into_iter().skip(chooser.below(3) as usize).collect();
        let budget = Budget { faults: faults * OFTEN, evictions: OFTEN, passes: OFTEN, kills: 1, crashes: 1 };
        Plan { slots, clients, fronts, tables, warm, heir, budget, chaos }
    }

    /// How many processes there are.
    pub(crate) fn processes(&self) -> usize {
        if self.tables == Tables::OneProcess { 1 } else { 2 }
    }

    /// The process of a stack.
    pub(crate) fn process(&self, stack: usize) -> usize {
        stack.min(self.processes() - 1)
    }
}
