//! One schedule, from an empty table to rest.

use std::sync::Arc;
use std::time::Duration;

use larder_tiered::fence::{Found, FrontSays, HeaderState, Layout, Rule, Setup, Table, Verdict};

use crate::choose::Chooser;
use crate::client::{self, Op};
use crate::coroutine::{Task, step};
use crate::memory::{self, SimMemory};
use crate::world::{KEYS, WINDOW, World, set_world, world};

/// Steps after which a schedule has no end: the longest that ends has a few hundred.
const ENDLESS: u32 = 10_000;

/// What is played.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) slots: u32,
    /// Each client's process and what it does there.
    pub(crate) clients: Vec<(usize, Vec<Op>)>,
    /// Attempts that the origin refuses, loses, or answers to nobody.
    pub(crate) faults: bool,
    /// Key 0 is read once before anything begins, so that the fronts have it.
    pub(crate) warm: bool,
    pub(crate) chaos: Chaos,
}

/// What happens beside the clients' steps: each is one chance in so many at every step, 0 for never.
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

impl Plan {
    /// 4 clients × 3 operations over 2 processes, with whatever a seed brings along.
    pub(crate) fn random(chooser: &mut Chooser) -> Plan {
        let mut one_of = |from: &[u32]| from[chooser.below(from.len() as u32) as usize];
        let slots = one_of(&[1, 2]);
        let (faults, warm) = (one_of(&[0, 1]) == 1, one_of(&[0, 1]) == 1);
        let chaos = Chaos {
            evict: one_of(&[0, 8, 30]),
            land: one_of(&[10, 40]),
            pass: one_of(&[0, 20, 60]),
            kill: one_of(&[0, 0, 60, 120]),
            crash: one_of(&[0, 0, 0, 120]),
            burst: one_of(&[1, 3, 8]),
        };
        let (keys, writes) = (one_of(&[1, 1, 2]), one_of(&[3, 5, 7]));
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
        Plan { slots, clients, faults, warm, chaos }
    }
}

/// How a schedule ended.
pub(crate) struct Ended {
    pub(crate) wrong: Option<String>,
    pub(crate) steps: u32,
}

struct Client {
    id: usize,
    place: usize,
    task: Task,
    /// It waits for another one, and nothing has happened since.
    waits: bool,
}

struct Run {
    plan: Plan,
    tasks: Vec<Client>,
    killed: bool,
    crashed: bool,
}

/// Plays a plan.
pub(crate) fn play(plan: &Plan, chooser: Chooser, broken: Option<Rule>, seed: u64) -> Ended {
    let layout = Layout::new(plan.slots);
    set_world(Some(World::new(chooser, broken, layout.words(), seed)));
    let mut run = Run { plan: plan.clone(), tasks: Vec::new(), killed: false, crashed: false };
    run.start();
    run.finish();
    // After a wrong answer some clients are left. They hold tables of this world.
    world(|w| w.scratch = w.words.clone());
    drop(run);
    let mut ended = set_world(None).expect("it was set above");
    ended.processes = Default::default();
    Ended { wrong: ended.wrong, steps: ended.step }
}

fn table(place: usize, slots: u32) -> Arc<Table<SimMemory>> {
    let base = memory::base();
    let (incarnation, all_until) = world(|w| (w.incarnation, w.all_until));
    let setup = Setup {
        layout: Layout::new(slots),
        incarnation,
        owner: place as u8,
        window: Duration::from_micros(WINDOW),
        all_until: if all_until == 0 { 0 } else { base + all_until },
        env: memory::env(),
    };
    Arc::new(Table::new(SimMemory::new(place), setup))
}

impl Run {
    fn start(&mut self) {
        let slots = self.plan.slots;
        for place in 0..2 {
            let table = table(place, slots);
            world(|w| w.processes[place].table = Some(table));
        }
        if self.plan.warm {
            let first = world(|w| w.processes[0].table.clone()).expect("it lives");
            client::read(&first, 0, slots);
        }
        for (id, (place, ops)) in self.plan.clients.clone().into_iter().enumerate() {
            self.spawn(id, place, ops);
        }
    }

