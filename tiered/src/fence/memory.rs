//! Where a table lives.

use std::collections::HashMap;
use std::ops::DerefMut;

use larder_store_core::Result;

use super::Rule;

/// Where a table lives, and whom it is shared with.
///
/// The fence itself is the same code everywhere. A test gives a memory whose every access is a step of a scheduler.
pub trait Memory: Send + Sync + 'static {
    /// The open writes of this process, locked.
    type Held<'a>: DerefMut<Target = Writes>
    where
        Self: 'a;

    /// Reads a word. Accesses of all processes are in one order (`SeqCst`).
    fn load(&self, at: usize) -> u64;

    /// Writes a word if it is `old`.
    ///
    /// # Errors
    /// What it is instead.
    fn exchange(&self, at: usize, old: u64, new: u64) -> Result<(), u64>;

    /// Locks the open writes of this process in a slot, against the other tasks of the process only. Held for a few
    /// accesses, never across an await.
    fn hold(&self, slot: u32) -> Self::Held<'_>;

    /// Whether the process that owns a bit lives; if that cannot be told, it does.
    fn owner_lives(&self, owner: u8) -> bool;

    /// Whether what this process writes is still what the others read.
    ///
    /// # Errors
    /// If not: the table must be attached anew.
    fn check(&self) -> Result<()>;

    /// This process's bit will be set in one more slot, or was cleared in one.
    fn note_bits(&self, _more: bool) {}

    /// A slot is about to be in doubt until then, in microseconds of the monotonic clock.
    fn note_doubt(&self, _until: u64) {}

    /// Whether a rule is not kept. Only a test says so, to show that it would be noticed.
    #[inline(always)]
    fn breaks(&self, _rule: Rule) -> bool {
        false
    }
}

/// How many writes of this process are open in each slot.
#[derive(Debug, Default)]
pub struct Writes(HashMap<u32, u32>);

impl Writes {
    /// How many are open in a slot.
    pub(super) fn count(&self, slot: u32) -> u32 {
        self.0.get(&slot).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, slot: u32) {
        *self.0.entry(slot).or_insert(0) += 1;
    }

    /// One less; how many are left.
    pub(super) fn remove(&mut self, slot: u32) -> u32 {
        let Some(count) = self.0.get_mut(&slot) else { return 0 };
        *count -= 1;
        let left = *count;
        if left == 0 {
            self.0.remove(&slot);
        }
        left
    }
}
