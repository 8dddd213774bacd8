//! What a client knows, and by it the state that a schedule is in.
//!
//! A client is a coroutine, whose stack cannot be compared. But what it will do depends on nothing but what it has seen
//! since its operation began: so a fingerprint of that stands for its stack. Two moments with the same fingerprints of
//! all clients and the same shared state have the same future, and only one of them has to be looked into.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use crate::world::{Entry, World};

/// What a client knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mind {
    /// Which list of operations it has; 0 if it has ended, or was killed.
    script: u64,
    /// The number of its operation, which never comes again.
    pub(crate) op: u64,
    /// The steps that it made, and the random numbers that it drew, in this operation.
    steps: u64,
    draws: u64,
    /// What it has seen in this operation.
    saw: u64,
}

impl Mind {
    /// A client begins.
    pub(crate) fn awake(&mut self, script: u64) {
        *self = Mind { script, op: self.op, steps: 0, draws: 0, saw: 0 };
    }

    /// An operation begins. Nothing is left of the one before.
    pub(crate) fn begin(&mut self) {
        *self = Mind { script: self.script, op: self.op + 1, steps: 0, draws: 0, saw: 1 };
    }

    /// An operation has ended.
    pub(crate) fn end(&mut self) {
        *self = Mind { script: self.script, op: self.op, steps: 0, draws: 0, saw: 0 };
    }

    /// The client is gone.
    pub(crate) fn gone(&mut self) {
        *self = Mind { op: self.op, ..Mind::default() };
    }

    /// It goes on. What it sees in one step is never taken for something seen in another.
    pub(crate) fn go_on(&mut self) {
        self.steps += 1;
    }

    /// A number for the next draw, unlike any other.
    pub(crate) fn draw(&mut self, client: usize) -> u64 {
        self.draws += 1;
        (client as u64 + 1) << 32 | self.op << 16 | self.draws
    }
}

/// Two numbers in one.
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut mixed = (a.rotate_left(25) ^ b).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

fn of_entry(entry: Option<Entry>) -> u64 {
    entry.map_or(1, |entry| mix(mix(entry.stamp.incarnation, entry.stamp.epoch), u64::from(entry.value) + 2))
}

impl World {
    /// The running client sees something. Everything that a client can tell of the world must come through here.
    pub(crate) fn saw(&mut self, what: u64) {
        if let Some(client) = self.running {
            let mind = &mut self.minds[client];
            mind.saw = mix(mix(mind.saw, mind.steps), what);
        }
    }

    /// The running client sees what a front has.
    pub(crate) fn saw_entry(&mut self, entry: Option<Entry>) -> Option<Entry> {
        self.saw(of_entry(entry));
        entry
    }

    /// The state, as a number. Which step it is and how it came about is no part of it.
    pub(crate) fn state(&self) -> u64 {
        let mut state = 0;
        let mut add = |number: u64| state = mix(state, number);
        // In no order: the words are written in many.
        add(self
            .touched
            .iter()
            .map(|at| (*at as u64, self.words[*at]))
            .fold(0, |sum: u64, (at, word)| if word == 0 { sum } else { sum.wrapping_add(mix(at, word)) }));
        [self.now, self.incarnation, self.all_until, self.draws].into_iter().for_each(&mut add);
        let budget = self.budget;
        [budget.faults, budget.evictions, budget.passes, budget.kills, budget.crashes]
            .into_iter()
            .for_each(|left| add(u64::from(left)));
        for stack in &self.stacks {
            add(u64::from(stack.table.is_some()));
            stack.front.iter().for_each(|entry| add(of_entry(*entry)));
            // The lease of a flight is what its leader knows.
            stack.flights.iter().for_each(|flight| add(u64::from(flight.id) << 1 | u64::from(flight.sent)));
            add(u64::MAX);
            stack.landed.iter().for_each(|(id, value)| add(u64::from(*id) << 32 | u64::from(*value)));
            add(u64::MAX);
        }
        self.shared.iter().for_each(|entry| add(of_entry(*entry)));
        self.origin.iter().for_each(|value| add(u64::from(*value)));
        // In no order: any of them may land next.
        add(self.late.iter().fold(0, |sum: u64, late| {
            sum.wrapping_add(mix(late.deadline, (late.key as u64) << 32 | u64::from(late.value)))
        }));
        for (client, mind) in self.minds.iter().enumerate() {
            [mind.script, mind.op, mind.steps, mind.draws, mind.saw].into_iter().for_each(&mut add);
            add(self.under_way[client].map_or(0, |(key, value)| (key as u64 + 1) << 32 | u64::from(value)));
            add(u64::from(self.waiting[client].unwrap_or(0)));
            // What a read may give is all that the past matters for.
            add(self.reading[client].map_or(0, |(key, from)| {
                self.current_since(key, from)
                    .fold(1, |sum: u64, value| sum.wrapping_add(mix(7, u64::from(value))))
            }));
        }
        state
    }
}

/// States that were met.
pub(crate) type States = HashSet<u64, BuildHasherDefault<Itself>>;

/// The states that a search has met.
#[derive(Debug)]
pub(crate) struct Met {
    pub(crate) states: States,
    /// A schedule that comes to one of them is left.
    pub(crate) prune: bool,
}

impl Met {
    /// Meets a state; whether to go on.
    pub(crate) fn meet(&mut self, state: u64) -> bool {
        self.states.insert(state) || !self.prune
    }
}

/// A number that is spread well is its own hash.
#[derive(Debug, Default)]
pub(crate) struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers");
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
