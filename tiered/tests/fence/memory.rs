//! The memory under the fence: every access, and the lock, is a step of the scheduler.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant, SystemTime};

use larder_store_core::env::{BoxFuture, Clock, Random, Spawn};
use larder_store_core::{Env, Result};
use larder_tiered::fence::{Memory, Rule, Writes};

use crate::coroutine::{is_dying, step};
use crate::world::world;

/// What a process sees of the table.
#[derive(Debug)]
pub(crate) struct SimMemory {
    pub(crate) place: usize,
    writes: Mutex<Writes>,
    /// For clients that were killed, while others that were killed with them still have the other one.
    of_the_dead: Mutex<Writes>,
}

impl SimMemory {
    pub(crate) fn new(place: usize) -> SimMemory {
        SimMemory { place, writes: Mutex::default(), of_the_dead: Mutex::default() }
    }
}

impl Memory for SimMemory {
    type Held<'a> = MutexGuard<'a, Writes>;

    fn load(&self, at: usize) -> u64 {
        step();
        world(|w| if is_dying() { w.scratch[at] } else { w.words[at] })
    }

    fn exchange(&self, at: usize, old: u64, new: u64) -> Result<(), u64> {
        step();
        world(|w| {
            let words = if is_dying() { &mut w.scratch } else { &mut w.words };
            match words[at] == old {
                true => {
                    words[at] = new;
                    Ok(())
                }
                false => Err(words[at]),
            }
        })
    }

    fn hold(&self, _slot: u32) -> MutexGuard<'_, Writes> {
        loop {
            step();
            let writes = if is_dying() { &self.of_the_dead } else { &self.writes };
            match writes.try_lock() {
                Ok(held) => return held,
                Err(TryLockError::Poisoned(held)) => return held.into_inner(),
                Err(TryLockError::WouldBlock) => world(|w| w.waits = true),
            }
        }
    }

    fn owner_lives(&self, owner: u8) -> bool {
        step();
        // Place 0 owns bit 0, place 1 bit 1: whoever is started anew gets the bit of the dead.
        world(|w| w.processes.get(usize::from(owner)).is_some_and(|process| process.table.is_some()))
    }

    fn check(&self) -> Result<()> {
        Ok(())
    }

    fn breaks(&self, rule: Rule) -> bool {
        world(|w| w.broken == Some(rule))
    }
}

struct SimEnv(Instant);

/// The world's clock and randomness.
pub(crate) fn env() -> Env {
    thread_local! {
        static ENV: Env = {
            let sim = Arc::new(SimEnv(Env::system().now()));
            Env::new(sim.clone(), sim.clone(), sim)
        };
    }
    ENV.with(Env::clone)
}

/// The number that the world's clock begins with, as the fence sees it.
pub(crate) fn base() -> u64 {
    (env().monotonic().as_micros() as u64) - world(|w| w.now)
}

impl Clock for SimEnv {
    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn boot(&self) -> Duration {
        Duration::ZERO
    }
    fn now(&self) -> Instant {
        self.0 + Duration::from_micros(world(|w| w.now))
    }
    fn sleep_until(&self, _deadline: Instant) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Spawn for SimEnv {
    fn spawn(&self, _task: BoxFuture<'static, ()>) {
        unreachable!("the fence spawns nothing");
    }
    fn spawn_blocking(&self, _work: Box<dyn FnOnce() + Send>) {
        unreachable!("the fence spawns nothing");
    }
}

impl Random for SimEnv {
    fn fill(&self, bytes: &mut [u8]) {
        let number = world(|w| w.random()).to_le_bytes();
        bytes.copy_from_slice(&number[..bytes.len()]);
    }
}
