//! The files of a store.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use larder_store_core::{Error, ErrorKind, Op, Result};
use rustix::fs::{AtFlags, Dir, FallocateFlags, FileType, Mode, OFlags, fallocate, fstat, openat, statat};
use rustix::io::Errno;

use super::guard;
use crate::errno;
use crate::folder::FILE_MODE;

/// LMDB's data.
pub(super) const DATA: &str = "data.mdb";
/// LMDB's locks and readers.
pub(super) const LOCK: &str = "lock.mdb";

/// What a cache notes of the use of its values.
pub(super) const RECENCY: &str = "larder.recency";
/// The fence of the tiers, which stands beside the front that processes share. It is not the store's own.
pub(super) const FENCE: &str = "larder.fence";

/// All files that there may be in the folder of a store. The guard is the last to go.
pub(super) const ALL: [&str; 5] = [DATA, LOCK, RECENCY, FENCE, guard::NAME];

/// Looks at a file of the store: its length, or `None` if it is not there.
///
/// # Errors
/// [`ErrorKind::Denied`] if it is a link or no file, or if others own or can write it.
pub(super) fn look(op: Op, folder: &OwnedFd, path: &Path, name: &str) -> Result<Option<u64>> {
    let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(e) => return Err(errno::error(op, e, format_args!("looking at {}", path.join(name).display()))),
    };
    let denied = |why: &str, hint: &'static str| {
        Err(Error::new(ErrorKind::Denied, op, format!("{} {why}", path.join(name).display())).hint(hint))
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Symlink => {
            return denied("is a symbolic link, which could lead anywhere", "put the file itself there");
        }
        _ => return denied("is not a file", "Larder did not make it; choose another folder"),
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return denied("belongs to another user", "give it to this user with chown");
    }
    if Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH) {
        return denied("can be written by others", "take that right away with `chmod go-w`");
    }
    Ok(Some(stat.st_size as u64))
}

/// Whether a folder holds anything but a store. What a file system puts into its own root does not count.
pub(super) fn has_others(op: Op, folder: &OwnedFd) -> Result<bool> {
    let fails = |e| errno::error(op, e, "looking into the store's folder");
    let mut listing = Dir::read_from(folder).map_err(fails)?;
    while let Some(entry) = listing.read() {
        let entry = entry.map_err(fails)?;
        let name = entry.file_name().to_bytes();
        let is_ours = ALL.iter().any(|file| name == file.as_bytes());
        if !is_ours && ![&b"."[..], b"..", b"lost+found"].contains(&name) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Opens a file of the store.
pub(super) fn open(op: Op, folder: &OwnedFd, path: &Path, name: &str, flags: OFlags) -> Result<File> {
    openat(folder, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, FILE_MODE)
        .map(File::from)
        .map_err(|e| errno::error(op, e, format_args!("opening {}", path.join(name).display())))
}

/// Makes sure that the first `len` bytes of a file have their place on the disk: what is mapped and written must not
/// meet a full one, which would kill the process.
pub(super) fn allocate(op: Op, file: &File, len: u64, what: &Path) -> Result<()> {
    let fails = |e| errno::error(op, e, format_args!("allocating {}", what.display()));
    loop {
        match fallocate(file, FallocateFlags::empty(), 0, len) {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => break,
            Err(e) => return Err(fails(e)),
        }
    }
    // A file system without it: what is not there yet is written.
    use std::os::unix::fs::FileExt;
    let stat = fstat(file).map_err(fails)?;
    let missing = len.saturating_sub(stat.st_size as u64) as usize;
    file.write_all_at(&vec![0; missing], stat.st_size as u64)
        .map_err(|e| errno::io_error(op, e, format_args!("allocating {}", what.display())))
}
