//! The first use of a page of slots, so that opening a table costs the same whatever its size.

use super::word::{EPOCH_MASK, Until, Word};
use super::{Memory, Table};

/// What a page's mark says when all its slots have been written. A blank mark says that they may not have been;
/// anything else is a damaged mark of a page in use.
const IN_USE: u64 = u64::from_le_bytes(*b"slots on");

impl<M: Memory> Table<M> {
    /// The word of a slot that was read as blank: never used, or damaged. Gives what it is now, which is blank if it
    /// was damaged.
    ///
    /// Without a lock: any number may do this at once, and any of them may die.
    #[cold]
    pub(super) fn first_use(&self, slot: u32) -> u64 {
        let at = self.layout.word(slot);
        let mark = self.layout.mark(slot);
        let marked = self.memory.load(mark);
        if marked != 0 {
            // Others may have written the slot, then the mark, since it was read.
            return self.memory.load(at);
        }
        let mut epochs = Epochs(self.env.random_u64());
        for slot in self.layout.page(slot) {
            // The doubt first, so that whoever sees a word also sees its doubt. What is there already is left alone.
            let _ = self.memory.exchange(self.layout.doubt(slot), 0, Until::NEVER.encode());
            let word = Word { epoch: epochs.next(), owners: 0 };
            let _ = self.memory.exchange(self.layout.word(slot), 0, word.encode());
        }
        let _ = self.memory.exchange(mark, 0, IN_USE);
        self.memory.load(at)
    }
}

/// Many epochs from one random number (the SplitMix64 generator).
pub(super) struct Epochs(pub(super) u64);

impl Epochs {
    pub(super) fn next(&mut self) -> u64 {
        loop {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            let epoch = (mixed ^ mixed >> 31) & EPOCH_MASK;
            if epoch != 0 {
                return epoch;
            }
        }
    }
}
