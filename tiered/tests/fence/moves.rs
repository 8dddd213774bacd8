//! What happens beside the clients' steps.

use larder_tiered::fence::{Found, FrontSays, HeaderState, Rule, Verdict};

use crate::coroutine::step;
use crate::schedule::{Client, Run};
use crate::world::{KEYS, WINDOW, world};

/// One of those things.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Move {
    /// A front, 2 for the shared one, loses a key.
    Evict(usize, usize),
    /// A request lands that nobody waits for.
    Land(usize),
    Pass(u64),
    /// A process is killed, and another one started in its place.
    Kill(usize),
    Crash,
}

impl Run {
    /// What chance brings.
    pub(crate) fn meddle(&mut self) {
        let chaos = self.plan.chaos;
        let happens = |of: u32| of != 0 && world(|w| w.chooser.below(of)) == 0;
        let below = |n: u32| world(|w| w.chooser.below(n));
        if happens(chaos.evict) {
            let key = below(KEYS as u32) as usize;
            self.perform(Move::Evict(below(3) as usize, key));
        }
        let late = world(|w| w.late.len());
        if late > 0 && happens(chaos.land) {
            self.perform(Move::Land(below(late as u32) as usize));
        }
        if happens(chaos.pass) {
            self.perform(Move::Pass(u64::from(below(3)) * WINDOW / 2 + 1));
        }
        if chaos.crash != 0 && world(|w| w.older.is_empty()) && happens(20) {
            world(|w| w.older = w.words.clone());
        }
        if world(|w| w.budget.kills) > 0 && happens(chaos.kill) {
            self.perform(Move::Kill(below(self.plan.processes() as u32) as usize));
        }
        if world(|w| w.budget.crashes) > 0 && happens(chaos.crash) {
            self.perform(Move::Crash);
        }
    }

    /// Everything that may happen now.
    pub(crate) fn moves(&self) -> Vec<Move> {
        world(|w| {
            let mut moves: Vec<Move> = (0..w.late.len()).map(Move::Land).collect();
            if w.budget.passes > 0 {
                moves.extend([Move::Pass(WINDOW / 2), Move::Pass(WINDOW)]);
            }
            if w.budget.evictions > 0 {
                let fronts = [&w.stacks[0].front, &w.stacks[1].front, &w.shared];
                for (at, front) in fronts.into_iter().enumerate() {
                    moves.extend(
                        (0..KEYS).filter(|key| front[*key].is_some()).map(|key| Move::Evict(at, key)),
                    );
                }
            }
            if w.budget.kills > 0 {
                moves.extend((0..self.plan.processes()).map(Move::Kill));
            }
            if w.budget.crashes > 0 {
                moves.push(Move::Crash);
            }
            moves
        })
    }

    /// Something happens.
    pub(crate) fn perform(&mut self, what: Move) {
        world(|w| w.step += 1);
        match what {
            Move::Evict(front, key) => world(|w| {
                w.budget.evictions -= 1;
                match front {
                    2 => w.shared[key] = None,
                    stack => w.stacks[stack].front[key] = None,
                }
            }),
            Move::Land(at) => world(|w| w.land(at)),
            Move::Pass(time) => world(|w| {
                w.budget.passes -= 1;
                w.pass(time);
            }),
            Move::Kill(process) => {
                world(|w| w.budget.kills -= 1);
                self.kill(process);
                self.restart(process);
            }
            Move::Crash => {
                world(|w| w.budget.crashes -= 1);
                self.crash();
            }
        }
    }

    /// SIGKILL: whatever its clients were about to do is never done. What they had sent may land.
    fn kill(&mut self, process: usize) {
        let plan = &self.plan;
        let (dead, alive): (Vec<Client>, _) = std::mem::take(&mut self.tasks)
            .into_iter()
            .partition(|client| plan.process(client.stack) == process);
        self.tasks = alive;
        for client in dead {
            world(|w| {
                w.minds[client.id].gone();
                (w.reading[client.id], w.waiting[client.id]) = (None, None);
                if let Some((key, value)) = w.under_way[client.id].take()
                    && w.chooser.below(2) == 0
                {
                    w.leave_behind(key, value);
                }
            });
            self.dead.push(client);
        }
        for stack in self.stacks_of(process) {
            world(|w| w.stacks[stack] = Default::default());
        }
    }

    /// A process starts in the place of a dead one, and is given its bit: after a sweep.
    fn restart(&mut self, process: usize) {
        let table = self.table(process);
        let stacks: Vec<usize> = self.stacks_of(process).collect();
        let (slots, fronts) = (self.plan.slots, self.plan.fronts);
        let (ops, id) = (self.plan.heir.clone(), 4 + process);
        self.spawn_task(id, process, 2, move || {
            world(|w| w.minds[id].begin());
            table.sweep(1 << table.memory().owner);
            step();
            for stack in &stacks {
                world(|w| w.stacks[*stack].table = Some(table.clone()));
            }
            let access = crate::client::Access { table, stack: process, slots, fronts };
            for op in ops {
                access.run(op, id);
                step();
            }
        });
    }

    /// The machine crashes: the words are what some moment left of them, or cannot be read at all. The shared front is
    /// on the disk.
    fn crash(&mut self) {
        for process in 0..self.plan.processes() {
            self.kill(process);
        }
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
                        w.set_word(at, w.older.get(at).copied().unwrap_or(0));
                    }
                }
            }
        });
        for process in 0..self.plan.processes() {
            self.open(process);
            self.spawn(4 + process, process, self.plan.heir.clone(), 3);
        }
    }
}
