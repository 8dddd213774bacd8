//! Files of this process: what is mapped, and what is removed when nobody needs it any more.

#![allow(unsafe_code, reason = "files are mapped")]

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use larder_store_core::{Env, Error, ErrorKind, Op, Result};
use memmap2::Mmap;
use rustix::fs::{FlockOperation, flock};

/// A folder of this process alone. It is removed with the last one who has a file in it.
#[derive(Debug)]
pub(crate) struct Local {
    folder: PathBuf,
    /// Held for as long as the folder is in use: whoever finds it free may remove the folder.
    _lock: File,
    next: AtomicU64,
}

impl Local {
    /// Makes one in `place`, by default the system's folder for temporary files, and removes those of processes that are gone.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn new(place: Option<&Path>, collection: &str, env: &Env) -> Result<Arc<Local>> {
        let place = place.map_or_else(|| std::env::temp_dir().join("larder-vector"), Path::to_owned);
        let wrong = |e: io::Error| {
            let why = format!("the folder {} cannot be used for files of vectors", place.display());
            Error::new(ErrorKind::Denied, Op::Open, why).caused_by(e).hint("say another one with `local`")
        };
        fs::create_dir_all(&place).map_err(wrong)?;
        remove_abandoned(&place);
        let folder = place.join(format!("{collection}-{:016x}", env.random_u64()));
        fs::create_dir(&folder).map_err(wrong)?;
        // Nobody finds the lock before it is held.
        let lock = File::create(folder.join("lock-to-be")).map_err(wrong)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|e| wrong(e.into()))?;
        fs::rename(folder.join("lock-to-be"), folder.join("lock")).map_err(wrong)?;
        Ok(Arc::new(Local { folder, _lock: lock, next: AtomicU64::new(0) }))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes that are free where it is.
    pub(crate) fn free(&self) -> Option<u64> {
        let stat = rustix::fs::statvfs(&self.folder).ok()?;
        stat.f_bavail.checked_mul(stat.f_frsize)
    }

    /// A file with these parts one after the other, mapped.
    ///
    /// # Errors
    /// `Full` for a full disk; else what the system says.
    pub(crate) fn write(
        self: &Arc<Local>,
        parts: impl Iterator<Item = Result<impl AsRef<[u8]>>>,
    ) -> Result<Mapped> {
        let mut draft = self.draft()?;
        for part in parts {
            draft.add(part?.as_ref())?;
        }
        draft.finish()
    }

    /// Begins a file, to which parts are added as they come.
    ///
    /// # Errors
    /// As [`write`](Local::write).
    pub(crate) fn draft(self: &Arc<Local>) -> Result<Draft> {
        let path = self.folder.join(self.next.fetch_add(1, Ordering::Relaxed).to_string());
        let named = Named { path, local: self.clone() };
        let file = File::options().read(true).write(true).create_new(true).open(&named.path);
        Ok(Draft { file: file.map_err(|e| named.wrong(e))?, named })
    }
}

/// A file that is being written. It is removed if nobody finishes it.
#[derive(Debug)]
pub(crate) struct Draft {
    file: File,
    named: Named,
}

impl Draft {
    /// Adds a part.
    ///
    /// # Errors
    /// As [`Local::write`].
    pub(crate) fn add(&mut self, part: &[u8]) -> Result<()> {
        self.file.write_all(part).map_err(|e| self.named.wrong(e))
    }

    /// Maps what was written.
    ///
    /// # Errors
    /// As [`Local::write`].
    pub(crate) fn finish(self) -> Result<Mapped> {
        // SAFETY: the file was just made in a folder of this process alone, whose name nobody else knows and whose lock is held; this
        // process writes it nowhere but above, and never shortens it.
        let map = unsafe { Mmap::map(&self.file) }.map_err(|e| self.named.wrong(e))?;
        Ok(Mapped { map, _file: self.named })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Folders whose lock nobody holds.
fn remove_abandoned(place: &Path) {
    let Ok(folders) = fs::read_dir(place) else { return };
    for folder in folders.flatten().map(|entry| entry.path()) {
        let Ok(lock) = File::open(folder.join("lock")) else { continue };
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

#[derive(Debug)]
struct Named {
    path: PathBuf,
    local: Arc<Local>,
}

impl Named {
    fn wrong(&self, e: io::Error) -> Error {
        let full = matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let kind = if full { ErrorKind::Full } else { ErrorKind::Unavailable };
        Error::new(kind, Op::Maintain, format!("the file {} was not written", self.path.display()))
            .caused_by(e)
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!(folder = %self.local.folder().display(), %error, "a file of vectors was not removed");
        }
    }
}

/// A file that is mapped.
#[derive(Debug)]
pub(crate) struct Mapped {
    map: Mmap,
    _file: Named,
}

impl Mapped {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }
}
