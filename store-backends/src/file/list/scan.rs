//! Reading one folder, sorted, in bounded memory.

use std::os::fd::OwnedFd;
use std::vec::IntoIter;

use larder_store_core::{Error, Result};
use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;

use super::entry::Entry;
use super::spill::{Sorted, Spill};
use super::walk::Cx;
use crate::file::error::failed;
use crate::file::temp::unnamed;

/// How many names are read between two looks at whether anybody still waits.
const CHECKED: usize = 1024;

/// What a folder holds, in order.
#[derive(Debug)]
pub(super) enum Entries {
    Memory { entries: IntoIter<Entry>, weight: usize },
    Disk(Box<Sorted>),
}

impl Entries {
    pub(super) fn next(&mut self, cx: &Cx) -> Result<Option<Entry>> {
        match self {
            Entries::Memory { entries, .. } => Ok(entries.next()),
            Entries::Disk(sorted) => sorted.next().map_err(|e| spilling(cx, e)),
        }
    }

    /// Bytes of memory that they take.
    pub(super) fn weight(&self) -> usize {
        match self {
            Entries::Memory { weight, .. } => *weight,
            Entries::Disk(_) => 0,
        }
    }
}

/// Reads a folder: those of its entries that are wanted, sorted. Above `budget` bytes they go through a file.
pub(super) fn scan(
    cx: &Cx,
    folder: &OwnedFd,
    at_root: bool,
    budget: usize,
    wanted: impl Fn(&Entry) -> bool,
) -> Result<Entries> {
    let fails = |e| failed(cx.op, e, "reading a folder of the store");
    let mut listing = Dir::read_from(folder).map_err(fails)?;
    let mut entries = Vec::new();
    let mut weight = 0;
    let mut spill: Option<Spill> = None;
    let mut read = 0;
    while let Some(entry) = listing.read() {
        let entry = entry.map_err(fails)?;
        read += 1;
        if read % CHECKED == 0 {
            cx.check()?;
        }
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let file_type = match entry.file_type() {
            // File systems that do not tell are asked.
            FileType::Unknown => match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => continue,
                Err(e) => return Err(fails(e)),
            },
            known => known,
        };
        let Some(entry) = Entry::of(name.to_bytes(), file_type, cx.layout, at_root).filter(&wanted) else {
            continue;
        };
        weight += entry.weight();
        entries.push(entry);
        if weight > budget {
            let spill = match &mut spill {
                Some(spill) => spill,
                none => none.insert(Spill::new(unnamed(&cx.root, cx.env()).map_err(|e| spilling(cx, e))?)),
            };
            spill.add(&mut entries).map_err(|e| spilling(cx, e))?;
            weight = 0;
        }
    }
    match spill {
        None => {
            entries.sort_unstable();
            // A folder that changes while it is read may give a name twice.
            entries.dedup();
            entries.shrink_to_fit();
            Ok(Entries::Memory { entries: entries.into_iter(), weight })
        }
        Some(mut spill) => {
            spill.add(&mut entries).map_err(|e| spilling(cx, e))?;
            drop(entries);
            Ok(Entries::Disk(Box::new(spill.sorted().map_err(|e| spilling(cx, e))?)))
        }
    }
}

fn spilling(cx: &Cx, errno: Errno) -> Error {
    failed(cx.op, errno, "sorting a folder too large for memory in a temporary file")
}
