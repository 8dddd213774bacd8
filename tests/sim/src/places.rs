//! The places that processes take in what a stack's front shares: an owner of the fence, readers of LMDB.
//!
//! They are read from the files, so nothing here goes by what the code under test says of itself. No handle of the front
//! may be open in this process meanwhile: closing a file drops the locks that LMDB has on it.

use std::io::ErrorKind;
use std::path::Path;

use crate::Outcome;

/// The fence file: owners from the 64th word on, eight words each: the first one is set while
/// the place is taken, the second counts the slots that are open.
const OWNERS: usize = 16;
const OWNERS_AT: usize = 512;
const OWNER_LEN: usize = 64;
const OWNER_BITS: usize = 8;

/// LMDB's lock file: the number of readers, and two cache lines before the first of them, one for each: its
/// snapshot, all bits set if it has none, and its process.
const READERS: usize = 56;
const READERS_AT: usize = 128;
const READER_LEN: usize = 64;
const READER_PID: usize = 8;

/// What is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Owners of the fence, by their tokens.
    pub owners: Vec<u64>,
    /// Processes that have readers, once for each.
    pub readers: Vec<u32>,
    /// Those of them that are in the middle of reading.
    pub reading: Vec<u32>,
    /// Slots of the fence in which writes are open, counted by their owners.
    pub open: u64,
}

impl Places {
    /// Looks at the front in `folder`. What is not there takes nothing.
    pub fn of(folder: &Path) -> Outcome<Places> {
        let read = |name: &str| match std::fs::read(folder.join(name)) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        };
        let (fence, locks) = (read("larder.fence")?, read("lock.mdb")?);
        let tokens = (0..OWNERS).filter_map(|owner| word(&fence, OWNERS_AT + owner * OWNER_LEN));
        let readers = half(&locks, READERS).unwrap_or(0) as usize;
        let mut places = Places { owners: tokens.filter(|token| *token != 0).collect(), ..Places::default() };
        let open = (0..OWNERS).filter_map(|owner| word(&fence, OWNERS_AT + owner * OWNER_LEN + OWNER_BITS));
        places.open = open.sum();
        for at in (0..readers).map(|at| READERS_AT + at * READER_LEN) {
            let (Some(snapshot), Some(pid)) = (word(&locks, at), half(&locks, at + READER_PID)) else {
                break;
            };
            if pid != 0 {
                places.readers.push(pid);
                places.reading.extend((snapshot != u64::MAX).then_some(pid));
            }
        }
        Ok(places)
    }

    /// Readers of processes that are none of these.
    pub fn readers_of_others(&self, living: &[u32]) -> u64 {
        self.readers.iter().filter(|pid| !living.contains(pid)).count() as u64
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
