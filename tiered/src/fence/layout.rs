//! Which word of a table is what.
//!
//! ```text
//!  words  0 ····· 64 ······ 192 ··· 512 ················ slots_at ············
//!         │ header │ owners  │ -    │ marks, 1 a page   │ slots, 2 words each │
//! ```
//!
//! Each part begins at a page of 4,096 bytes, the owners apart. A *page* of slots is 256 of them; its mark says that
//! all of them have been written once.

/// Words in a page of memory.
const PAGE: usize = 512;
/// Slots in a page.
const PAGE_SLOTS: u32 = 256;
/// Where the owners begin.
pub(super) const OWNERS_AT: usize = 64;
/// Words of an owner: a cache line.
pub(super) const OWNER_LEN: usize = 8;

/// The fewest slots of a table.
pub const MIN_SLOTS: u32 = 1;
/// The most slots of a table: 4 GiB.
pub const MAX_SLOTS: u32 = 1 << 28;
/// A million, which costs 16 MiB of address space; a table in a process's own memory touches what it uses.
pub const DEFAULT_SLOTS: u32 = 1 << 20;

/// Where things are in a table of so many slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    slots: u32,
    slots_at: usize,
}

impl Layout {
    /// A table of at least so many slots: the next power of two, between [`MIN_SLOTS`] and [`MAX_SLOTS`].
    pub fn new(slots: u32) -> Layout {
        let slots = slots.clamp(MIN_SLOTS, MAX_SLOTS).next_power_of_two();
        let pages = slots.div_ceil(PAGE_SLOTS) as usize;
        Layout { slots, slots_at: PAGE + pages.next_multiple_of(PAGE) }
    }

    /// How many slots.
    pub fn slots(self) -> u32 {
        self.slots
    }

    /// Words of the whole table.
    pub fn words(self) -> usize {
        self.slots_at + (2 * self.slots as usize).next_multiple_of(PAGE)
    }

    /// The word of a slot.
    #[inline]
    pub(super) fn word(self, slot: u32) -> usize {
        self.slots_at + 2 * slot as usize
    }

    /// Its time of doubt.
    #[inline]
    pub(super) fn doubt(self, slot: u32) -> usize {
        self.word(slot) + 1
    }

    /// The mark of a slot's page.
    pub(super) fn mark(self, slot: u32) -> usize {
        PAGE + (slot / PAGE_SLOTS) as usize
    }

    /// The slots of a slot's page.
    pub(super) fn page(self, slot: u32) -> std::ops::Range<u32> {
        let first = slot / PAGE_SLOTS * PAGE_SLOTS;
        first..(first + PAGE_SLOTS).min(self.slots)
    }

    #[cfg(test)]
    fn slot_of(self, key: &str, salt: u64) -> u32 {
        self.slot_of_hash(hash(key, salt))
    }

    /// The slot of a hash.
    #[inline]
    pub(super) fn slot_of_hash(self, hash: u64) -> u32 {
        (hash as u32) & (self.slots - 1)
    }
}

/// The hash of a key, of which the low bits choose its slot. Every process of a table must come to the same one, so this
/// is part of the format.
///
/// `salt` is the table's incarnation: nobody can choose keys that meet in one slot.
#[inline]
pub(super) fn hash(key: &str, salt: u64) -> u64 {
    let mut hash = fold(salt ^ 0x9e37_79b9_7f4a_7c15, key.len() as u64 ^ 0xd1b5_4a32_d192_ed03);
    let (words, rest) = key.as_bytes().as_chunks::<8>();
    for word in words {
        hash = fold(hash ^ u64::from_le_bytes(*word), 0x8ebc_6af0_9c88_c6e3);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    fold(hash ^ u64::from_le_bytes(last), 0x5896_36e7_8ce5_1b2d)
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_overlap() {
        for slots in [1, 2, 255, 256, 257, 4096, DEFAULT_SLOTS, MAX_SLOTS] {
            let layout = Layout::new(slots);
            let last = layout.slots() - 1;
            assert!(layout.slots() >= slots);
            assert!(layout.mark(0) >= OWNERS_AT + OWNER_LEN * super::super::OWNERS);
            assert!(layout.mark(last) < layout.word(0));
            assert!(layout.doubt(last) < layout.words());
            assert!(layout.page(last).contains(&last) && layout.page(last).end == layout.slots());
            assert_eq!(layout.words() % PAGE, 0);
        }
        assert_eq!(Layout::new(DEFAULT_SLOTS).words() * 8, 16 * 1024 * 1024 + 4096 + 32 * 1024);
    }

    #[test]
    fn keys_spread_over_slots_and_salts() {
        let layout = Layout::new(1024);
        let mut counts = vec![0u32; 1024];
        let mut moved = 0;
        for i in 0..102_400 {
            let key = format!("user/{i}");
            let slot = layout.slot_of(&key, 7);
            counts[slot as usize] += 1;
            moved += u32::from(layout.slot_of(&key, 8) != slot);
        }
        // 100 each, give or take six standard deviations.
        assert!(counts.iter().all(|count| (40..160).contains(count)), "{counts:?}");
        assert!(moved > 102_000, "{moved}");
        // Numbers that must never change: processes of two builds share a table.
        let slots = ["", "a", "user/7", "a longer key than one word"]
            .map(|key| Layout::new(DEFAULT_SLOTS).slot_of(key, 1));
        assert_eq!(slots, [236_102, 823_390, 712_373, 493_136]);
    }
}
