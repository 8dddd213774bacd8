//! The order of use, in the tree: an entry for each value, by when it was last used as far as the tree knows.

use crate::lmdb::keys::ORDER;

/// Bytes of the key of an entry.
pub(crate) const KEY_LEN: usize = 17;

/// Where a value stands in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// When it was last used, or later was found to have been used, by the count of writes.
    pub(crate) used: u64,
    /// When it was written. No two values have the same.
    pub(crate) birth: u64,
}

impl Place {
    /// The place of a value when it is written.
    pub(crate) fn at_birth(birth: u64) -> Place {
        Place { used: birth, birth }
    }

    /// The key of its entry.
    pub(crate) fn encode(self) -> [u8; KEY_LEN] {
        let mut raw = [ORDER; KEY_LEN];
        raw[1..9].copy_from_slice(&self.used.to_be_bytes());
        raw[9..].copy_from_slice(&self.birth.to_be_bytes());
        raw
    }

    pub(crate) fn decode(raw: &[u8]) -> Option<Place> {
        let raw: &[u8; KEY_LEN] = raw.try_into().ok()?;
        let word = |at: usize| u64::from_be_bytes(std::array::from_fn(|i| raw[at + i]));
        (raw[0] == ORDER).then(|| Place { used: word(1), birth: word(9) })
    }
}

/// Bytes before a record.
pub(crate) const BIRTH_LEN: usize = 8;
const CHECK_BITS: u32 = 12;
/// Births fit in so many bits.
const TIME_BITS: u32 = u64::BITS - CHECK_BITS;

fn check_of(birth: u64) -> u64 {
    birth.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> TIME_BITS
}

/// What stands before a record: its birth, and a check of it. Damage here would hide a value from who evicts.
pub(crate) fn birth_word(birth: u64) -> [u8; BIRTH_LEN] {
    (birth << CHECK_BITS | check_of(birth)).to_le_bytes()
}

/// The birth that stands before a record, if it is whole, and the record.
pub(crate) fn split_birth(stored: &[u8]) -> (Option<u64>, &[u8]) {
    let Some((word, record)) = stored.split_first_chunk() else { return (None, &[]) };
    let word = u64::from_le_bytes(*word);
    let birth = word >> CHECK_BITS;
    (Some(birth).filter(|birth| word & ((1 << CHECK_BITS) - 1) == check_of(*birth)), record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_order_by_use() {
        let (early, late) = (Place { used: 255, birth: 900 }, Place { used: 256, birth: 3 });
        assert!(early.encode() < late.encode());
        assert_eq!(Place::decode(&late.encode()), Some(late));
        assert_eq!(Place::decode(&late.encode()[1..]), None);
        assert_eq!(Place::decode(&[0; KEY_LEN]), None);
    }

    #[test]
    fn damage_to_a_birth_is_noticed() {
        for birth in [0, 1, 77, (1 << TIME_BITS) - 1] {
            let mut stored = birth_word(birth).to_vec();
            stored.extend_from_slice(b"record");
            assert_eq!(split_birth(&stored), (Some(birth), &b"record"[..]));
            for bit in 0..64 {
                let mut flipped = stored.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(split_birth(&flipped).0, Some(birth), "{bit}");
            }
        }
        assert_eq!(split_birth(b"short"), (None, &b""[..]));
    }
}
