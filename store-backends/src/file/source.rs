//! Reading the file of a value.

use std::os::fd::{AsFd, OwnedFd};

use bytes::Bytes;
use larder_store_core::record::{Head, MAX_HEAD, PREFIX};
use larder_store_core::{Error, Key, Op, Result};
use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, fstat};
use rustix::io::{Errno, pread};

use super::error::{failed, folder_gone, no_file, wrong_length};
use super::path::KeyPath;
use super::root::{OPEN_FILE, Root};

/// The open file of a value. Whatever is renamed over it, this stays the version that was opened.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: OwnedFd,
    /// Bytes of the file.
    pub(super) len: u64,
}

/// Most heads are shorter: no key, attributes and predecessors together reach it but at their limits.
const USUAL_HEAD: usize = 1024;

impl Source {
    /// Opens the file at `path`. `None` if there is none.
    pub(super) fn open(op: Op, root: &Root, path: &KeyPath) -> Result<Option<Source>> {
        match root.open(path.as_str(), OPEN_FILE) {
            Ok(file) => Source::of(op, file).map(Some),
            // A file where a folder would have to be: no value can lie behind it.
            Err(Errno::NOENT | Errno::NOTDIR) => match root.is_gone() {
                true => Err(folder_gone(op)),
                false => Ok(None),
            },
            Err(e) => Err(failed(op, e, "opening the file of the value")),
        }
    }

    /// An open file, if it is a regular one.
    pub(super) fn of(op: Op, file: OwnedFd) -> Result<Source> {
        let stat = fstat(&file).map_err(|e| failed(op, e, "looking at the file of the value"))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(no_file(op));
        }
        Ok(Source { file, len: stat.st_size.unsigned_abs() })
    }

    /// Reads and checks the head: it, and its length. `key` is whose it must be.
    pub(super) fn head(&self, op: Op, key: Option<&Key>) -> Result<(Head, usize)> {
        let mut first = self.read(op, 0, USUAL_HEAD.min(self.len as usize))?;
        let head_len = Head::head_len(&first)?;
        if head_len > first.len() && (head_len as u64) <= self.len {
            first = self.read(op, 0, head_len)?;
        }
        let (head, head_len) = Head::decode(&first, key)?;
        self.check_len(op, &head, head_len)?;
        Ok((head, head_len))
    }

    /// Checks that the file is as long as its head says.
    pub(super) fn check_len(&self, op: Op, head: &Head, head_len: usize) -> Result<()> {
        let should = head_len as u64 + head.body_len();
        match head.parts {
            None if self.len == should => Ok(()),
            None => Err(wrong_length(op, self.len, should)),
            Some(_) => {
                let why = "the stored value is damaged: its head says that the body is elsewhere";
                Err(Error::new(larder_store_core::ErrorKind::Corrupt, op, why))
            }
        }
    }

    /// Reads `len` bytes at `offset`, all of them.
    pub(super) fn read(&self, op: Op, offset: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // A length that comes from damaged bytes must be no reason to die.
        bytes.try_reserve_exact(len).map_err(|_| {
            failed(op, Errno::NOMEM, format_args!("making room for the {len} bytes of the value"))
        })?;
        while bytes.len() < len {
            let at = offset + bytes.len() as u64;
            match pread(&self.file, spare_capacity(&mut bytes), at) {
                Ok(0) => return Err(wrong_length(op, at, offset + len as u64)),
                Ok(_) => {}
                Err(Errno::INTR) => {}
                Err(e) => return Err(failed(op, e, "reading the file of the value")),
            }
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    /// Reads all of it.
    pub(super) fn read_all(&self, op: Op) -> Result<Bytes> {
        self.read(op, 0, self.len as usize).map(Bytes::from)
    }

    /// Whether the file begins as records do.
    pub(super) fn begins_as_record(&self, op: Op) -> Result<bool> {
        let first = self.read(op, 0, PREFIX.min(self.len as usize))?;
        Ok(Head::head_len(&first).is_ok())
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }
}

const _: () = assert!(USUAL_HEAD >= PREFIX && USUAL_HEAD < MAX_HEAD);
