//! Writes that may land late, for tables that were not there when they were given up.

use std::collections::HashMap;
use std::time::Duration;

use crate::fence::{Mapped, Table};

/// How many keys are remembered; past that, every slot is in doubt.
const MOST: usize = 1 << 16;

/// Keys with the time, on the monotonic clock, by which what was sent for them has landed or never will.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    until: HashMap<Box<str>, Duration>,
    /// The same for all keys.
    all: Duration,
}

impl Doubts {
    /// Something was sent for `name` that nobody waits for any more.
    pub(super) fn note(&mut self, name: Box<str>, now: Duration, window: Duration) {
        if self.until.len() >= MOST {
            self.until.retain(|_, until| *until > now);
        }
        let until = now.saturating_add(window);
        if self.until.len() < MOST {
            self.until.insert(name, until);
        } else {
            self.all = until;
        }
    }

    /// The slots of a table that these keys are in.
    pub(super) fn slots(&self, table: &Table<Mapped>, now: Duration) -> Vec<u32> {
        if self.all > now {
            return (0..table.layout().slots()).collect();
        }
        let doubted = self.until.iter().filter(|(_, until)| **until > now);
        doubted.map(|(name, _)| table.slot_of(name)).collect()
    }
}
