//! The data file, mapped to be read.

use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::readers::Lease;

/// A read-only mapping of the data file. It may be longer than the file, whose length it knows.
#[derive(Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    len: usize,
    file: Arc<File>,
    /// Bytes that the file had when it was last asked. It only grows.
    known: AtomicU64,
}

// SAFETY: the memory is only read, and lives as long as `self`.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of the file, present or to come.
    pub(crate) fn new(file: Arc<File>, len: usize) -> io::Result<Mapping> {
        let known = AtomicU64::new(file.metadata()?.len());
        // SAFETY: a new mapping at an address of the kernel's choice changes no memory of this process.
        let start = unsafe { mmap(std::ptr::null_mut(), len, ProtFlags::READ, MapFlags::SHARED, &*file, 0)? };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping { start, len, file, known })
    }

    /// Bytes that are mapped.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many of the first `wanted` bytes the file has and this maps.
    #[inline]
    pub(crate) fn present(&self, wanted: u64) -> usize {
        let mut known = self.known.load(Ordering::Relaxed);
        if known < wanted {
            known = self.ask();
        }
        wanted.min(known).min(self.len as u64) as usize
    }

    #[cold]
    fn ask(&self) -> u64 {
        match self.file.metadata() {
            Ok(meta) => self.known.fetch_max(meta.len(), Ordering::Relaxed).max(meta.len()),
            Err(_) => self.known.load(Ordering::Relaxed),
        }
    }

    /// The first `len` bytes, as far as they are there. Only the pages of the snapshot that the lease holds may be
    /// looked at: others change while they are read.
    #[inline]
    pub(crate) fn bytes<'a>(&'a self, _lease: &'a Lease<'_>, len: u64) -> &'a [u8] {
        let len = self.present(len);
        // SAFETY: the range is mapped and within the file (`present`), and the mapping lives as long as `self`. LMDB
        // writes no page of a snapshot that a transaction holds, and the file is never cut while it is open; whoever
        // cuts it from outside gets a SIGBUS, as with any mapping.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), len) }
    }

    /// The same for who keeps others from committing: by the lock of writers, or, before the environment is opened, by
    /// that of openers while no other process is attached. Only the pages of the newest state may be looked at.
    pub(crate) fn bytes_quiet(&self, len: u64) -> &[u8] {
        let len = self.present(len);
        // SAFETY: as in `bytes`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), len) }
    }

    /// A copy of `N` bytes from `at` on, which somebody may be writing. Whether it is of one piece is for the caller
    /// to find out.
    #[inline]
    pub(crate) fn copy<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let end = at.checked_add(N)?;
        if end > self.present(end as u64) || !at.is_multiple_of(8) || !N.is_multiple_of(8) {
            return None;
        }
        let mut copy = [0; N];
        for (i, chunk) in copy.chunks_exact_mut(8).enumerate() {
            // SAFETY: in bounds by the check above, and aligned as the mapping starts at a page.
            let word = unsafe { self.start.as_ptr().add(at + 8 * i).cast::<AtomicU64>().as_ref() };
            chunk.copy_from_slice(&word?.load(Ordering::Relaxed).to_ne_bytes());
        }
        // What is read later is not older than this.
        fence(Ordering::Acquire);
        Some(copy)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is the one that `new` got, and nothing that `bytes` gave outlives `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len) };
    }
}
