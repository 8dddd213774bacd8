//! How much of the disk a cache may take.

use larder_store_core::{Error, ErrorKind, Op, Result};
use rustix::fs::{AtFlags, fstatvfs, statat};

use crate::errno;
use crate::folder::CheckedFolder;
use crate::lmdb::config::LEAST_CAPACITY;
use crate::lmdb::{files, guard, sys};

/// What a cache leaves free of a disk.
const LEFT_FREE: u64 = 64 << 20;
/// What the file system may need to find the blocks of the files.
pub(crate) const INDEX: u64 = 64 << 10;

const OP: Op = Op::Open;

/// The capacity of a cache that is not given one: the smaller of half the file system and what is free less 64 MiB. What
/// the cache itself takes counts as free.
pub(crate) fn default(folder: &CheckedFolder) -> Result<u64> {
    let what = format!("looking at the file system of {}", folder.path.display());
    let disk = fstatvfs(&folder.fd).map_err(|e| errno::error(OP, e, &what))?;
    let taken = allocated(folder, &[files::DATA, files::LOCK, guard::NAME]);
    let free = disk.f_bavail.saturating_mul(disk.f_frsize).saturating_add(taken);
    let half = disk.f_blocks.saturating_mul(disk.f_frsize) / 2;
    let capacity = half.min(free.saturating_sub(LEFT_FREE)).min(1 << 46);
    if capacity < LEAST_CAPACITY {
        let why = format!("{free} bytes are free beside {}, too few for a cache", folder.path.display());
        return Err(Error::new(ErrorKind::Full, OP, why)
            .hint("free some room, or say with capacity= how much the cache may take of it"));
    }
    Ok(capacity)
}

/// Bytes of disk that files of the folder take.
pub(crate) fn allocated(folder: &CheckedFolder, names: &[&str]) -> u64 {
    let blocks =
        |name: &&str| statat(&folder.fd, *name, AtFlags::SYMLINK_NOFOLLOW).map_or(0, |s| s.st_blocks as u64);
    names.iter().map(blocks).sum::<u64>() * 512
}

/// Whole pages, however large the system has them.
const PAGES: u64 = 64 << 10;

/// What is left of a capacity for the data file.
pub(crate) fn for_data(capacity: u64, readers: u32) -> u64 {
    let beside = sys::lock_file_len(readers).next_multiple_of(4096) + guard::LEN + INDEX;
    capacity.saturating_sub(beside) / PAGES * PAGES
}
