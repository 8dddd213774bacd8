//! How a folder tells that it is a store, and of which kind.
//!
//! ```text
//! .larder/format     what this file's text says; there from the moment the store exists
//! .larder/ready      empty; there when all of this is known to be on the disk
//! .larder/tmp/       files being written
//! .larder/lock/      one file for each lock, never removed
//! .larder/system/    system keys
//! ```

use std::os::fd::{AsFd, OwnedFd};

use larder_store_core::{Error, ErrorKind, Op, Result};
use rustix::fs::{
    AtFlags, Dir, FlockOperation, Mode, OFlags, fchmod, flock, fsync, mkdirat, openat, renameat, statat,
};
use rustix::io::Errno;

use super::config::Layout;
use super::error::failed;
use super::path::PRIVATE;
use super::source::Source;
use super::temp::write_all;
use crate::folder::{FILE_MODE, FOLDER_MODE, OPEN_FOLDER};

/// The version of what lies in the folder: names, locks, private files. Records have one of their own.
const FORMAT: u32 = 1;
const FIRST_LINE: &str = "larder file store";
/// Longer texts are no marker.
const LONGEST: u64 = 4096;

/// What a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// A store.
    Store { layout: Layout, ready: bool },
    /// Empty, or what a creation left that did not come to its end.
    Empty,
    /// A folder with files of others.
    Foreign,
}

/// Looks what a folder is.
///
/// # Errors
/// [`ErrorKind::Unsupported`] for the store of a later version, [`ErrorKind::Corrupt`] for a marker that is none.
pub(super) fn look(op: Op, folder: &OwnedFd) -> Result<Marker> {
    let fails = |e| failed(op, e, "looking into the store's folder");
    let private = match openat(folder, PRIVATE, OPEN_FOLDER, Mode::empty()) {
        Ok(private) => Some(private),
        Err(Errno::NOENT) => None,
        Err(e) => return Err(failed(op, e, "opening .larder in the store's folder")),
    };
    if let Some(private) = &private {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        match openat(private, "format", flags, Mode::empty()) {
            Ok(file) => {
                let layout = read(op, Source::of(op, file)?)?;
                let ready = statat(private, "ready", AtFlags::SYMLINK_NOFOLLOW).is_ok();
                return Ok(Marker::Store { layout, ready });
            }
            Err(Errno::NOENT) => {}
            Err(e) => return Err(failed(op, e, "opening .larder/format in the store's folder")),
        }
    }
    let mut listing = Dir::read_from(folder).map_err(fails)?;
    let mut appeared = false;
    while let Some(entry) = listing.read() {
        match entry.map_err(fails)?.file_name().to_bytes() {
            b"." | b".." => {}
            name if name == PRIVATE.as_bytes() => appeared = true,
            _ if appeared && private.is_none() => break,
            _ => {
                // Another process may have made the store since its folder was looked for.
                let again = private.is_none() && statat(folder, PRIVATE, AtFlags::SYMLINK_NOFOLLOW).is_ok();
                return if again { look(op, folder) } else { Ok(Marker::Foreign) };
            }
        }
    }
    if appeared && private.is_none() { look(op, folder) } else { Ok(Marker::Empty) }
}

fn text(layout: Layout) -> String {
    format!("{FIRST_LINE}\nformat={FORMAT}\nlayout={}\n", layout.name())
}

