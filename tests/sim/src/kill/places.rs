//! The places that processes take in what a stack's front shares: an owner of the fence, readers of LMDB.
//!
//! They are read from the files, so nothing here goes by what the code under test says of itself. No handle of the front
//! may be open in this process meanwhile: closing a file drops the locks that LMDB has on it.

use std::io::ErrorKind;
use std::path::Path;

use crate::Outcome;

/// The fence file: owners from the 64th word on, eight words each, the first one set while the place is taken.
const OWNERS: usize = 16;
const OWNERS_AT: usize = 512;
const OWNER_LEN: usize = 64;

/// LMDB's lock file: the number of readers, and two cache lines before the first of them, one for each.
const READERS: usize = 56;
const READERS_AT: usize = 128;
const READER_LEN: usize = 64;
const READER_PID: usize = 8;

/// What is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Owners of the fence, by their tokens.
    pub(super) owners: Vec<u64>,
    /// Processes that have readers, once for each.
    pub(super) readers: Vec<u32>,
}

impl Places {
    /// Looks at the front in `folder`. What is not there takes nothing.
    pub(super) fn of(folder: &Path) -> Outcome<Places> {
        let read = |name: &str| match std::fs::read(folder.join(name)) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        };
        let (fence, locks) = (read("larder.fence")?, read("lock.mdb")?);
        let tokens = (0..OWNERS).filter_map(|owner| word(&fence, OWNERS_AT + owner * OWNER_LEN));
        let readers = half(&locks, READERS).unwrap_or(0) as usize;
        let pids = (0..readers).filter_map(|at| half(&locks, READERS_AT + at * READER_LEN + READER_PID));
        Ok(Places {
            owners: tokens.filter(|token| *token != 0).collect(),
            readers: pids.filter(|pid| *pid != 0).collect(),
        })
    }

    /// Readers of processes that are none of these.
    pub(super) fn readers_of_others(&self, living: &[u32]) -> u64 {
        self.readers.iter().filter(|pid| !living.contains(pid)).count() as u64
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
