//! What a client does: the read and the write around the fence, step for step as a tiered store makes them.

use std::sync::Arc;

use larder_tiered::fence::Table;

use crate::coroutine::step;
use crate::memory::SimMemory;
use crate::world::{Entry, world};

type Fence = Arc<Table<SimMemory>>;

/// What a client is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Op {
    Get(usize),
    Put(usize),
    Delete(usize),
}

impl Op {
    pub(crate) fn run(self, table: &Fence, client: usize, slots: u32, faults: bool) {
        match self {
            Op::Get(key) => get(table, key, slots),
            Op::Put(key) => {
                let value = world(|w| {
                    w.next_value += 1;
                    w.next_value
                });
                write(table, client, key, value, slots, faults);
            }
            Op::Delete(key) => write(table, client, key, 0, slots, faults),
        }
    }
}

/// Keys share a slot where there is only one.
pub(crate) fn slot(key: usize, slots: u32) -> u32 {
    key as u32 % slots
}

/// A read, and the check of its answer.
fn get(table: &Fence, key: usize, slots: u32) {
    let from = world(|w| w.step);
    let value = read(table, key, slots);
    world(|w| {
        if !w.was_current(key, value, from) {
            let (now, history) = (w.step, w.history[key].clone());
            w.fail(|| {
                format!("get of key {key} in steps {from} to {now} gave {value}; the origin had {history:?}")
            });
        }
    });
}

/// Lease, fronts, flight, origin, fill.
pub(crate) fn read(table: &Fence, key: usize, slots: u32) -> u32 {
    let place = table.memory().place;
    let lease = table.lease(slot(key, slots));
    step();
    if let Some(entry) = world(|w| w.processes[place].front[key])
        && table.serves(&lease, &entry.stamp)
    {
        return entry.value;
    }
    step();
    if let Some(entry) = world(|w| w.shared[key])
        && table.serves(&lease, &entry.stamp)
    {
        // Promotion keeps the entry's own stamp.
        step();
        world(|w| w.processes[place].front[key] = Some(entry));
        return entry.value;
    }
    step();
    let flight = world(|w| w.processes[place].flights.iter().rev().find(|flight| flight.key == key).copied());
    if let Some(flight) = flight
        && (!flight.sent || table.joins(&lease, &flight.lease))
    {
        return wait(place, flight.id);
    }
    let id = world(|w| {
        w.next_flight += 1;
        let flight = crate::world::Flight { id: w.next_flight, key, lease, sent: false };
        w.processes[place].flights.push(flight);
        flight.id
    });
    if !lease.is_clean() {
        table.tend(&lease);
    }
    step();
    world(|w| w.processes[place].flights.iter_mut().filter(|f| f.id == id).for_each(|f| f.sent = true));
    step();
    let value = world(|w| {
        w.origin_reads += 1;
        w.origin[key]
    });
    // The answer is on its way.
    step();
    world(|w| {
        let process = &mut w.processes[place];
        process.flights.retain(|flight| flight.id != id);
        process.landed.push((id, value));
    });
    if let Some(stamp) = table.fill(&lease) {
        install(place, key, Entry { stamp, value });
    }
    value
}

fn wait(place: usize, id: u32) -> u32 {
    loop {
        step();
        let landed = world(|w| w.processes[place].landed.iter().find(|landed| landed.0 == id).copied());
        if let Some((_, value)) = landed {
            return value;
        }
        world(|w| w.waits = true);
    }
}

fn install(place: usize, key: usize, entry: Entry) {
    step();
    world(|w| w.shared[key] = Some(entry));
    step();
    world(|w| w.processes[place].front[key] = Some(entry));
}

/// What becomes of one attempt.
enum Fate {
    Done,
    Refused,
    DoneUnheard,
    Lost { later: bool },
}

/// Open, origin with retries, close, install.
fn write(table: &Fence, client: usize, key: usize, value: u32, slots: u32, faults: bool) {
    let write = table.open_write(slot(key, slots)).expect("the simulated file is never replaced");
    let (mut done, mut unheard) = (false, false);
    for _attempt in 0..2 {
        world(|w| w.under_way[client] = Some((key, value)));
        step();
        let fate = world(|w| {
            let fate = match if faults { w.chooser.below(12) } else { 0 } {
                0..=7 => Fate::Done,
                8 => Fate::Refused,
                9 => Fate::DoneUnheard,
                10 => Fate::Lost { later: true },
                _ => Fate::Lost { later: false },
            };
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
        install(table.memory().place, key, Entry { stamp, value });
    }
}
