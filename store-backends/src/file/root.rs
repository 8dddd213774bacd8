//! The open folders of a store, shared by the handles of this process.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::fs::{Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::{Errno, Result};

use super::durable::Durable;
use super::lock::Locks;
use super::path::PRIVATE;
use crate::folder::OPEN_FOLDER;

/// How files are opened for reading. Opening never waits for whoever has put a pipe there.
pub(super) const OPEN_FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// How often a lookup that a rename of others disturbed is tried again.
const LOOKUPS: usize = 64;

/// The open folders of a store. Everything in it is reached from these, through no link, so that a planted one leads
/// nowhere and a folder that is moved stays the same store.
pub(super) struct Root {
    folder: OwnedFd,
    tmp: OwnedFd,
    pub(super) locks: Locks,
    pub(super) durable: Durable,
    /// Whether the kernel resolves a path without links by itself.
    resolves: AtomicBool,
    /// Whether it can be asked for what it has in memory alone, on a file system that then does not wait.
    caches: bool,
    #[cfg(test)]
    pub(super) faults: super::faults::Faults,
}

/// Those open in this process, by the folder of their locks: handles that share locks must share what is in front of
/// them.
static ROOTS: Mutex<BTreeMap<(u64, u64), Weak<Root>>> = Mutex::new(BTreeMap::new());

impl Root {
    /// Opens the private folders in `folder`, or joins the handles that have them open.
    ///
    /// `local`: it is no network file system, where each look may go to another host.
    pub(super) fn attach(folder: OwnedFd, local: bool) -> Result<Arc<Root>> {
        let private = openat(&folder, PRIVATE, OPEN_FOLDER, Mode::empty())?;
        let tmp = openat(&private, "tmp", OPEN_FOLDER, Mode::empty())?;
        let lock = openat(&private, "lock", OPEN_FOLDER, Mode::empty())?;
        let id = id_of(&lock)?;
        let mut roots = ROOTS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(root) = roots.get(&id).and_then(Weak::upgrade) {
            return Ok(root);
        }
        roots.retain(|_, root| root.strong_count() > 0);
        let resolves = openat2(&folder, ".", OPEN_FOLDER, Mode::empty(), RESOLVE).is_ok();
        let caches = resolves && local && has_cached(&folder);
        let root = Arc::new(Root {
            folder,
            tmp,
            locks: Locks::new(lock),
            durable: Durable::default(),
            resolves: AtomicBool::new(resolves),
            caches,
            #[cfg(test)]
            faults: super::faults::Faults::default(),
        });
        roots.insert(id, Arc::downgrade(&root));
        Ok(root)
    }

    /// The store's folder.
    pub(super) fn folder(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }

    /// The folder of temporary files.
    pub(super) fn tmp(&self) -> BorrowedFd<'_> {
        self.tmp.as_fd()
    }

    /// Opens what lies at `path` inside the folder, without following any link on the way. An empty path is the
    /// folder itself.
    ///
    /// # Errors
    /// [`Errno::LOOP`] for a link; what the system calls meet.
    pub(super) fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd> {
        debug_assert!(!path.starts_with('/') && path.split('/').all(|step| step != ".."), "{path}");
        let path = if path.is_empty() { "." } else { path };
        if !self.resolves.load(Ordering::Relaxed) {
            return self.open_by_steps(path, flags);
        }
        let mut tries = 0;
        loop {
            match openat2(&self.folder, path, flags | OFlags::CLOEXEC, Mode::empty(), RESOLVE) {
                // Somebody renamed something meanwhile, and the kernel could not be sure.
                Err(Errno::AGAIN | Errno::INTR) if tries < LOOKUPS => tries += 1,
                Err(Errno::XDEV) => return Err(Errno::LOOP),
                // A link at the end is told as no folder. Step by step the two can be told apart.
                Err(Errno::NOTDIR) if flags.contains(OFlags::DIRECTORY) => {
                    return self.open_by_steps(path, flags);
                }
                done => return done,
            }
        }
    }

    /// Whether [`Root::open_cached`] can give anything.
    pub(super) fn caches(&self) -> bool {
        self.caches && self.resolves.load(Ordering::Relaxed)
    }

    /// [`Root::open`] of what the kernel has in memory.
    ///
    /// # Errors
    /// [`Errno::AGAIN`] where it would have to ask the disk.
    pub(super) fn open_cached(&self, path: &str, flags: OFlags) -> Result<OwnedFd> {
        openat2(&self.folder, path, flags | OFlags::CLOEXEC, Mode::empty(), RESOLVE | ResolveFlags::CACHED)
    }

    /// [`Root::open`] for kernels that do not resolve paths this way: one step at a time.
    fn open_by_steps(&self, path: &str, flags: OFlags) -> Result<OwnedFd> {
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut at: Option<OwnedFd> = None;
        for step in folders.split('/').filter(|step| !step.is_empty()) {
            let from = at.as_ref().map_or(self.folder.as_fd(), OwnedFd::as_fd);
            let next = open_step(from, step, OPEN_FOLDER)?;
            at = Some(next);
        }
        open_step(at.as_ref().map_or(self.folder.as_fd(), OwnedFd::as_fd), name, flags)
    }

    /// Whether the store's folder was removed.
    pub(super) fn is_gone(&self) -> bool {
        fstat(&self.folder).is_ok_and(|stat| stat.st_nlink == 0)
    }

    /// Makes what was written to a file last.
    pub(super) fn sync_file(&self, fd: impl AsFd) -> Result<()> {
        #[cfg(test)]
        self.faults.file_sync.meet()?;
        sync(fd)
    }

    /// Makes the names in a folder last.
    pub(super) fn sync_folder(&self, fd: impl AsFd) -> Result<()> {
        #[cfg(test)]
        self.faults.folder_sync.meet()?;
        sync(fd)
    }

    /// Resolves paths as kernels without `openat2` do.
    #[cfg(test)]
    pub(super) fn forget_openat2(&self) {
        self.resolves.store(false, Ordering::Relaxed);
    }
}

/// A path that goes through no link stays inside, as none of ours is absolute or goes up. (`BENEATH` says that once
/// more, and makes a lookup half as dear again.)
const RESOLVE: ResolveFlags = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::NO_MAGICLINKS);

/// Whether the kernel (5.12 on) can be asked for what it has in memory alone.
fn has_cached(folder: &OwnedFd) -> bool {
    matches!(
        openat2(folder, ".", OPEN_FOLDER, Mode::empty(), RESOLVE | ResolveFlags::CACHED),
        Ok(_) | Err(Errno::AGAIN)
    )
}

/// Opens one name in a folder, and tells a link from another thing that is no folder.
pub(super) fn open_step(from: BorrowedFd<'_>, name: &str, flags: OFlags) -> Result<OwnedFd> {
    use rustix::fs::{AtFlags, FileType, statat};
    match openat(from, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Err(Errno::NOTDIR) => {
            let link = statat(from, name, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
            Err(if link { Errno::LOOP } else { Errno::NOTDIR })
        }
        done => done,
    }
}

fn sync(fd: impl AsFd) -> Result<()> {
    rustix::io::retry_on_intr(|| rustix::fs::fsync(&fd))
}

/// Device and inode.
pub(super) fn id_of(fd: impl AsFd) -> Result<(u64, u64)> {
    let stat = fstat(fd)?;
    #[allow(clippy::unnecessary_cast, reason = "the types differ between platforms")]
    Ok((stat.st_dev as u64, stat.st_ino as u64))
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Root")
    }
}
