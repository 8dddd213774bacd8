//! The head of the fence file.
//!
//! ```text
//!  word  0       1       2             3 4       5        6           7       8
//!        │ magic │ slots │ incarnation │ boot id │ origin │ all until │ check │ last doubt │
//! ```
//!
//! Words 1 to 6 are written with nobody attached, the magic last of all, and never changed. `last doubt` is the latest
//! time until which any slot was put in doubt.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering::SeqCst;

use larder_store_core::StoreId;

use crate::sys::Words;
pub(super) use larder_store_core::boot::boot_id;

const MAGIC: u64 = u64::from_le_bytes(*b"LRDRFNC1");
/// Words of the head.
pub(super) const LEN: usize = 9;
const CHECK: usize = 7;
const LAST_DOUBT: usize = 8;

/// What the head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) slots: u64,
    pub(super) incarnation: u64,
    pub(super) boot: [u64; 2],
    pub(super) origin: u64,
    /// Until when the whole table is in doubt, in microseconds of the monotonic clock of that boot.
    pub(super) all_until: u64,
}

/// What stands where the head should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stands {
    /// Nothing: the file is new.
    Nothing,
    /// No head that can be believed.
    Damage,
    /// A head, and the last doubt.
    Head(Header, u64),
}

impl Header {
    fn words(&self) -> [u64; 6] {
        [self.slots, self.incarnation, self.boot[0], self.boot[1], self.origin, self.all_until]
    }

    /// Reads the file, not its mapping, which it may be too short for.
    pub(super) fn read(file: &File) -> io::Result<Stands> {
        if file.metadata()?.len() == 0 {
            return Ok(Stands::Nothing);
        }
        let mut bytes = [0; LEN * 8];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(Stands::Damage),
            Err(e) => return Err(e),
        }
        let (bytes, _) = bytes.as_chunks::<8>();
        let word = |at: usize| u64::from_le_bytes(bytes[at]);
        let header = Header {
            slots: word(1),
            incarnation: word(2),
            boot: [word(3), word(4)],
            origin: word(5),
            all_until: word(6),
        };
        Ok(match word(0) == MAGIC && word(CHECK) == check(header.words()) {
            true => Stands::Head(header, word(LAST_DOUBT)),
            false => Stands::Damage,
        })
    }

    /// Writes it into a blank table.
    pub(super) fn write(&self, to: &Words) {
        let to = to.get();
        for (i, word) in self.words().into_iter().enumerate() {
            to[1 + i].store(word.to_le(), SeqCst);
        }
        to[CHECK].store(check(self.words()).to_le(), SeqCst);
        to[LAST_DOUBT].store(self.all_until.to_le(), SeqCst);
        to[0].store(MAGIC.to_le(), SeqCst);
    }
}

/// Remembers the latest doubt of any slot.
pub(super) fn note_doubt(words: &Words, until: u64) {
    words.get()[LAST_DOUBT].fetch_max(until, SeqCst);
}

/// A number for a store's id that stays the same from build to build.
pub(crate) fn origin_number(id: &StoreId) -> u64 {
    // Lengths in between, so that no part can pass for the end of another.
    let parts = [id.kind(), id.place(), id.prefix(), id.layout()];
    check(parts.iter().flat_map(|part| std::iter::once(part.len() as u64).chain(part.bytes().map(u64::from))))
}

/// A small check: FNV-1a over words, turned.
fn check(words: impl IntoIterator<Item = u64>) -> u64 {
    words.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, word| {
        (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_the_head_is_noticed() {
        let header = Header { slots: 256, incarnation: 5, boot: [1, 2], origin: 9, all_until: 1 << 40 };
        let file = tempfile::tempfile().unwrap();
        assert_eq!(Header::read(&file).unwrap(), Stands::Nothing);
        file.set_len(4096).unwrap();
        assert_eq!(Header::read(&file).unwrap(), Stands::Damage);
        header.write(&Words::of_file(&file, 512).unwrap());
        assert_eq!(Header::read(&file).unwrap(), Stands::Head(header, 1 << 40));
        for bit in 0..(CHECK + 1) * 64 {
            let mut byte = [0];
            file.read_exact_at(&mut byte, bit as u64 / 8).unwrap();
            file.write_all_at(&[byte[0] ^ 1 << (bit % 8)], bit as u64 / 8).unwrap();
            assert_eq!(Header::read(&file).unwrap(), Stands::Damage, "bit {bit}");
            file.write_all_at(&byte, bit as u64 / 8).unwrap();
        }
        file.set_len(20).unwrap();
        assert_eq!(Header::read(&file).unwrap(), Stands::Damage);
    }

    #[test]
    fn the_number_of_an_origin_tells_its_parts_apart() {
        let number = |kind, place, prefix: &str| {
            origin_number(&StoreId::new(kind, place, "record").with_prefix(prefix))
        };
        let all =
            [number("a", "bc", ""), number("ab", "c", ""), number("a", "b", "c"), number("a", "bc", "d")];
        for (i, one) in all.iter().enumerate() {
            assert!(!all[i + 1..].contains(one));
        }
        assert_eq!(all[0], number("a", "bc", ""));
    }
}
