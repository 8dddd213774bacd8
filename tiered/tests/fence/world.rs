//! What the clients share: the table's words, the fronts, the origin, time.

use std::cell::RefCell;
use std::sync::Arc;

use larder_tiered::fence::{Lease, Rule, Stamp, Table};

use crate::choose::Chooser;
use crate::memory::SimMemory;
use crate::mind::{Mind, mix};

pub(crate) const KEYS: usize = 2;
/// Clients, those of restarted processes among them.
pub(crate) const CLIENTS: usize = 8;
/// How long doubt lasts here, in microseconds.
pub(crate) const WINDOW: u64 = 1000;

/// A value in a front. 0 stands for "absent".
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) stamp: Stamp,
    pub(crate) value: u32,
}

/// A request to the origin that nobody waits for, and that lands before `deadline` or never.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Late {
    pub(crate) key: usize,
    pub(crate) value: u32,
    pub(crate) deadline: u64,
}

/// A read of the origin that others may join.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flight {
    pub(crate) id: u32,
    pub(crate) key: usize,
    pub(crate) lease: Lease,
    pub(crate) sent: bool,
}

/// A stack of a private front over the shared one: that of a process, or one of two in the same process.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    pub(crate) table: Option<Arc<Table<SimMemory>>>,
    pub(crate) front: [Option<Entry>; KEYS],
    pub(crate) flights: Vec<Flight>,
    /// Flights that came to an answer, for those who wait for it.
    pub(crate) landed: Vec<(u32, u32)>,
}

/// What may still happen beside the clients, where everything that can happen does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Budget {
    /// Attempts that the origin refuses, loses, or answers to nobody.
    pub(crate) faults: u32,
    pub(crate) evictions: u32,
    pub(crate) passes: u32,
    pub(crate) kills: u32,
    pub(crate) crashes: u32,
}

/// Everything.
pub(crate) struct World {
    pub(crate) chooser: Chooser,
    pub(crate) broken: Option<Rule>,
    pub(crate) budget: Budget,
    pub(crate) words: Vec<u64>,
    /// Those that were ever written.
    pub(crate) touched: Vec<usize>,
    /// An older state of them, as a crash may bring it back.
    pub(crate) older: Vec<u64>,
    pub(crate) now: u64,
    pub(crate) step: u32,
    pub(crate) stacks: [Stack; 2],
    pub(crate) shared: [Option<Entry>; KEYS],
    pub(crate) incarnation: u64,
    pub(crate) all_until: u64,
    pub(crate) origin: [u32; KEYS],
    /// The step from which on a key had a value, in order.
    pub(crate) history: [Vec<(u32, u32)>; KEYS],
    pub(crate) late: Vec<Late>,
    /// What a client has sent and not heard of.
    pub(crate) under_way: [Option<(usize, u32)>; CLIENTS],
    /// The key that a client reads, and since which step.
    pub(crate) reading: [Option<(usize, u32)>; CLIENTS],
    /// The flight whose answer a client waits for.
    pub(crate) waiting: [Option<u32>; CLIENTS],
    pub(crate) minds: [Mind; CLIENTS],
    pub(crate) running: Option<usize>,
    pub(crate) origin_reads: u32,
    /// The client that runs found that it has to wait for another one.
    pub(crate) waits: bool,
    pub(crate) wrong: Option<String>,
    seed: u64,
    /// Random numbers drawn by none of the clients.
    pub(crate) draws: u64,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Looks at the world, or changes it. Never across a step.
pub(crate) fn world<T>(with: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(|world| with(world.as_mut().expect("a schedule is running")))
}

/// Begins a new world; gives the old one.
pub(crate) fn set_world(new: Option<World>) -> Option<World> {
    WORLD.with_borrow_mut(|world| std::mem::replace(world, new))
}

impl World {
    /// An empty one.
    pub(crate) fn new(chooser: Chooser, broken: Option<Rule>, words: usize, seed: u64) -> World {
        World {
            chooser,
            broken,
            budget: Budget::default(),
            words: vec![0; words],
            touched: Vec::new(),
            older: Vec::new(),
            now: 1,
            step: 0,
            stacks: Default::default(),
            shared: [None; KEYS],
            incarnation: seed | 1,
            all_until: 0,
            origin: [0; KEYS],
            history: std::array::from_fn(|_| vec![(0, 0)]),
            late: Vec::new(),
            under_way: [None; CLIENTS],
            reading: [None; CLIENTS],
            waiting: [None; CLIENTS],
            minds: Default::default(),
            running: None,
            origin_reads: 0,
            waits: false,
            wrong: None,
            seed,
            draws: 0,
        }
    }

    /// Writes a word.
    pub(crate) fn set_word(&mut self, at: usize, word: u64) {
        if !self.touched.contains(&at) {
            self.touched.push(at);
        }
        self.words[at] = word;
    }

    /// The origin takes a write.
    pub(crate) fn apply(&mut self, key: usize, value: u32) {
        self.origin[key] = value;
        self.history[key].push((self.step, value));
    }

    /// A request that nobody waits for.
    pub(crate) fn leave_behind(&mut self, key: usize, value: u32) {
        // Strictly within the window, counted from now.
        self.late.push(Late { key, value, deadline: self.now + WINDOW - 1 });
    }

    /// One of the late requests lands.
    pub(crate) fn land(&mut self, at: usize) {
        let Late { key, value, .. } = self.late.swap_remove(at);
        self.apply(key, value);
    }

    /// Time goes on. What has to land by then lands.
    pub(crate) fn pass(&mut self, time: u64) {
        let then = self.now + time;
        while let Some(at) = self.late.iter().position(|late| late.deadline <= then) {
            self.land(at);
        }
        self.now = then;
    }

    /// The values that the origin had from step `from` until now.
    pub(crate) fn current_since(&self, key: usize, from: u32) -> impl Iterator<Item = u32> {
        let history = &self.history[key];
        let stood = move |i: usize| history.get(i + 1).is_none_or(|(replaced, _)| *replaced > from);
        history.iter().enumerate().filter(move |(i, _)| stood(*i)).map(|(_, (_, value))| *value)
    }

    /// A choice that the running client learns of.
    pub(crate) fn choose(&mut self, n: u32) -> u32 {
        let chosen = self.chooser.below(n);
        self.saw(u64::from(chosen));
        chosen
    }

    /// A random number for the fence, apart from the choices of the schedule. What a client draws depends on what it is
    /// doing, not on the others: else no two schedules would ever come to the same state.
    pub(crate) fn random(&mut self) -> u64 {
        let at = match self.running {
            Some(client) => self.minds[client].draw(client),
            None => {
                self.draws += 1;
                self.draws
            }
        };
        mix(self.seed, at)
    }

    pub(crate) fn fail(&mut self, why: impl FnOnce() -> String) {
        if self.wrong.is_none() {
            self.wrong = Some(why());
        }
    }
}
