//! Memory as numbers that threads and processes share.

use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU64;

use memmap2::{MmapMut, MmapOptions, MmapRaw};

/// Words of 64 bits in a mapped file, or in memory of this process that is blank until it is used.
#[derive(Debug)]
pub(crate) struct Words {
    map: MmapRaw,
    len: usize,
}

impl Words {
    /// Maps the first `len` words of a file that is at least that long and fully allocated: so that neither a full
    /// disk nor an end of file can kill by SIGBUS.
    pub(crate) fn of_file(file: &File, len: usize) -> io::Result<Words> {
        let bytes = len * size_of::<u64>();
        if file.metadata()?.len() < bytes as u64 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file is too short to be mapped"));
        }
        Ok(Words { map: MmapOptions::new().len(bytes).map_raw(file)?, len })
    }

    /// Blank words of this process. A page of them costs memory when it is first written.
    pub(crate) fn of_process(len: usize) -> io::Result<Words> {
        Ok(Words { map: MmapMut::map_anon(len * size_of::<u64>())?.into(), len })
    }

    /// Brings all of it into memory, to be written, at once instead of page by page. Where the system cannot, it comes
    /// when it is used.
    pub(crate) fn populate(&self) {
        #[cfg(target_os = "linux")]
        let _ = self.map.advise(memmap2::Advice::PopulateWrite);
    }

    /// The words.
    #[inline]
    pub(crate) fn get(&self) -> &[AtomicU64] {
        // SAFETY: the mapping begins at a page, is `len` words long, may be read and written, and lives as long as
        // `self`; every bit pattern is an `AtomicU64`, and all access to it, from other processes too, is atomic.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().cast(), self.len) }
    }
}
