//! Which folders are known to outlive a crash of the machine, and how they come to.
//!
//! A folder that another writer made a moment ago is there, but its name may not be on the disk yet. A value put into
//! it would be lost with it. So before the first value goes into a folder, each folder above it is synced once; that
//! is remembered by the folder's inode and birth, as an inode alone may come back.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{fchmod, mkdirat};
use rustix::io::{Errno, Result};

use super::root::{Root, open_step};
use crate::folder::{FOLDER_MODE, OPEN_FOLDER};

/// How many folders are remembered; then all are forgotten, which costs a sync each.
const REMEMBERED: usize = 1 << 16;
/// How often a folder is made anew that a delete, finding it empty, removes at the same time.
const TRIES: usize = 100;

/// The folders that are known to last.
#[derive(Debug, Default)]
pub(super) struct Durable(Mutex<HashSet<Birth>>);

/// Which folder it is: inode, and the time of its birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Birth(u64, i64, u32);

impl Durable {
    fn has(&self, birth: Birth) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&birth)
    }

    fn add(&self, birth: Birth) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.clear();
        }
        all.insert(birth);
    }

    /// After a disk failed, nothing is certain.
    pub(super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The folder that a value's file lies in, open.
#[derive(Debug)]
pub(super) enum Parent {
    /// The store's own.
    Root,
    /// One inside it.
    Own(OwnedFd),
}

impl Parent {
    pub(super) fn fd<'p>(&'p self, root: &'p Root) -> BorrowedFd<'p> {
        match self {
            Parent::Root => root.folder(),
            Parent::Own(fd) => fd.as_fd(),
        }
    }
}

impl Root {
    /// Opens the folder at `path`, if it is there.
    pub(super) fn parent(&self, path: &str) -> Result<Option<Parent>> {
        if path.is_empty() {
            return Ok(Some(Parent::Root));
        }
        match self.open(path, OPEN_FOLDER) {
            Ok(fd) => Ok(Some(Parent::Own(fd))),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Opens the folder at `path`, made with those above it where they are missing. With `durable` all of them are on
    /// the disk then.
    pub(super) fn make_parent(&self, path: &str, durable: bool) -> Result<Parent> {
        if let Some(parent) = self.parent(path)? {
            let known = match &parent {
                Parent::Root => true,
                Parent::Own(_) if !durable => true,
                Parent::Own(fd) => birth(fd.as_fd()).is_some_and(|birth| self.durable.has(birth)),
            };
            if known {
                return Ok(parent);
            }
        }
        let mut tries = 0;
        loop {
            match self.make_by_steps(path, durable) {
                // A delete found a folder of these empty between two steps, and removed it.
                Err(Errno::NOENT) if tries < TRIES && !self.is_gone() => tries += 1,
                done => return done.map(Parent::Own),
            }
        }
    }

    fn make_by_steps(&self, path: &str, durable: bool) -> Result<OwnedFd> {
        let mut at: Option<OwnedFd> = None;
        for step in path.split('/') {
            let from = at.as_ref().map_or(self.folder(), OwnedFd::as_fd);
            let next = match open_step(from, step, OPEN_FOLDER) {
                Err(Errno::NOENT) => {
                    match mkdirat(from, step, FOLDER_MODE) {
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(e) => return Err(e),
                    }
                    let made = open_step(from, step, OPEN_FOLDER)?;
                    // Whatever the umask took away.
                    fchmod(&made, FOLDER_MODE)?;
                    made
                }
                done => done?,
            };
            if durable {
                let birth = birth(next.as_fd());
                if !birth.is_some_and(|birth| self.durable.has(birth)) {
                    self.sync_folder(from)?;
                    birth.into_iter().for_each(|birth| self.durable.add(birth));
                }
            }
            at = Some(next);
        }
        at.ok_or(Errno::NOENT)
    }

    /// Syncs the folder at `path`, or the nearest one above it that is there: what makes an absence last.
    pub(super) fn sync_nearest(&self, path: &str) -> Result<()> {
        let mut path = path;
        loop {
            match self.parent(path) {
                Ok(Some(parent)) => return self.sync_folder(parent.fd(self)),
                // Something that is no folder is there: no value can be, nor could one have been.
                Ok(None) | Err(Errno::NOTDIR) => path = path.rsplit_once('/').map_or("", |(above, _)| above),
                Err(e) => return Err(e),
            }
        }
    }
}

#[cfg(target_os = "linux")]
fn birth(fd: BorrowedFd<'_>) -> Option<Birth> {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    let wanted = StatxFlags::INO | StatxFlags::BTIME;
    let stat = statx(fd, "", AtFlags::EMPTY_PATH, wanted).ok()?;
    let has = StatxFlags::from_bits_retain(stat.stx_mask).contains(wanted);
    has.then_some(Birth(stat.stx_ino, stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec))
}

/// Where births are not told, every folder is synced each time.
#[cfg(not(target_os = "linux"))]
fn birth(_: BorrowedFd<'_>) -> Option<Birth> {
    None
}
