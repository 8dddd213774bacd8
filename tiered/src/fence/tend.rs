//! Putting slots in order: damage, the bits of dead owners, doubts that have passed.

use super::birth::Epochs;
use super::word::{OWNERS, Until, Word, bit};
use super::{Lease, Memory, Rule, Table};

impl<M: Memory> Table<M> {
    /// Puts a slot in order whose lease was not clean. A read does this before it goes to the origin, so that a slot is
    /// not shut for ever by who damaged it or died in it. The lease stays what it was.
    ///
    /// It asks the system once for each other process whose bit is set.
    pub fn tend(&self, lease: &Lease) {
        if lease.is_clean() {
            return;
        }
        let slot = lease.slot;
        self.tend_doubt(slot);
        let held = self.memory.hold(slot);
        let mine = held.count(slot) > 0;
        let raw = self.memory.load(self.layout.word(slot));
        match Word::decode(raw) {
            None => self.mend(slot, raw, mine),
            Some(word) => {
                let dead = self.dead_among(word, mine);
                if dead != 0 {
                    self.bury(slot, raw, word, dead);
                }
            }
        }
    }

    /// Clears the bits of owners that are known to be dead from the whole table, before they are given to others: one
    /// pass over all slots. Doubt comes before the bit is gone.
    pub fn sweep(&self, dead: u16) {
        // The dead may have held many slots, and each number from the system takes as long as the rest of a burial.
        let mut epochs = Epochs(self.env.random_u64());
        for slot in 0..self.layout.slots() {
            loop {
                let raw = self.memory.load(self.layout.word(slot));
                // The bits are there in what is damaged, too: to look at them first saves the check of nearly all slots.
                if Word::owners_of(raw) & dead == 0 {
                    break;
                }
                match Word::decode(raw) {
                    Some(word) => {
                        let mut epoch = epochs.next();
                        while epoch == word.epoch {
                            epoch = epochs.next();
                        }
                        self.bury_under(epoch, slot, raw, word, dead);
                    }
                    // A damaged one is mended when it is used. Until then it is in doubt.
                    None => break,
                }
            }
        }
    }

    /// Which of the owners in a word are dead. `mine`: this process has writes open in the slot.
    fn dead_among(&self, word: Word, mine: bool) -> u16 {
        (0..OWNERS as u8)
            .filter(|owner| word.has(*owner))
            .filter(|owner| match *owner == self.owner {
                true => !mine,
                false => !self.memory.owner_lives(*owner),
            })
            .fold(0, |dead, owner| dead | bit(owner))
    }

    /// Doubt, then the bits of the dead cleared under a new epoch, if the word is still the one in which they were
    /// seen: a bit that was given to another process since then came with another epoch.
    pub(super) fn bury(&self, slot: u32, raw: u64, word: Word, dead: u16) {
        self.bury_under(self.new_epoch(word.epoch), slot, raw, word, dead);
    }

    fn bury_under(&self, epoch: u64, slot: u32, raw: u64, word: Word, dead: u16) {
        if !self.memory.breaks(Rule::DeadOwnerIsDoubt) {
            self.raise_doubt(slot);
        }
        let new = Word { epoch, owners: word.owners & !dead };
        let _ = self.memory.exchange(self.layout.word(slot), raw, new.encode());
    }

    /// Doubt, then a sound word in the place of a damaged one. Its bits may be right, so those of the living stay.
    pub(super) fn mend(&self, slot: u32, raw: u64, mine: bool) {
        self.raise_doubt(slot);
        let mut word = Word { epoch: self.new_epoch(0), owners: Word::owners_of(raw) };
        word.owners &= !self.dead_among(word, mine);
        if mine {
            word.owners |= bit(self.owner);
        }
        let _ = self.memory.exchange(self.layout.word(slot), raw, word.encode());
    }

    /// A doubt that is damaged begins anew; one that has passed is taken away, which saves readers the clock.
    fn tend_doubt(&self, slot: u32) {
        let at = self.layout.doubt(slot);
        let raw = self.memory.load(at);
        match Until::decode(raw) {
            None => self.raise_doubt(slot),
            Some(Until::NEVER) => {}
            Some(until) => {
                let now = self.now();
                if until.0 <= now {
                    let _ = self.memory.exchange(at, raw, Until::NEVER.encode());
                } else if until.0 > now.saturating_add(self.longest_doubt()) {
                    // Nobody set it: it is damage that passed the check by chance, and would last for ever.
                    let _ = self.memory.exchange(at, raw, self.until_after_the_window().encode());
                }
            }
        }
    }
}
