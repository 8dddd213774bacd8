//! The memory under the fence: every access, and the lock, is a step of the scheduler.

use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant, SystemTime};

use larder_store_core::env::{BoxFuture, Clock, Random, Spawn};
use larder_store_core::{Env, Result};
use larder_tiered::fence::{Memory, Rule, Writes};

use crate::coroutine::{step, wait};
use crate::world::world;

/// What a process sees of a table.
#[derive(Debug)]
pub(crate) struct SimMemory {
    pub(crate) owner: u8,
    /// Where its words begin: not all processes need have the same table.
    begins: usize,
    writes: Mutex<Writes>,
}

impl SimMemory {
    pub(crate) fn new(owner: u8, begins: usize) -> SimMemory {
        SimMemory { owner, begins, writes: Mutex::default() }
    }
}

impl Memory for SimMemory {
    type Held<'a> = MutexGuard<'a, Writes>;

    fn load(&self, at: usize) -> u64 {
        step();
        let at = self.begins + at;
        world(|w| {
            let word = w.words[at];
            w.saw(word);
            word
        })
    }

    fn exchange(&self, at: usize, old: u64, new: u64) -> Result<(), u64> {
        step();
        let at = self.begins + at;
        world(|w| {
            let is = w.words[at];
            w.saw(is);
            if is != old {
                return Err(is);
            }
            w.set_word(at, new);
            Ok(())
        })
    }

    fn hold(&self, _slot: u32) -> MutexGuard<'_, Writes> {
        loop {
            step();
            match self.writes.try_lock() {
                Ok(held) => return held,
                Err(TryLockError::Poisoned(held)) => return held.into_inner(),
                Err(TryLockError::WouldBlock) => {
                    world(|w| w.waits = true);
                    wait();
                }
            }
        }
    }

    fn owner_lives(&self, owner: u8) -> bool {
        step();
        // Stack 0 owns bit 0, stack 1 bit 1: whoever is started anew gets the bit of the dead.
        world(|w| {
            let lives = w.stacks.get(usize::from(owner)).is_some_and(|stack| stack.table.is_some());
            w.saw(u64::from(lives));
            lives
        })
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
        let now = world(|w| {
            w.saw(w.now);
            w.now
        });
        self.0 + Duration::from_micros(now)
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
