//! `larder.guard`: what processes that share a store must know of each other, in a small file beside it.
//!
//! It is fully allocated and mapped, so that a note costs a store to memory and never meets a full disk. It holds
//! - a slot for each process that has the store open, owned by a lock of the open file that the kernel drops at its
//!   death: so uploads of the dead are told from those of the living, in whatever pid namespace;
//! - whether the process in a slot is inside LMDB's writing code, so that a death there is noticed at the next open;
//! - what the store is for, and of a cache its capacity, about how many values it has, whether damage was met in it,
//!   and how often it began anew;
//! - how the trees stood after the last two commits, which is a second opinion on LMDB's two meta pages: they have no
//!   checks of their own, and a flipped bit in them brings back an older state without a sound.
//!
//! All of it is only evidence. Losing the file loses the evidence and nothing else.

mod notes;
mod slots;
mod stamps;

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(super) use slots::{Owner, Survey};

use super::sys::{self, Words};

/// The file's name.
pub(super) const NAME: &str = "larder.guard";
/// Its length, in bytes.
pub(super) const LEN: u64 = 64 * 1024;

const MAGIC: u64 = u64::from_le_bytes(*b"LRDRGRD1");
const HEAD: usize = 0;
const BOOT: usize = 2;
const UNSYNCED: usize = 4;
const DEATHS: usize = 5;
const CHECKED: usize = 6;
const WRITER: usize = 7;
const ROLE: usize = 8;
const CAPACITY: usize = 9;
const DAMAGED: usize = 10;
const RECORDS: usize = 11;
const BEGUN: usize = 12;
const STAMPS: usize = 16;
const STAMP_LEN: usize = 8;
const SLOTS: usize = 512;
const SLOT_LEN: usize = 32;
const SLOT_COUNT: usize = 128;

const _: () = assert!(SLOT_COUNT.is_power_of_two());
const _: () = assert!((SLOTS + SLOT_LEN * SLOT_COUNT) * 8 <= LEN as usize);

/// The byte whose lock says "I am opening".
const OPENING: u64 = 0;

/// The mapped file.
#[derive(Debug)]
pub(super) struct Guard {
    file: File,
    words: Words,
    mine: Option<usize>,
    is_released: AtomicBool,
    fork: u32,
}

impl Guard {
    /// Maps the file, which is at least [`LEN`] bytes long and allocated.
    pub(super) fn map(file: File) -> std::io::Result<Guard> {
        let words = Words::map(&file, LEN as usize / 8)?;
        Ok(Guard { file, words, mine: None, is_released: AtomicBool::new(false), fork: sys::forks() })
    }

    fn word(&self, i: usize) -> &AtomicU64 {
        &self.words.get()[i]
    }

    fn read(&self, i: usize) -> u64 {
        self.word(i).load(Ordering::Acquire)
    }

    fn write(&self, i: usize, value: u64) {
        self.word(i).store(value, Ordering::Release);
    }

    /// Takes the lock of openers. `false` if another process is opening or destroying the store.
    pub(super) fn try_begin(&self) -> std::io::Result<bool> {
        let mine = sys::try_lock(&self.file, OPENING)?;
        if mine && self.read(HEAD) != MAGIC {
            // New, or damaged: nothing in it is to be believed.
            for word in self.words.get() {
                word.store(0, Ordering::Relaxed);
            }
            self.write(HEAD, MAGIC);
        }
        Ok(mine)
    }

    /// Lets go of the lock of openers.
    pub(super) fn end(&self) {
        let _ = sys::unlock(&self.file, OPENING);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn guard(dir: &std::path::Path) -> Guard {
        let path = dir.join(NAME);
        let file = File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
        file.set_len(LEN).unwrap();
        let guard = Guard::map(file).unwrap();
        assert!(guard.try_begin().unwrap());
        guard.end();
        guard
    }

    #[test]
    fn one_opener_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (guard(dir.path()), guard(dir.path()));
        assert!(first.try_begin().unwrap());
        assert!(!second.try_begin().unwrap());
        first.end();
        assert!(second.try_begin().unwrap());
    }
}
