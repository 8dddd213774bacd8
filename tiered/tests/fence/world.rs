//! What the clients share: the table's words, the fronts, the origin, time.

use std::cell::RefCell;
use std::sync::Arc;

use larder_tiered::fence::{Lease, Rule, Stamp, Table};

use crate::choose::Chooser;
use crate::memory::SimMemory;

pub(crate) const KEYS: usize = 2;
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

/// A process.
#[derive(Debug, Default)]
pub(crate) struct Process {
    /// Which of the processes in this place it is.
    pub(crate) generation: u32,
    pub(crate) table: Option<Arc<Table<SimMemory>>>,
    pub(crate) front: [Option<Entry>; KEYS],
    pub(crate) flights: Vec<Flight>,
    /// Flights that came to an answer.
    pub(crate) landed: Vec<(u32, u32)>,
}

/// Everything.
pub(crate) struct World {
    pub(crate) chooser: Chooser,
    pub(crate) broken: Option<Rule>,
    pub(crate) words: Vec<u64>,
    /// An older state of them, as a crash may bring it back.
    pub(crate) older: Vec<u64>,
    /// What a dying client may play with.
    pub(crate) scratch: Vec<u64>,
    pub(crate) now: u64,
    pub(crate) step: u32,
    pub(crate) processes: [Process; 2],
    pub(crate) shared: [Option<Entry>; KEYS],
    pub(crate) incarnation: u64,
    pub(crate) all_until: u64,
    pub(crate) origin: [u32; KEYS],
    /// The step from which on a key had a value, in order.
    pub(crate) history: [Vec<(u32, u32)>; KEYS],
    pub(crate) late: Vec<Late>,
    /// What the client that runs has sent and not heard of, by client.
    pub(crate) under_way: [Option<(usize, u32)>; 8],
    pub(crate) next_value: u32,
    pub(crate) next_flight: u32,
    pub(crate) origin_reads: u32,
    /// The client that runs found that it has to wait for another one.
    pub(crate) waits: bool,
    pub(crate) wrong: Option<String>,
    random: u64,
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
            words: vec![0; words],
            older: Vec::new(),
            scratch: Vec::new(),
            now: 1,
            step: 0,
            processes: Default::default(),
            shared: [None; KEYS],
            incarnation: seed | 1,
            all_until: 0,
            origin: [0; KEYS],
            history: std::array::from_fn(|_| vec![(0, 0)]),
            late: Vec::new(),
            under_way: [None; 8],
            next_value: 0,
            next_flight: 0,
            origin_reads: 0,
            waits: false,
            wrong: None,
            random: seed,
        }
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

    /// Whether the origin had this value at some moment from step `from` until now.
    pub(crate) fn was_current(&self, key: usize, value: u32, from: u32) -> bool {
        let history = &self.history[key];
        history.iter().enumerate().any(|(i, (_, had))| {
            *had == value && history.get(i + 1).is_none_or(|(replaced, _)| *replaced > from)
        })
    }

    /// A random number for the fence, apart from the choices of the schedule.
    pub(crate) fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ mixed >> 29
    }

    pub(crate) fn fail(&mut self, why: impl FnOnce() -> String) {
        if self.wrong.is_none() {
            self.wrong = Some(why());
        }
    }
}
