//! `larder.recency`: when values were last used, noted without writing to the tree.
//!
//! A table of words that all processes map. A read notes its time in the word of the value: one store to memory, no lock,
//! no system call. Who evicts looks here before it believes the tree. Times are the births of values: the number of
//! writes so far. A word belongs to the value whose birth leads to it; of two values with the same word the one that was used last
//! has it, and the other one counts as not used since it was written.
//!
//! It is only evidence: lost or damaged, values go in the order in which they were written, and nothing else.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering::Relaxed;

use larder_store_core::{Op, Result};
use rustix::fs::OFlags;

use crate::folder::CheckedFolder;
use crate::lmdb::files;
use crate::lmdb::sys::Words;

const MAGIC: u64 = u64::from_le_bytes(*b"LRDRRCY1");
const HEAD: usize = 0;
const SLOTS: usize = 1;
const CLOCK: usize = 2;
const FIRST: usize = 8;

/// One word for so many bytes of the capacity.
const BYTES_A_SLOT: u64 = 1024;
/// The bits of a word that say whose it is.
const TAG_BITS: u32 = 16;
const TIME: u64 = (1 << (u64::BITS - TAG_BITS)) - 1;

/// The mapped file.
#[derive(Debug)]
pub(crate) struct Recency {
    words: Words,
    shift: u32,
}

/// How many values a cache of so many bytes keeps track of: a power of two, at most 128 MiB of words.
fn slots(capacity: u64) -> u64 {
    (capacity / BYTES_A_SLOT).next_power_of_two().clamp(1 << 12, 1 << 24)
}

/// The length of the file for a cache of so many bytes.
pub(crate) fn file_len(capacity: u64) -> u64 {
    (FIRST as u64 + slots(capacity)) * 8
}

/// Whether a folder has such a file.
pub(crate) fn is_there(folder: &CheckedFolder) -> Result<bool> {
    if files::look(Op::Open, &folder.fd, &folder.path, files::RECENCY)?.is_none() {
        return Ok(false);
    }
    let file = files::open(Op::Open, &folder.fd, &folder.path, files::RECENCY, OFlags::RDONLY)?;
    let mut magic = [0; 8];
    Ok(file.read_exact_at(&mut magic, 0).is_ok() && u64::from_le_bytes(magic) == MAGIC)
}

impl Recency {
    /// Maps a file that is allocated up to its length, and begins it where it is new or damaged.
    pub(crate) fn map(file: &File, capacity: u64) -> io::Result<Recency> {
        let slots = slots(capacity);
        let words = Words::map(file, FIRST + slots as usize)?;
        let recency = Recency { words, shift: slots.trailing_zeros() };
        let head = recency.words.get();
        let found = [HEAD, SLOTS].map(|at| head[at].load(Relaxed));
        if found != [MAGIC, slots] {
            // A new file is empty already.
            if found != [0, 0] {
                head[FIRST..].iter().for_each(|word| word.store(0, Relaxed));
            }
            head[SLOTS].store(slots, Relaxed);
            head[HEAD].store(MAGIC, Relaxed);
        }
        Ok(recency)
    }

    /// The word of a value, and what says that it is its own.
    #[inline]
    fn place(&self, birth: u64) -> (usize, u64) {
        let slot = birth & ((1 << self.shift) - 1);
        (FIRST + slot as usize, birth >> self.shift << (u64::BITS - TAG_BITS))
    }

    /// Notes that a value was used just now.
    #[inline]
    pub(crate) fn touch(&self, birth: u64) {
        let words = self.words.get();
        let (at, tag) = self.place(birth);
        let word = tag | words[CLOCK].load(Relaxed) & TIME;
        // What is there already is not written again: the line stays with everybody.
        if words[at].load(Relaxed) != word {
            words[at].store(word, Relaxed);
        }
    }

    /// When a value was last used, if that is noted and makes sense.
    pub(crate) fn last_use(&self, birth: u64, now: u64) -> Option<u64> {
        let (at, tag) = self.place(birth);
        let word = self.words.get()[at].load(Relaxed);
        let used = word & TIME;
        (word & !TIME == tag && (birth..=now).contains(&used)).then_some(used)
    }

    /// How many writes there have been, as far as is noted.
    pub(crate) fn now(&self) -> u64 {
        self.words.get()[CLOCK].load(Relaxed) & TIME
    }

    /// Says how many writes there have been.
    pub(crate) fn set_now(&self, now: u64) {
        self.words.get()[CLOCK].store(now, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(file: &File) -> Recency {
        file.set_len(file_len(4 << 20)).unwrap();
        let recency = Recency::map(file, 4 << 20).unwrap();
        recency.set_now(100);
        recency
    }

    #[test]
    fn the_last_use_is_noted_for_its_value_alone() {
        let file = tempfile::tempfile().unwrap();
        let recency = table(&file);
        assert_eq!(recency.last_use(7, 100), None);
        recency.touch(7);
        assert_eq!(recency.last_use(7, 100), Some(100));
        recency.set_now(150);
        recency.touch(7);
        assert_eq!(recency.last_use(7, 150), Some(150));
        // Another one with the same word takes it.
        let twin = 7 + (1 << recency.shift);
        recency.set_now(twin);
        recency.touch(twin);
        assert_eq!((recency.last_use(7, twin), recency.last_use(twin, twin)), (None, Some(twin)));
        // A time to come, or before the value was there, is damage.
        assert_eq!(recency.last_use(twin, twin - 1), None);
        // Others see it, and a file that is whole is taken as it is.
        let again = Recency::map(&file, 4 << 20).unwrap();
        assert_eq!(again.last_use(twin, twin), Some(twin));
        recency.words.get()[HEAD].store(1, Relaxed);
        assert_eq!(table(&file).last_use(twin, twin), None);
    }
}
