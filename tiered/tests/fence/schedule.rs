//! One schedule, from an empty table to rest.

use std::sync::Arc;
use std::time::Duration;

use larder_tiered::fence::{Layout, Rule, Setup, Table};

use crate::choose::Chooser;
use crate::client::{Access, Op};
use crate::coroutine::{Task, set_haste, step};
use crate::memory::{self, SimMemory};
use crate::mind::Met;
use crate::plan::{Plan, Tables};
use crate::world::{WINDOW, World, set_world, world};

/// Steps after which a schedule has no end: the longest that ends has a few hundred.
const ENDLESS: u32 = 10_000;

/// How a schedule ended.
pub(crate) struct Ended {
    pub(crate) wrong: Option<String>,
    pub(crate) steps: u32,
    /// It came to a state that an earlier one had come to.
    pub(crate) known: bool,
    pub(crate) chooser: Chooser,
}

pub(crate) struct Client {
    pub(crate) id: usize,
    pub(crate) stack: usize,
    pub(crate) task: Task,
    /// It waits for another one, and nothing has happened since.
    pub(crate) waits: bool,
}

pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) tasks: Vec<Client>,
    /// Those who were killed never go on, until all is over.
    pub(crate) dead: Vec<Client>,
}

/// Plays a plan: by chance, or by a path, as far as it comes to states that are new.
pub(crate) fn play(
    plan: &Plan,
    chooser: Chooser,
    broken: Option<Rule>,
    seed: u64,
    met: Option<&mut Met>,
) -> Ended {
    let words = Layout::new(plan.slots).words() * if plan.tables == Tables::Own { 2 } else { 1 };
    let mut new = World::new(chooser, broken, words, seed);
    new.budget = plan.budget;
    set_world(Some(new));
    let mut run = Run { plan: plan.clone(), tasks: Vec::new(), dead: Vec::new() };
    run.start();
    let known = match met {
        None => {
            run.by_chance();
            false
        }
        Some(met) => !run.by_path(met),
    };
    if !known && world(|w| w.wrong.is_none()) {
        run.rest();
    }
    let (wrong, steps) = world(|w| (w.wrong.take(), w.step));
    run.leave();
    let mut ended = set_world(None).expect("it was set above");
    ended.stacks = Default::default();
    Ended { wrong, steps, known, chooser: ended.chooser }
}

impl Run {
    /// The table of a stack, as a process finds it that starts.
    pub(crate) fn table(&self, stack: usize) -> Arc<Table<SimMemory>> {
        let layout = Layout::new(self.plan.slots);
        let base = memory::base();
        let (incarnation, all_until) = world(|w| (w.incarnation, w.all_until));
        let (owner, begins) = match self.plan.tables {
            Tables::Shared => (stack as u8, 0),
            Tables::OneProcess => (0, 0),
            Tables::Own => (0, stack * layout.words()),
        };
        let setup = Setup {
            layout,
            incarnation,
            owner,
            window: Duration::from_micros(WINDOW),
            all_until: if all_until == 0 { 0 } else { base + all_until },
            env: memory::env(),
        };
        Arc::new(Table::new(SimMemory::new(owner, begins), setup))
    }

    /// A stack that has been opened.
    pub(crate) fn access(&self, stack: usize) -> Option<Access> {
        let table = world(|w| w.stacks[stack].table.clone())?;
        Some(Access { table, stack, slots: self.plan.slots, fronts: self.plan.fronts })
    }

    /// A process opens its stacks.
    pub(crate) fn open(&self, process: usize) -> Arc<Table<SimMemory>> {
        let table = self.table(process);
        for stack in self.stacks_of(process) {
            world(|w| w.stacks[stack].table = Some(table.clone()));
        }
        table
    }

    pub(crate) fn stacks_of(&self, process: usize) -> impl Iterator<Item = usize> + use<> {
        let plan = &self.plan;
        let of: Vec<usize> = (0..2).filter(|stack| plan.process(*stack) == process).collect();
        of.into_iter()
    }

    fn start(&mut self) {
        for process in 0..self.plan.processes() {
            self.open(process);
        }
        if self.plan.warm {
            self.access(0).expect("it was opened").read(0);
        }
        for (id, (stack, ops)) in self.plan.clients.clone().into_iter().enumerate() {
            self.spawn(id, stack, ops, 1);
        }
    }

    /// A client begins. `script` tells its operations from others of the same client.
    pub(crate) fn spawn(&mut self, id: usize, stack: usize, ops: Vec<Op>, script: u64) {
        let access = self.access(stack).expect("it was opened");
        let work = move || {
            for op in ops {
                access.run(op, id);
                step();
            }
        };
        self.spawn_task(id, stack, script, work);
    }

    pub(crate) fn spawn_task(&mut self, id: usize, stack: usize, script: u64, work: impl FnOnce() + 'static) {
        world(|w| w.minds[id].awake(script));
        self.tasks.push(Client { id, stack, task: Task::new(work), waits: false });
    }

    /// A client goes on for a step. Whether it did, or found that it has to wait.
    fn go_on(&mut self, at: usize) -> bool {
        let client = &mut self.tasks[at];
        world(|w| {
            w.step += 1;
            w.running = Some(client.id);
            w.minds[client.id].go_on();
        });
        let ended = client.task.resume();
        let waits = world(|w| {
            w.running = None;
            if ended {
                w.minds[client.id].gone();
            }
            std::mem::take(&mut w.waits)
        });
        if waits {
            client.waits = true;
        } else {
            self.tasks.iter_mut().for_each(|client| client.waits = false);
        }
        if ended {
            drop(self.tasks.swap_remove(at));
        }
        !waits
    }

    /// The clients that are left come to an end somehow, for their stacks hold things that must be freed.
    fn leave(mut self) {
        world(|w| w.budget = Default::default());
        set_haste(true);
        self.tasks.append(&mut self.dead);
        while let Some(last) = self.tasks.len().checked_sub(1) {
            if !self.go_on(last) {
                self.tasks.rotate_right(1);
            }
        }
        set_haste(false);
    }

    fn by_chance(&mut self) {
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
            self.go_on(last);
        }
    }

    /// Whether it came to its end, and not to a state that is known.
    fn by_path(&mut self, met: &mut Met) -> bool {
        while world(|w| w.wrong.is_none()) {
            let new = world(|w| w.chooser.path().is_some_and(|path| path.is_new()));
            if new && !met.meet(world(|w| w.state())) {
                return false;
            }
            if self.tasks.is_empty() {
                break;
            }
            let moves = self.moves();
            let n = (self.tasks.len() + moves.len()) as u32;
            let (taken, choice) = world(|w| w.chooser.path().expect("there is one").schedule(n));
            let taken = taken as usize;
            if let Some(it) = taken.checked_sub(self.tasks.len()) {
                self.perform(moves[it]);
            } else if self.go_on(taken) {
                world(|w| w.chooser.path().expect("there is one").moved(choice));
            } else if choice.is_some() {
                // Nothing has changed. Others go on from here in other schedules.
                return false;
            } else {
                world(|w| w.fail(|| "no end: all wait for each other".to_owned()));
            }
        }
        true
    }
}
