//! Temporary files: written out of sight, then renamed into place.

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder_store_core::Env;
use rustix::fs::{
    AtFlags, FlockOperation, OFlags, Stat, fchmod, flock, fstat, openat, renameat, statat, unlinkat,
};
use rustix::io::{Errno, Result, pwritev};

use super::owner::Owner;
use super::root::Root;
use crate::folder::FILE_MODE;

/// A temporary file. Dropped, it is removed, which blocks.
#[derive(Debug)]
pub(super) struct Temp {
    root: Arc<Root>,
    name: String,
    file: OwnedFd,
    renamed: bool,
}

impl Temp {
    /// Makes one. Its name tells its owner, and it is locked while it is written: a sweep finds neither a writer that
    /// lives nor one that died hard to tell.
    pub(super) fn create(root: &Arc<Root>, env: &Env) -> Result<Temp> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let name = format!("{}-{:016x}", Owner::this().name(), env.random_u64());
        let file = openat(root.tmp(), &name, flags, FILE_MODE)?;
        let temp = Temp { root: root.clone(), name, file, renamed: false };
        // Whatever the umask took away.
        fchmod(&temp.file, FILE_MODE)?;
        match flock(&temp.file, FlockOperation::NonBlockingLockExclusive) {
            // File systems without locks are told by the locks of keys, where they matter.
            Ok(()) | Err(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS) => Ok(temp),
            Err(e) => Err(e),
        }
    }

    /// Writes the pieces at `offset`, all of them.
    pub(super) fn write(&self, offset: u64, pieces: &[&[u8]]) -> Result<()> {
        write_all(&self.file, offset, pieces)
    }

    /// Makes what was written last.
    pub(super) fn sync(&self) -> Result<()> {
        self.root.sync_file(&self.file)
    }

    /// Gives the file its name in `folder`, in place of what has it.
    pub(super) fn rename(mut self, folder: impl AsFd, name: &str) -> std::result::Result<(), (Temp, Errno)> {
        match renameat(self.root.tmp(), &self.name, folder, name) {
            Ok(()) => {
                self.renamed = true;
                Ok(())
            }
            Err(e) => Err((self, e)),
        }
    }

    /// Whether its name is still there.
    pub(super) fn exists(&self) -> bool {
        statat(self.root.tmp(), &self.name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// When it was written last, by the clock of the file system.
    pub(super) fn modified(&self) -> Result<SystemTime> {
        fstat(&self.file).map(|stat| modified(&stat))
    }

    /// The file, once more.
    pub(super) fn share(&self) -> Result<OwnedFd> {
        self.file.try_clone().map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))
    }

    /// Another file beside this one, without a name: gone when it is closed.
    pub(super) fn another_unnamed(&self, env: &Env) -> Result<OwnedFd> {
        unnamed(&self.root, env)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.renamed
            && let Err(errno) = unlinkat(self.root.tmp(), &self.name, AtFlags::empty())
            && errno != Errno::NOENT
        {
            tracing::warn!(name = self.name, %errno, "a temporary file stays behind; a sweep removes it");
        }
    }
}

/// When a file was written last.
#[allow(clippy::unnecessary_cast, reason = "the types differ between platforms")]
pub(super) fn modified(stat: &Stat) -> SystemTime {
    UNIX_EPOCH + Duration::new(stat.st_mtime.max(0).unsigned_abs(), stat.st_mtime_nsec as u32)
}

/// A file without a name: gone when it is closed.
pub(super) fn unnamed(root: &Arc<Root>, env: &Env) -> Result<OwnedFd> {
    // Dropping the temporary file takes its name away.
    Temp::create(root, env)?.share()
}

/// Writes the pieces at `offset`, all of them, in as few calls as the system allows.
pub(super) fn write_all(file: impl AsFd, mut offset: u64, pieces: &[&[u8]]) -> Result<()> {
    /// What one call takes at most (`IOV_MAX` is 1024 on Linux).
    const AT_ONCE: usize = 1024;
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
    let mut rest = &mut slices[..];
    // Without its empty beginning, so that nothing written is no error.
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match pwritev(&file, &rest[..rest.len().min(AT_ONCE)], offset) {
            Ok(0) => return Err(Errno::NOSPC),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut rest, written);
            }
            Err(Errno::INTR) => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
