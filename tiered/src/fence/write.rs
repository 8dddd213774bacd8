//! A write, from before the origin is asked until all that was sent to it has been answered.

use std::fmt;
use std::sync::Arc;

use larder_store_core::Result;

use super::word::{Word, bit};
use super::{Memory, Rule, Stamp, Table};

/// A write that is open in a slot. While it is, and after it by its new epoch, nothing that a front holds for the slot
/// is served, and no reader fills.
///
/// It ends by [`answered`](OpenWrite::answered) or [`unanswered`](OpenWrite::unanswered). Dropped, it is unanswered: a
/// future that is dropped in the middle of a request leaves a doubt. With an origin that is no network away, keep it
/// where the work runs on, until that has ended.
#[must_use = "dropped at once it only raises a doubt"]
pub struct OpenWrite<M: Memory> {
    table: Arc<Table<M>>,
    slot: u32,
    epoch: u64,
    /// No other write was open, and nothing in doubt, when this one began.
    may_install: bool,
    ended: bool,
}

impl<M: Memory> Table<M> {
    /// Opens a write in a slot, before the origin is asked. What it notes outlives this process.
    ///
    /// # Errors
    /// Those of [`Memory::check`]: the others would not see this write. The origin must not be asked then.
    pub fn open_write(self: &Arc<Self>, slot: u32) -> Result<OpenWrite<M>> {
        // First, as a mapping of a file that was cut must not be touched.
        self.memory.check()?;
        let mut held = self.memory.hold(slot);
        let count = held.count(slot);
        held.add(slot);
        if count == 0 {
            self.memory.note_bits(true);
        }
        let (epoch, alone) = self.set_bit(slot, count);
        // After the bit: whoever wrote before and left a doubt set it before its bit was cleared.
        let doubted = self.in_doubt(self.memory.load(self.layout.doubt(slot)));
        drop(held);
        let alone = alone || self.memory.breaks(Rule::InstallAlone);
        let sure = !doubted || self.memory.breaks(Rule::InstallWithoutDoubt);
        Ok(OpenWrite { table: self.clone(), slot, epoch, may_install: alone && sure, ended: false })
    }

    /// New epoch and my bit; gives the epoch, and whether no write was open.
    fn set_bit(&self, slot: u32, count: u32) -> (u64, bool) {
        loop {
            let (raw, word) = self.sound_word(slot, count);
            let epoch = match self.memory.breaks(Rule::EpochAtOpen) {
                true => word.epoch,
                false => self.new_epoch(word.epoch),
            };
            let mine = if self.memory.breaks(Rule::BitUntilAnswer) { 0 } else { bit(self.owner) };
            let new = Word { epoch, owners: word.owners | mine };
            if self.memory.exchange(self.layout.word(slot), raw, new.encode()).is_ok() {
                return (epoch, word.owners == 0 && count == 0);
            }
        }
    }

    /// The word of a slot, once it is neither blank nor damaged nor has my bit from somebody else.
    fn sound_word(&self, slot: u32, count: u32) -> (u64, Word) {
        loop {
            let mut raw = self.memory.load(self.layout.word(slot));
            if raw == 0 {
                raw = self.first_use(slot);
            }
            match Word::decode(raw) {
                None => self.mend(slot, raw, count > 0),
                Some(word) if count == 0 && word.has(self.owner) => {
                    self.bury(slot, raw, word, bit(self.owner))
                }
                Some(word) => return (raw, word),
            }
        }
    }

    /// Ends a write under a new epoch. `Some` if the epoch was still the one that it began with.
    fn clear_bit(&self, slot: u32, began: u64) -> Option<u64> {
        let mut held = self.memory.hold(slot);
        let left = held.remove(slot);
        let (unmoved, epoch) = loop {
            let raw = self.memory.load(self.layout.word(slot));
            let Some(word) = Word::decode(raw) else {
                self.mend(slot, raw, left > 0);
                continue;
            };
            if !word.has(self.owner) && !self.memory.breaks(Rule::BitUntilAnswer) {
                // Damage took the bit away: what was filled since then may be wrong.
                self.raise_doubt(slot);
            }
            let mine = if left == 0 { 0 } else { bit(self.owner) };
            let owners = word.owners & !bit(self.owner) | mine;
            let epoch = self.new_epoch(word.epoch);
            if self.memory.exchange(self.layout.word(slot), raw, Word { epoch, owners }.encode()).is_ok() {
                break (word.epoch == began, epoch);
            }
        };
        if left == 0 {
            self.memory.note_bits(false);
        }
        drop(held);
        (unmoved || self.memory.breaks(Rule::InstallUnmoved)).then_some(epoch)
    }
}

impl<M: Memory> OpenWrite<M> {
    /// The slot.
    pub fn slot(&self) -> u32 {
        self.slot
    }

    /// Ends it: every attempt that was sent to the origin got an answer, good or bad.
    ///
    /// Gives the stamp with which the writer may put the whole value, or its absence, into the fronts, if the origin
    /// now holds it; `None` if it must not.
    pub fn answered(mut self) -> Option<Stamp> {
        self.ended = true;
        let epoch = self.table.clear_bit(self.slot, self.epoch)?;
        self.may_install.then_some(Stamp { incarnation: self.table.incarnation, epoch })
    }

    /// Ends it: an attempt got no answer and may land later, even if a later one was acknowledged.
    pub fn unanswered(self) {
        drop(self);
    }
}

impl<M: Memory> Drop for OpenWrite<M> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        // In this order: whoever sees the bit gone sees the doubt.
        if !self.table.memory.breaks(Rule::UnansweredIsDoubt) {
            self.table.raise_doubt(self.slot);
        }
        self.table.clear_bit(self.slot, self.epoch);
    }
}

impl<M: Memory> fmt::Debug for OpenWrite<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenWrite").field("slot", &self.slot).field("may_install", &self.may_install).finish()
    }
}
