//! Disks that fail, for tests.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::SeqCst};

use rustix::io::{Errno, Result};

/// Faults of one store.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) file_sync: Fault,
    pub(super) folder_sync: Fault,
}

/// A system call that fails when it is told to.
#[derive(Debug, Default)]
pub(super) struct Fault {
    errno: AtomicI32,
    met: AtomicUsize,
}

impl Fault {
    /// The next call fails like this.
    pub(super) fn set(&self, errno: Errno) {
        self.errno.store(errno.raw_os_error(), SeqCst);
    }

    /// How often the call was made.
    pub(super) fn count(&self) -> usize {
        self.met.load(SeqCst)
    }

    pub(super) fn meet(&self) -> Result<()> {
        self.met.fetch_add(1, SeqCst);
        match self.errno.swap(0, SeqCst) {
            0 => Ok(()),
            errno => Err(Errno::from_raw_os_error(errno)),
        }
    }
}
