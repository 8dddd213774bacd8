//! Room that what adds leaves to what removes.
//!
//! To remove something takes room as well: LMDB copies each page that it changes, and the old one is free only two
//! commits later. On a full disk, or at the largest size, nothing could be removed ever after. So a transaction that
//! adds is made only if, behind it, a reserve is left: of free pages, and of pages behind the last one that have their
//! place on the disk. One that only removes may use the reserve up; what it frees fills it again.

use std::fs::File;

use larder_store_core::{Error, Op};
use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use rustix::io::Errno;

use crate::errno;
use crate::lmdb::error;
use crate::lmdb::shared::Settings;
use crate::lmdb::snapshot::Snapshot;
use crate::lmdb::tree::{Damage, Meta, free_pages};

/// Pages of the reserve: to remove one value takes about ten, for two commits.
const RESERVE: u64 = 256;
/// Of a small store the reserve is this part at most.
const SHARE: u64 = 8;
/// Bytes that are allocated ahead, so that few commits have to.
const AHEAD: u64 = 1 << 20;

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lack {
    /// The store has its largest size.
    Size,
    /// The disk gives no more.
    Disk(Errno),
    /// It is not known how much is free.
    Damage(Damage),
}

impl Lack {
    pub(super) fn error(self, op: Op, settings: &Settings) -> Error {
        match self {
            Lack::Size => error::no_more(op, settings),
            Lack::Disk(errno) => errno::error(op, errno, "making room in data.mdb"),
            Lack::Damage(damage) => error::damage(op, damage),
        }
    }
}

/// What is known about the room in the data file.
#[derive(Debug)]
pub(super) struct Room {
    /// The data file, to be allocated: its length stays as it is.
    file: File,
    /// Where the bytes end of which it is known that they have their place.
    allocated: u64,
    /// The file system cannot allocate: a full disk is met when it is.
    blind: bool,
    /// The disk gave no more when it was last asked.
    is_disk_full: bool,
}

impl Room {
    pub(super) fn new(file: File) -> Room {
        Room { file, allocated: 0, blind: false, is_disk_full: false }
    }

    /// Sees to it that `pages` more pages can be written, and the reserve is left.
    pub(super) fn make(
        &mut self,
        settings: &Settings,
        snapshot: &Snapshot<'_>,
        pages: u64,
    ) -> Result<(), Lack> {
        let most = settings.max_size as u64 / settings.page_size as u64;
        // A cache has always something to remove, and many free pages.
        let share = if settings.is_cache() { SHARE * 8 } else { SHARE };
        let wanted = pages + RESERVE.min(most / share);
        let used = snapshot.meta.last_page + 1;
        let Err(lack) = self.extend(settings, used, wanted) else { return Ok(()) };
        // Nothing more behind the last page: are there enough before it?
        let free = match settings.is_cache() {
            // At work this is how a cache always is: a count, and not a walk through the lists.
            true => used.saturating_sub(snapshot.meta.pages_in_use()),
            false => free_pages(snapshot.view, &snapshot.meta).map_err(Lack::Damage)?,
        };
        match wanted.saturating_sub(free) {
            0 => Ok(()),
            missing if missing < wanted => self.extend(settings, used, missing),
            _ => Err(lack),
        }
    }

    /// How many pages there may be in a cache now: on a full disk no more than there are.
    pub(super) fn ceiling(&self, settings: &Settings, meta: &Meta) -> u64 {
        let most = settings.pages();
        if self.is_disk_full { most.min(meta.last_page + 1) } else { most }
    }

    /// Allocates pages behind the last one.
    fn extend(&mut self, settings: &Settings, used: u64, pages: u64) -> Result<(), Lack> {
        let (page, most) = (settings.page_size as u64, settings.max_size as u64);
        let (from, to) = (used * page, (used + pages) * page);
        if to > most {
            return Err(Lack::Size);
        }
        if to <= self.allocated || self.blind {
            return Ok(());
        }
        let from = from.max(self.allocated);
        let ahead = (to + AHEAD).min(most);
        // What is not there is not asked for: some file systems keep what they found of it.
        let plenty = fstatvfs(&self.file)
            .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) > 2 * (ahead - from));
        if plenty && self.allocate(from, ahead).is_ok() {
            self.is_disk_full = false;
            return Ok(());
        }
        let done = self.allocate(from, to);
        self.is_disk_full = done.is_err();
        done.map_err(Lack::Disk)
    }

    fn allocate(&mut self, from: u64, to: u64) -> Result<(), Errno> {
        loop {
            match fallocate(&self.file, FallocateFlags::KEEP_SIZE, from, to - from) {
                Ok(()) => {
                    self.allocated = to;
                    return Ok(());
                }
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                    self.blind = true;
                    return Ok(());
                }
                Err(errno) => return Err(errno),
            }
        }
    }
}