    fn spawn(&mut self, id: usize, place: usize, ops: Vec<Op>) {
        let (slots, faults) = (self.plan.slots, self.plan.faults);
        let task = Task::new(move || {
            let Some(table) = world(|w| w.processes[place].table.clone()) else { return };
            for op in ops {
                op.run(&table, id, slots, faults);
                step();
            }
        });
        self.tasks.push(Client { id, place, task, waits: false });
    }

    fn finish(&mut self) {
        let mut last = 0;
        while !self.tasks.is_empty() && world(|w| w.wrong.is_none()) {
            if world(|w| w.step) > ENDLESS {
                world(|w| w.fail(|| "no end: somebody waits for ever".to_owned()));
                return;
            }
            self.meddle();
            if self.tasks.is_empty() {
                break;
            }
            let ready = self.tasks.iter().filter(|client| !client.waits).count() as u32;
            if ready == 0 {
                world(|w| w.fail(|| "no end: all wait for each other".to_owned()));
                return;
            }
            let burst = self.plan.chaos.burst;
            let on = burst > 1 && self.tasks.get(last).is_some_and(|client| !client.waits);
            if !(on && world(|w| w.chooser.below(burst)) != 0) {
                let nth = if ready == 1 { 0 } else { world(|w| w.chooser.below(ready)) as usize };
                let mut ready = self.tasks.iter().enumerate().filter(|(_, client)| !client.waits);
                last = ready.nth(nth).expect("so many were counted").0;
            }
            world(|w| w.step += 1);
            let ended = self.tasks[last].task.resume();
            if world(|w| std::mem::take(&mut w.waits)) {
                self.tasks[last].waits = true;
            } else {
                self.tasks.iter_mut().for_each(|client| client.waits = false);
            }
            if ended {
                drop(self.tasks.swap_remove(last));
            }
        }
        if world(|w| w.wrong.is_none()) {
            self.rest();
        }
    }

    /// What happens beside the clients.
    fn meddle(&mut self) {
        let chaos = self.plan.chaos;
        let happens = |of: u32| of != 0 && world(|w| w.chooser.below(of)) == 0;
        if happens(chaos.evict) {
            world(|w| {
                let (key, front) = (w.chooser.below(KEYS as u32) as usize, w.chooser.below(3) as usize);
                match front {
                    2 => w.shared[key] = None,
                    place => w.processes[place].front[key] = None,
                }
            });
        }
        if world(|w| !w.late.is_empty()) && happens(chaos.land) {
            world(|w| {
                w.step += 1;
                let at = w.chooser.below(w.late.len() as u32) as usize;
                w.land(at);
            });
        }
        if happens(chaos.pass) {
            world(|w| {
                w.step += 1;
                let time = u64::from(w.chooser.below(3)) * WINDOW / 2 + 1;
                w.pass(time);
            });
        }
        if chaos.crash != 0 && world(|w| w.older.is_empty()) && happens(20) {
            world(|w| w.older = w.words.clone());
        }
        if !self.killed && happens(chaos.kill) {
            self.killed = true;
            let place = world(|w| w.chooser.below(2)) as usize;
            self.kill(place);
            self.restart(place);
        }
        if !self.crashed && happens(chaos.crash) {
            self.crashed = true;
            self.crash();
        }
    }

    /// SIGKILL: whatever its clients were about to do is never done. What they had sent may land.
    fn kill(&mut self, place: usize) {
        world(|w| {
            w.step += 1;
            w.scratch = w.words.clone();
        });
        let (dead, alive) =
            std::mem::take(&mut self.tasks).into_iter().partition(|client| client.place == place);
        self.tasks = alive;
        let dead: Vec<Client> = dead;
        for mut client in dead {
            client.task.kill();
            world(|w| {
                if let Some((key, value)) = w.under_way[client.id].take()
                    && w.chooser.below(2) == 0
                {
                    w.leave_behind(key, value);
                }
            });
        }
        let gone = world(|w| std::mem::take(&mut w.processes[place]));
        world(|w| w.processes[place].generation = gone.generation + 1);
    }