fn read(op: Op, file: Source) -> Result<Layout> {
    let wrong = |why: &str| {
        Error::new(ErrorKind::Corrupt, op, format!(".larder/format in the store's folder is damaged: {why}"))
            .hint("restore it from a backup; it says which version and layout the folder has")
    };
    if file.len > LONGEST {
        return Err(wrong("it is too long"));
    }
    let bytes = file.read_all(op)?;
    let text = str::from_utf8(&bytes).map_err(|_| wrong("it is no text"))?;
    let mut lines = text.lines();
    if lines.next() != Some(FIRST_LINE) {
        return Err(wrong("it does not begin as it should"));
    }
    let mut value = |name: &str| lines.next().and_then(|line| line.strip_prefix(name)?.strip_prefix('='));
    let format = value("format").ok_or_else(|| wrong("it names no format"))?;
    match format.parse::<u32>() {
        Ok(FORMAT) => {}
        Ok(other) => {
            let why = format!("the folder has the format {other}, and this reads {FORMAT}");
            return Err(Error::new(ErrorKind::Unsupported, op, why)
                .hint("another version of Larder made it: open it with that, and copy"));
        }
        Err(_) => return Err(wrong("its format is no number")),
    }
    match value("layout") {
        Some("record") => Ok(Layout::Record),
        Some("raw") => Ok(Layout::Raw),
        _ => Err(wrong("it names no layout that there is")),
    }
}

/// Makes the private folders and the marker, durably. Any number of processes may do so at once.
pub(super) fn create(op: Op, folder: &OwnedFd, layout: Layout) -> Result<()> {
    let fails = |e| failed(op, e, "creating the store in its folder");
    let private = make_folder(folder, PRIVATE).map_err(fails)?;
    // Whoever comes second waits, and finds it done. A lock that a dead process held is free.
    rustix::io::retry_on_intr(|| flock(&private, FlockOperation::LockExclusive)).map_err(fails)?;
    make_folders(&private).map_err(fails)?;
    if let Marker::Store { layout: there, ready } = look(op, folder)? {
        check_layout(op, there, layout)?;
        if ready {
            return Ok(());
        }
    } else {
        write_marker(&private, layout).map_err(fails)?;
    }
    // From here on the store exists. It is used only when it is known to last, so this is done again if it was not
    // finished.
    fsync(&private).map_err(fails)?;
    fsync(folder).map_err(fails)?;
    match openat(folder, "..", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(above) => fsync(above).map_err(fails)?,
        // Not ours to read; whoever made the store's folder there saw to it.
        Err(Errno::ACCESS) => {}
        Err(e) => return Err(fails(e)),
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let ready = openat(&private, "ready", flags, FILE_MODE).map_err(fails)?;
    fchmod(ready, FILE_MODE).map_err(fails)
}

/// Makes the folders that a copy of the store may lack, as git keeps no empty ones.
pub(super) fn complete(op: Op, folder: &OwnedFd) -> Result<()> {
    let fails = |e| failed(op, e, "opening the private folders of the store");
    let private = openat(folder, PRIVATE, OPEN_FOLDER, Mode::empty()).map_err(fails)?;
    make_folders(&private).map_err(fails)
}

fn make_folders(private: &OwnedFd) -> rustix::io::Result<()> {
    ["tmp", "lock", "system"].into_iter().try_for_each(|name| {
        match statat(private, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(()),
            Err(Errno::NOENT) => make_folder(private, name).map(drop),
            Err(e) => Err(e),
        }
    })
}

fn make_folder(above: impl AsFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let made = match mkdirat(&above, name, FOLDER_MODE) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(e) => return Err(e),
    };
    let fd = openat(&above, name, OPEN_FOLDER, Mode::empty())?;
    if made {
        fchmod(&fd, FOLDER_MODE)?;
    }
    Ok(fd)
}

/// Under the lock, so that one name is enough.
fn write_marker(private: &OwnedFd, layout: Layout) -> rustix::io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(private, "format.new", flags, FILE_MODE)?;
    fchmod(&file, FILE_MODE)?;
    write_all(&file, 0, &[text(layout).as_bytes()])?;
    fsync(&file)?;
    renameat(private, "format.new", private, "format")
}

/// Refuses to open one layout as another.
pub(super) fn check_layout(op: Op, is: Layout, asked: Layout) -> Result<()> {
    if is == asked {
        return Ok(());
    }
    let why = format!("the folder has the layout {}, and {} was asked for", is.name(), asked.name());
    Err(Error::new(ErrorKind::Invalid, op, why).hint(format!("open it with layout={}", is.name())))
}
