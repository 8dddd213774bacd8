//! Who may decide a condition and change a value's name: one at a time, on this host.
//!
//! A key has one of 64 locks: a file in the private folder, locked by `flock`. The file is never replaced or removed
//! while the store lives, so all lock the same inode, and the kernel drops the lock of a process that dies. In front of
//! each stands a lock of this process, where tasks wait without holding a thread.
//!
//! A lock is held while a value's head is read and its file renamed, never across an await and never while data goes
//! to the disk.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use larder_store_core::Key;
use rustix::fs::{FlockOperation, OFlags, fchmod, flock, openat};
use rustix::io::{Errno, Result};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::folder::FILE_MODE;

/// How many locks there are. Part of the format: processes must agree.
const SHARDS: u64 = 64;
/// How often a lock that another process holds is asked for before the thread is given back. The other one needs it
/// for microseconds.
const ASKS: usize = 100;

/// The locks of a store.
#[derive(Debug)]
pub(super) struct Locks {
    folder: OwnedFd,
    shards: Vec<Arc<Mutex<Shard>>>,
}

/// The lock file, once it is open.
#[derive(Debug, Default)]
pub(super) struct Shard(Option<OwnedFd>);

impl Locks {
    pub(super) fn new(folder: OwnedFd) -> Locks {
        Locks { folder, shards: (0..SHARDS).map(|_| Arc::default()).collect() }
    }

    /// A turn at the lock of `key`, not yet begun.
    pub(super) fn turn(&self, key: &Key) -> Turn {
        let number = shard_of(key);
        Turn { number, shard: self.shards[number].clone(), guard: None }
    }

    fn open(&self, number: usize) -> Result<OwnedFd> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.folder, format!("{number:02x}"), flags, FILE_MODE)?;
        fchmod(&file, FILE_MODE)?;
        Ok(file)
    }
}

/// FNV-1a, folded: the same in every process and every version.
fn shard_of(key: &Key) -> usize {
    let start = 0xcbf2_9ce4_8422_2325 ^ u64::from(key.is_system());
    let hash = key
        .as_bytes()
        .iter()
        .fold(start, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    ((hash ^ (hash >> 32)) % SHARDS) as usize
}

/// One caller's turn at a lock.
#[derive(Debug)]
pub(super) struct Turn {
    number: usize,
    shard: Arc<Mutex<Shard>>,
    guard: Option<OwnedMutexGuard<Shard>>,
}

/// What a try to get the lock gave.
#[derive(Debug)]
pub(super) enum Entry<'t> {
    /// The lock, until it is dropped.
    In(Held<'t>),
    /// Another task of this process has it: [`Turn::wait`].
    HeldHere,
    /// Another process has it: try again soon.
    HeldElsewhere,
}

impl Turn {
    /// Tries to get the lock, without waiting for longer than it takes others to rename a file.
    pub(super) fn enter(&mut self, locks: &Locks) -> Result<Entry<'_>> {
        let guard = match self.guard.take() {
            Some(guard) => guard,
            None => match self.shard.clone().try_lock_owned() {
                Ok(guard) => guard,
                Err(_) => return Ok(Entry::HeldHere),
            },
        };
        let shard = self.guard.insert(guard);
        let file = match &mut shard.0 {
            Some(file) => &*file,
            none => none.insert(locks.open(self.number)?),
        };
        for _ in 0..ASKS {
            match flock(file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Entry::In(Held(file))),
                Err(Errno::WOULDBLOCK) => std::thread::yield_now(),
                Err(Errno::INTR) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Entry::HeldElsewhere)
    }

    /// Waits behind the tasks of this process that have the lock. Nothing else of the lock is held meanwhile.
    pub(super) async fn wait(&mut self) {
        if self.guard.is_none() {
            self.guard = Some(self.shard.clone().lock_owned().await);
        }
    }

    /// Lets the next task of this process have its turn.
    pub(super) fn end(&mut self) {
        self.guard = None;
    }
}

/// The lock, held.
#[derive(Debug)]
pub(super) struct Held<'t>(&'t OwnedFd);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // Not left to closing: a child process between fork and exec has the descriptor as well.
        if let Err(errno) = flock(self.0, FlockOperation::Unlock) {
            tracing::error!(%errno, "a lock of the file store could not be released");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::OPEN_FOLDER;

    fn locks(path: &std::path::Path) -> Locks {
        Locks::new(openat(rustix::fs::CWD, path, OPEN_FOLDER, rustix::fs::Mode::empty()).unwrap())
    }

    #[tokio::test]
    async fn one_at_a_time_in_a_process_and_beyond() {
        let dir = tempfile::tempdir().unwrap();
        // Two sets of descriptors, as two processes have them.
        let (here, elsewhere) = (locks(dir.path()), locks(dir.path()));
        let key = Key::new("k").unwrap();
        let (mut a, mut b, mut c) = (here.turn(&key), here.turn(&key), elsewhere.turn(&key));
        let held = a.enter(&here).unwrap();
        assert!(matches!(held, Entry::In(_)));
        assert!(matches!(b.enter(&here).unwrap(), Entry::HeldHere));
        assert!(matches!(c.enter(&elsewhere).unwrap(), Entry::HeldElsewhere));
        drop(held);
        // The file is free now, the turn of this process is not over.
        assert!(matches!(c.enter(&elsewhere).unwrap(), Entry::In(_)));
        assert!(matches!(b.enter(&here).unwrap(), Entry::HeldHere));
        a.end();
        b.wait().await;
        assert!(matches!(b.enter(&here).unwrap(), Entry::In(_)));
    }

    #[test]
    fn the_shard_of_a_key_is_part_of_the_format() {
        let shards = ["a", "user/7", "counter"].map(|key| shard_of(&Key::new(key).unwrap()));
        // Worked out by another program.
        assert_eq!(shards, [0, 58, 23]);
        let system = larder_store_core::system::key("a").unwrap();
        assert_ne!(shard_of(&system), shards[0]);
    }
}