    /// A process starts in the place of a dead one, and is given its bit: after a sweep.
    fn restart(&mut self, place: usize) {
        let (slots, faults) = (self.plan.slots, self.plan.faults);
        let ops = [Op::Get(0), Op::Put(0), Op::Get(0)];
        let skip = world(|w| w.chooser.below(3)) as usize;
        let id = 4 + place;
        let task = Task::new(move || {
            let table = table(place, slots);
            table.sweep(1 << place);
            step();
            world(|w| w.processes[place].table = Some(table.clone()));
            for op in ops.into_iter().skip(skip) {
                op.run(&table, id, slots, faults);
                step();
            }
        });
        self.tasks.push(Client { id, place, task, waits: false });
    }

    /// The machine crashes: the words are what some moment left of them, or cannot be read at all. The shared front is
    /// on the disk.
    fn crash(&mut self) {
        self.kill(0);
        self.kill(1);
        let verdict = world(|w| {
            let incarnation = w.incarnation;
            let header = match w.chooser.below(3) {
                0 => HeaderState::New,
                1 => HeaderState::Damaged,
                _ => {
                    HeaderState::Sound { incarnation, this_boot: false, same_slots: true, same_origin: true }
                }
            };
            let unclean = w.chooser.below(2) == 0;
            Found { header, attached: false, unclean, front: FrontSays::Incarnation(incarnation) }.verdict()
        });
        world(|w| match verdict {
            Verdict::Renew { unclean } => {
                w.words.fill(0);
                w.incarnation = w.random() | 1;
                let doubt = unclean && w.broken != Some(Rule::RenewalInDoubt);
                w.all_until = if doubt { w.now + WINDOW } else { 0 };
            }
            // What would be gone on with is what the crash left.
            Verdict::Keep | Verdict::Refuse(_) => {
                for at in 0..w.words.len() {
                    if w.chooser.below(2) == 0 {
                        w.words[at] = w.older.get(at).copied().unwrap_or(0);
                    }
                }
            }
        });
        let slots = self.plan.slots;
        for place in 0..2 {
            let table = table(place, slots);
            world(|w| w.processes[place].table = Some(table));
            self.spawn(4 + place, place, vec![Op::Get(0), Op::Get(0)]);
        }
    }

    /// Nobody is doing anything: what could be served must be true, whatever still lands; and in the end a quiet key is a
    /// hit.
    fn rest(&mut self) {
        self.check_fronts("at rest");
        while world(|w| !w.late.is_empty()) {
            world(|w| {
                w.step += 1;
                w.land(0);
            });
            self.check_fronts("after a late write");
        }
        world(|w| w.pass(WINDOW + 1));
        self.check_fronts("after the window");
        for place in 0..2 {
            let Some(table) = world(|w| w.processes[place].table.clone()) else { continue };
            for key in 0..KEYS {
                // Once to put the slot in order, once to fill, once to be a hit.
                let before = [0, 1, 2].map(|_| {
                    let value = client::read(&table, key, self.plan.slots);
                    world(|w| {
                        if value != w.origin[key] {
                            let origin = w.origin[key];
                            w.fail(|| format!("at rest key {key} reads {value}, the origin has {origin}"));
                        }
                        w.origin_reads
                    })
                });
                if before[2] != before[1] {
                    world(|w| {
                        w.fail(|| format!("no progress: quiet key {key} is no hit in process {place}"))
                    });
                }
            }
        }
    }

    fn check_fronts(&self, when: &str) {
        for place in 0..2 {
            let Some(table) = world(|w| w.processes[place].table.clone()) else { continue };
            for key in 0..KEYS {
                let lease = table.lease(client::slot(key, self.plan.slots));
                let entries = world(|w| [w.processes[place].front[key], w.shared[key]]);
                for entry in entries.into_iter().flatten() {
                    let origin = world(|w| w.origin[key]);
                    if table.serves(&lease, &entry.stamp) && entry.value != origin {
                        let value = entry.value;
                        world(|w| {
                            w.fail(|| {
                                format!(
                                    "{when} key {key} would be served as {value}, the origin has {origin}"
                                )
                            })
                        });
                    }
                }
            }
        }
    }
}
