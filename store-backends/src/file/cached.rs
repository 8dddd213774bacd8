//! Gets that need no thread: of small values whose name and bytes the kernel has in memory.
//!
//! The kernel is asked to look the file up and to read it only as far as that needs no wait (`RESOLVE_CACHED`,
//! `RWF_NOWAIT`). Whatever it has not at hand is left to a thread that may block, as every read is where the kernel or
//! the file system cannot be asked so.

use std::io::IoSliceMut;
use std::os::fd::OwnedFd;

use bytes::Bytes;
use larder_store_core::record::BLOCK;
use larder_store_core::{GetOptions, Got, Key, Op, Result};
use rustix::fs::OFlags;
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::handle::Handle;
use super::path::KeyPath;
use super::read::whole;
use super::root::{OPEN_FILE, Root};
use super::source::Source;

/// The longest file that is read without a thread: a value of one block, and its head.
const LONGEST: u64 = BLOCK as u64 + 4096;

/// Answers a get of a record without waiting, or not at all.
pub(super) fn get(
    handle: &Handle,
    root: &Root,
    op: Op,
    key: &Key,
    path: &KeyPath,
    options: &GetOptions,
) -> Option<Result<Got<Bytes>>> {
    if options.range.is_some() || !root.caches() {
        return None;
    }
    let file = match root.open_cached(path.as_str(), OPEN_FILE | OFlags::NOATIME) {
        Ok(file) => file,
        Err(Errno::NOENT) if !root.is_gone() => return Some(Ok(Got::Absent)),
        Err(_) => return None,
    };
    let source = Source::of(op, file).ok().filter(|source| source.len <= LONGEST)?;
    let bytes = read(&source.file, source.len as usize)?;
    Some(whole(handle, op, key, &source, Bytes::from(bytes), options))
}

/// Reads a file as far as it is in memory. `None` if that is not all of it.
fn read(file: &OwnedFd, len: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; len];
    let read = preadv2(file, &mut [IoSliceMut::new(&mut bytes)], 0, ReadWriteFlags::NOWAIT).ok()?;
    (read == len).then_some(bytes)
}
