//! The two words of a slot, and how damage in them is told.
//!
//! ```text
//!  word   63 ········ 56 55 ············ 40 39 ················· 0
//!         │ check 8     │ owners 16        │ epoch 40             │
//!  doubt  63 ········ 56 55 ································· 0
//!         │ check 8     │ until, microseconds 56               │
//! ```

/// Bits that the check covers.
const COVERED: u32 = 56;
const COVERED_MASK: u64 = (1 << COVERED) - 1;
const EPOCH_BITS: u32 = 40;

/// The largest epoch.
pub(super) const EPOCH_MASK: u64 = (1 << EPOCH_BITS) - 1;

/// How many processes share a table: one bit of a word each.
pub const OWNERS: usize = 16;

/// 2 generates all residues of this prime, and -1 is its 113th power: so one changed bit, or any two of the 56,
/// change the remainder.
const PRIME: u64 = 227;
/// Added so that neither all zeros nor all ones are right.
const OFFSET: u64 = 28;

fn seal(covered: u64) -> u64 {
    debug_assert_eq!(covered & !COVERED_MASK, 0);
    covered | (covered % PRIME + OFFSET) << COVERED
}

#[inline]
fn unseal(raw: u64) -> Option<u64> {
    let covered = raw & COVERED_MASK;
    (covered % PRIME + OFFSET == raw >> COVERED).then_some(covered)
}

/// A slot's epoch and the owners whose writes are open in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    /// Never 0.
    pub(super) epoch: u64,
    pub(super) owners: u16,
}

impl Word {
    pub(super) fn encode(self) -> u64 {
        seal(self.epoch & EPOCH_MASK | u64::from(self.owners) << EPOCH_BITS)
    }

    /// `None` if it is damaged or was never written.
    #[inline]
    pub(super) fn decode(raw: u64) -> Option<Word> {
        let covered = unseal(raw)?;
        let word = Word { epoch: covered & EPOCH_MASK, owners: (covered >> EPOCH_BITS) as u16 };
        // A time of doubt in the wrong place has a right check, too.
        (word.epoch != 0).then_some(word)
    }

    /// The owners' bits of a word as it stands. If its check is wrong they are worth what they are worth.
    #[inline]
    pub(super) fn owners_of(raw: u64) -> u16 {
        (raw >> EPOCH_BITS) as u16
    }

    pub(super) fn has(self, owner: u8) -> bool {
        self.owners & bit(owner) != 0
    }
}

/// The bit of an owner.
pub(super) fn bit(owner: u8) -> u16 {
    1 << owner
}

/// Until when a slot is in doubt, in microseconds of the monotonic clock; 0 for not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Until(pub(super) u64);

impl Until {
    pub(super) const NEVER: Until = Until(0);

    pub(super) fn encode(self) -> u64 {
        seal(self.0.min(COVERED_MASK))
    }

    /// `None` if it is damaged or was never written.
    #[inline]
    pub(super) fn decode(raw: u64) -> Option<Until> {
        unseal(raw).map(Until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> impl Iterator<Item = Word> {
        (0..500u64).map(|i| Word {
            epoch: (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) & EPOCH_MASK).max(1),
            owners: i.wrapping_mul(0x2545_f491) as u16,
        })
    }

    #[test]
    fn what_is_written_is_read() {
        for word in samples() {
            assert_eq!(Word::decode(word.encode()), Some(word));
        }
        for until in [0, 1, u64::from(u32::MAX), COVERED_MASK] {
            assert_eq!(Until::decode(Until(until).encode()), Some(Until(until)));
        }
        // A time past the end of the clock is its end, not another time.
        assert_eq!(Until::decode(Until(u64::MAX).encode()), Some(Until(COVERED_MASK)));
    }

    #[test]
    fn one_or_two_flipped_bits_and_blank_words_are_noticed() {
        for word in samples() {
            let raw = word.encode();
            for first in 0..64 {
                assert_eq!(Word::decode(raw ^ 1 << first), None);
                for second in 0..first {
                    let both = raw ^ 1 << first ^ 1 << second;
                    // One in the check and its like in what it covers may cancel out; two of the covered never do.
                    assert!(first >= COVERED || Word::decode(both).is_none(), "{first} {second}");
                }
            }
        }
        assert_eq!(Word::decode(0), None);
        assert_eq!(Word::decode(u64::MAX), None);
        assert_eq!(Word::decode(Until::NEVER.encode()), None);
        assert_eq!(Until::decode(0), None);
    }
}
