//! The processes that are attached to a fence file.
//!
//! Each has a bit of every slot, a lock that the kernel drops at its death, and two words: a token that says that the bit
//! is in use, and the number of slots in which it is set.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::Ordering::SeqCst;

use larder_store_core::{Env, Result};

use super::super::OWNERS;
use super::super::layout::{OWNER_LEN, OWNERS_AT};
use super::{error, is_absent, owner_byte};
use crate::sys::{self, Words};

const TOKEN: usize = 0;
const BITS: usize = 1;

/// The words of an owner.
pub(super) fn at(owner: u8) -> usize {
    OWNERS_AT + usize::from(owner) * OWNER_LEN
}

/// One more slot has an owner's bit, or one less. More is noted before the bit is set, less after it is cleared: so the
/// number is never too small, wherever its owner dies.
pub(super) fn note_bits(words: &Words, owner: u8, more: bool) {
    let bits = &words.get()[at(owner) + BITS];
    if more {
        bits.fetch_add(1, SeqCst)
    } else {
        bits.fetch_sub(1, SeqCst)
    };
}

/// What the owners' words and locks say. Under the lock of openers.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Somebody is attached.
    pub(super) attached: bool,
    /// Bits of owners who died.
    pub(super) dead: u16,
    /// Those of them that may be set somewhere.
    pub(super) dirty: u16,
}

/// Looks at all owners. What the words say is read from the mapping, which is there.
pub(super) fn survey(file: &File, words: Option<&Words>) -> io::Result<Survey> {
    let mut survey = Survey::default();
    for owner in 0..OWNERS as u8 {
        if sys::is_locked(file, owner_byte(owner))? {
            survey.attached = true;
            continue;
        }
        let Some(words) = words else { continue };
        if words.get()[at(owner) + TOKEN].load(SeqCst) != 0 {
            survey.dead |= 1 << owner;
        }
        // A number without a token is damage; then the bit may be anywhere as well.
        if words.get()[at(owner) + BITS].load(SeqCst) != 0 {
            survey.dirty |= 1 << owner;
        }
    }
    Ok(survey)
}

/// Frees the bits of owners. Each must have been swept from all slots, or be set in none.
pub(super) fn free(words: &Words, owners: u16) {
    for owner in (0..OWNERS as u8).filter(|owner| owners & 1 << owner != 0) {
        words.get()[at(owner) + BITS].store(0, SeqCst);
        words.get()[at(owner) + TOKEN].store(0, SeqCst);
    }
}

/// Takes a free bit. `None` if there is none. Under the lock of openers.
pub(super) fn claim(file: &File, words: &Words, env: &Env) -> io::Result<Option<u8>> {
    for owner in 0..OWNERS as u8 {
        let token = &words.get()[at(owner) + TOKEN];
        if token.load(SeqCst) == 0 && sys::try_lock(file, owner_byte(owner))? {
            token.store(env.random_u64().max(1), SeqCst);
            return Ok(Some(owner));
        }
    }
    Ok(None)
}

/// This process at a file.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) owner: u8,
    /// Device, inode and length that it must have.
    pub(super) identity: (u64, u64),
    pub(super) len: u64,
    pub(super) forks: u32,
}

impl Attached {
    /// Whether another owner lives; if that cannot be told, it does.
    pub(super) fn lives(&self, owner: u8) -> bool {
        sys::is_locked(&self.file, owner_byte(owner)).unwrap_or(true)
    }

    /// Whether the file is still the one at its path, whole, and ours.
    pub(super) fn check(&self) -> Result<()> {
        if self.forks != sys::forks() {
            return Err(error::forked(&self.path));
        }
        let meta = match std::fs::symlink_metadata(&self.path) {
            Ok(meta) => meta,
            Err(e) if is_absent(&e) => return Err(error::replaced(&self.path)),
            Err(e) => return Err(error::of("looked at", &self.path, e)),
        };
        if (meta.dev(), meta.ino()) != self.identity {
            return Err(error::replaced(&self.path));
        }
        if meta.len() < self.len {
            return Err(error::cut(&self.path, meta.len(), self.len));
        }
        Ok(())
    }

    /// Frees the bit, if it is set nowhere. The lock goes with the file.
    pub(super) fn leave(&self, words: &Words) {
        // The child of a fork has its parent's open file, and the lock stays the parent's. A file that was cut is not
        // touched.
        let whole = self.file.metadata().is_ok_and(|meta| meta.len() >= self.len);
        if self.forks == sys::forks() && whole && words.get()[at(self.owner) + BITS].load(SeqCst) == 0 {
            words.get()[at(self.owner) + TOKEN].store(0, SeqCst);
        }
    }
}
