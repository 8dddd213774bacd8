//! A table in mapped memory: this process's own, or a file that processes share.

mod attach;
mod error;
mod header;
mod owners;
mod verdict;

use std::fmt;
use std::io;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use larder_store_core::{Env, Result};

use super::layout::OWNERS_AT;
use super::{Layout, Memory, Setup, Table, Writes};
use crate::sys::Words;
use owners::Attached;

pub use attach::FenceFile;
pub(crate) use header::origin_number;
pub use verdict::{Found, FrontSays, HeaderState, Verdict};

/// Open writes are counted in so many parts, each under its own lock.
const SHARDS: usize = 64;

/// Mapped memory.
pub struct Mapped {
    words: Words,
    shards: Box<[Mutex<Writes>]>,
    /// The file, where it is one.
    attached: Option<Attached>,
}

impl Mapped {
    fn new(words: Words, attached: Option<Attached>) -> Mapped {
        Mapped { words, shards: (0..SHARDS).map(|_| Mutex::default()).collect(), attached }
    }
}

impl Table<Mapped> {
    /// An empty table of this process alone. It costs memory where it is used.
    ///
    /// # Errors
    /// [`Unavailable`](larder_store_core::ErrorKind::Unavailable) if there is no address space for it.
    pub fn in_process(layout: Layout, window: Duration, env: &Env) -> Result<Table<Mapped>> {
        let words = Words::of_process(layout.words()).map_err(error::no_memory)?;
        let setup =
            Setup { layout, incarnation: env.random_u64(), owner: 0, window, all_until: 0, env: env.clone() };
        Ok(Table::new(Mapped::new(words, None), setup))
    }
}

impl Memory for Mapped {
    type Held<'a> = MutexGuard<'a, Writes>;

    #[inline]
    fn load(&self, at: usize) -> u64 {
        self.words.get()[at].load(SeqCst)
    }

    #[inline]
    fn exchange(&self, at: usize, old: u64, new: u64) -> Result<(), u64> {
        self.words.get()[at].compare_exchange(old, new, SeqCst, SeqCst).map(drop)
    }

    fn hold(&self, slot: u32) -> MutexGuard<'_, Writes> {
        self.shards[slot as usize % SHARDS].lock().unwrap_or_else(|e| e.into_inner())
    }

    fn owner_lives(&self, owner: u8) -> bool {
        // A table of one process has no other owners.
        self.attached.as_ref().is_some_and(|attached| attached.lives(owner))
    }

    fn check(&self) -> Result<()> {
        self.attached.as_ref().map_or(Ok(()), Attached::check)
    }

    fn note_bits(&self, more: bool) {
        if let Some(attached) = &self.attached {
            owners::note_bits(&self.words, attached.owner, more);
        }
    }

    fn note_doubt(&self, until: u64) {
        header::note_doubt(&self.words, until);
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        if let Some(attached) = &self.attached {
            attached.leave(&self.words);
        }
    }
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapped").field("attached", &self.attached).finish_non_exhaustive()
    }
}

/// The byte of the file that an owner locks.
fn owner_byte(owner: u8) -> u64 {
    (owners::at(owner) * size_of::<u64>()) as u64
}

const _: () = assert!(OWNERS_AT > header::LEN);

/// Whether an error of the system says that there is no such file.
fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}
