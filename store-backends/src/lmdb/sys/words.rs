//! A small file mapped as numbers that processes share.

use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A mapped file as words of 64 bits.
#[derive(Debug)]
pub(crate) struct Words {
    start: NonNull<AtomicU64>,
    len: usize,
}

// SAFETY: the words are atomics in memory that lives as long as `self`.
unsafe impl Send for Words {}
// SAFETY: as above; sharing atomics is what they are for.
unsafe impl Sync for Words {}

impl Words {
    /// Maps the first `len` words of a file that is at least that long and fully allocated: so that neither a full
    /// disk nor an end of file can kill by SIGBUS.
    pub(crate) fn map(file: &File, len: usize) -> io::Result<Words> {
        let bytes = len * size_of::<u64>();
        if file.metadata()?.len() < bytes as u64 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is too short to be mapped"));
        }
        // SAFETY: a new mapping at an address of the kernel's choice changes no memory of this process.
        let start = unsafe {
            mmap(std::ptr::null_mut(), bytes, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED, file, 0)?
        };
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Words { start, len })
    }

    /// The words.
    pub(crate) fn get(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, has `len` words and lives as long as `self`; every bit pattern is an
        // `AtomicU64`, and all access to it, from other processes too, is atomic.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        // SAFETY: the range is the one that `map` got, and nothing that `get` gave outlives `self`.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), self.len * size_of::<u64>()) };
    }
}
