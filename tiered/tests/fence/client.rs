//! What a client does: the read and the write around the fence, step for step as a tiered store makes them.

use std::sync::Arc;

use larder_tiered::fence::Table;

use crate::coroutine::{in_haste, step};
use crate::memory::SimMemory;
use crate::world::{Entry, Flight, world};

/// What a client is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Get(usize),
    Put(usize),
    Delete(usize),
}

/// Which fronts a stack has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fronts {
    /// One of its own, in memory.
    pub(crate) private: bool,
    /// One that all share.
    pub(crate) shared: bool,
}

impl Fronts {
    pub(crate) const BOTH: Fronts = Fronts { private: true, shared: true };
}

/// A stack, and the table that all its fronts are judged by.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) table: Arc<Table<SimMemory>>,
    /// Its number in the world.
    pub(crate) stack: usize,
    pub(crate) slots: u32,
    pub(crate) fronts: Fronts,
}

impl Access {
    /// Keys share a slot where there is only one.
    pub(crate) fn slot(&self, key: usize) -> u32 {
        key as u32 % self.slots
    }

    /// Does an operation for a client.
    pub(crate) fn run(&self, op: Op, client: usize) {
        world(|w| w.minds[client].begin());
        match op {
            Op::Get(key) => self.get(client, key),
            Op::Put(key) => {
                let value = world(|w| (client as u32 + 1) * 256 + w.minds[client].op as u32);
                self.write(client, key, value);
            }
            Op::Delete(key) => self.write(client, key, 0),
        }
        world(|w| w.minds[client].end());
    }

    /// A read, and the check of its answer.
    fn get(&self, client: usize, key: usize) {
        let from = world(|w| {
            w.reading[client] = Some((key, w.step));
            w.step
        });
        let value = self.read(key);
        world(|w| {
            w.reading[client] = None;
            if !w.current_since(key, from).any(|current| current == value) {
                let (now, history) = (w.step, w.history[key].clone());
                w.fail(|| {
                    format!(
                        "get of key {key} in steps {from} to {now} gave {value}; the origin had {history:?}"
                    )
                });
            }
        });
    }

    /// Lease, fronts, flight, origin, fill.
    pub(crate) fn read(&self, key: usize) -> u32 {
        let (table, stack) = (&self.table, self.stack);
        let lease = table.lease(self.slot(key));
        if self.fronts.private {
            step();
            if let Some(entry) = world(|w| w.saw_entry(w.stacks[stack].front[key]))
                && table.serves(&lease, &entry.stamp)
            {
                return entry.value;
            }
        }
        if self.fronts.shared {
            step();
            if let Some(entry) = world(|w| w.saw_entry(w.shared[key]))
                && table.serves(&lease, &entry.stamp)
            {
                if self.fronts.private {
                    // Promotion keeps the entry's own stamp.
                    step();
                    world(|w| w.stacks[stack].front[key] = Some(entry));
                }
                return entry.value;
            }
        }
        step();
        let flights = |flight: &&Flight| flight.key == key;
        let flight = world(|w| w.stacks[stack].flights.iter().rev().find(flights).copied());
        if let Some(flight) = flight
            && (!flight.sent || table.joins(&lease, &flight.lease))
        {
            world(|w| w.saw(u64::from(flight.id)));
            return self.wait(flight.id);
        }
        let id = world(|w| {
            let id = w.running.map_or(1, |client| (client as u32 + 1) << 8 | w.minds[client].op as u32);
            w.stacks[stack].flights.push(Flight { id, key, lease, sent: false });
            id
        });
        if !lease.is_clean() {
            table.tend(&lease);
        }
        step();
        world(|w| w.stacks[stack].flights.iter_mut().filter(|f| f.id == id).for_each(|f| f.sent = true));
        step();
        let value = world(|w| {
            w.origin_reads += 1;
            w.saw(u64::from(w.origin[key]));
            w.origin[key]
        });
        // The answer is on its way.
        step();
        world(|w| {
            w.stacks[stack].flights.retain(|flight| flight.id != id);
            if w.waiting.contains(&Some(id)) {
                w.stacks[stack].landed.push((id, value));
            }
        });
        if let Some(stamp) = table.fill(&lease) {
            self.install(key, Entry { stamp, value });
        }
        value
    }

    fn wait(&self, id: u32) -> u32 {
        let client = world(|w| {
            let client = w.running.expect("at rest there are no flights");
            w.waiting[client] = Some(id);
            client
        });
        loop {
            step();
            let landed = world(|w| w.stacks[self.stack].landed.iter().find(|landed| landed.0 == id).copied());
            if let Some((_, value)) = landed {
                world(|w| {
                    w.saw(u64::from(value));
                    w.waiting[client] = None;
                });
                return value;
            }
            if in_haste() {
                return 0;
            }
            world(|w| w.waits = true);
        }
    }

    fn install(&self, key: usize, entry: Entry) {
        if self.fronts.shared {
            step();
            world(|w| w.shared[key] = Some(entry));
        }
        if self.fronts.private {
            step();
            world(|w| w.stacks[self.stack].front[key] = Some(entry));
        }
    }

    /// Open, origin with retries, close, install.
    fn write(&self, client: usize, key: usize, value: u32) {
        let write = self.table.open_write(self.slot(key)).expect("the simulated file is never replaced");
        let (mut done, mut unheard) = (false, false);
        for _attempt in 0..2 {
            world(|w| w.under_way[client] = Some((key, value)));
            step();
            let fate = world(|w| {
                let fate = w.fate();
                w.under_way[client] = None;
                match fate {
                    Fate::Done | Fate::DoneUnheard => w.apply(key, value),
                    Fate::Lost { later: true } => w.leave_behind(key, value),
                    Fate::Refused | Fate::Lost { later: false } => {}
                }
                fate
            });
            step();
            match fate {
                Fate::Done => {
                    done = true;
                    break;
                }
                Fate::Refused => break,
                Fate::DoneUnheard | Fate::Lost { .. } => unheard = true,
            }
        }
        if unheard {
            write.unanswered();
        } else if let Some(stamp) = write.answered()
            && done
        {
            self.install(key, Entry { stamp, value });
        }
    }
}

/// What becomes of one attempt.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Done,
    Refused,
    DoneUnheard,
    Lost { later: bool },
}

impl crate::world::World {
    fn fate(&mut self) -> Fate {
        if self.budget.faults == 0 {
            return Fate::Done;
        }
        // By chance most attempts are well; where each is tried, none is left out.
        let n = match self.chooser.path() {
            Some(_) => self.choose(5) + 7,
            None => self.choose(12),
        };
        let fate = match n {
            8 => Fate::Refused,
            9 => Fate::DoneUnheard,
            10 => Fate::Lost { later: true },
            11 => Fate::Lost { later: false },
            _ => return Fate::Done,
        };
        self.budget.faults -= 1;
        fate
    }
}
