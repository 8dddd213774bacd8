//! Removing a whole store, and nothing else.
//!
//! Values go first and the marker last, so that what a kill interrupts can be taken up again. Files that are not ours
//! are never removed: with any of them in the folder, the store is not destroyed.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use larder_store_core::env::InFlight;
use larder_store_core::{Destroy, Error, ErrorKind, Op, OpenOptions, Result, StoreId};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, fsync, openat, statat, unlinkat};
use rustix::io::Errno;

use super::config::{FileConfig, Layout};
use super::error::failed;
use super::marker::{self, Marker};
use super::name::{self, Kind};
use super::open::{id_of, rules};
use super::path::PRIVATE;
use super::root::OPEN_FILE;
use super::source::Source;
use crate::folder::{self, CheckedFolder, OPEN_FOLDER};

const OP: Op = Op::Destroy;
/// How many files of others an error names.
const NAMED: usize = 5;

/// What was found, or removed.
#[derive(Debug, Default)]
struct Tally {
    values: u64,
    bytes: u64,
    foreign: Vec<String>,
    foreign_count: u64,
}

/// Says what destroying the store would remove.
pub(super) async fn destroy(config: FileConfig, options: &OpenOptions) -> Result<Destroy> {
    let env = options.env.clone();
    let look = {
        let config = config.clone();
        move || survey(&config)
    };
    let names = env.blocking(OP, &InFlight::new(), look).await?;
    Ok(Destroy::new(names, async move {
        let work = move || {
            // Anew: what was found may have been replaced since.
            let (folder, id) = locate(&config)?;
            remove(&config, &folder).map_err(|e| e.at(&id))
        };
        env.blocking(OP, &InFlight::new(), work).await
    }))
}

fn locate(config: &FileConfig) -> Result<(CheckedFolder, StoreId)> {
    let folder = folder::check(config.path(), &rules(OP, config, false))?;
    let id = id_of(&folder.path, config.layout);
    match marker::look(OP, &folder.fd)? {
        Marker::Store { layout, .. } => marker::check_layout(OP, layout, config.layout)?,
        // What is left of a creation, or of a destruction, that did not come to its end.
        Marker::Empty if statat(&folder.fd, PRIVATE, AtFlags::SYMLINK_NOFOLLOW).is_ok() => {}
        Marker::Empty | Marker::Foreign => {
            return Err(Error::new(ErrorKind::Invalid, OP, "there is no store in the folder").at(&id));
        }
    }
    Ok((folder, id))
}

fn survey(config: &FileConfig) -> Result<Vec<String>> {
    let (folder, id) = locate(config)?;
    let private = format!("{}: the store's own files", folder.path.join(PRIVATE).display());
    if config.layout == Layout::Raw {
        // The values were there before the store, or are used without it.
        return Ok(vec![private]);
    }
    let tally = tally(&folder).map_err(|e| e.at(&id))?;
    refuse_foreign(&tally).map_err(|e| e.at(&id))?;
    let values = format!("{}: {} values, {} bytes", folder.path.display(), tally.values, tally.bytes);
    Ok(vec![values, private])
}

fn tally(folder: &CheckedFolder) -> Result<Tally> {
    let mut tally = Tally::default();
    visit(&folder.fd, "", &mut tally, false)?;
    Ok(tally)
}

fn refuse_foreign(tally: &Tally) -> Result<()> {
    if tally.foreign_count == 0 {
        return Ok(());
    }
    let more = tally.foreign_count - tally.foreign.len() as u64;
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let why = format!("the folder holds what Larder did not write: {}{more}", tally.foreign.join(", "));
    Err(Error::new(ErrorKind::Invalid, OP, why).hint("move these away first; nothing was removed"))
}

fn remove(config: &FileConfig, folder: &CheckedFolder) -> Result<()> {
    if config.layout == Layout::Record {
        // Until nothing is left: values may still come, and a folder that changes while it is read may hide some.
        // The marker must not go before them.
        loop {
            let found = tally(folder)?;
            refuse_foreign(&found)?;
            if found.values == 0 {
                break;
            }
            visit(&folder.fd, "", &mut Tally::default(), true)?;
        }
    }
    let fails = |e| failed(OP, e, "removing the store's own files");
    let private = openat(&folder.fd, PRIVATE, OPEN_FOLDER, Mode::empty()).map_err(fails)?;
    for name in ["system", "tmp", "lock"] {
        clear(&private, name).map_err(fails)?;
    }
    fsync(&private).map_err(fails)?;
    for name in ["ready", "format.new", "format"] {
        gone(unlinkat(&private, name, AtFlags::empty())).map_err(fails)?;
    }
    gone(unlinkat(&folder.fd, PRIVATE, AtFlags::REMOVEDIR)).map_err(fails)?;
    fsync(&folder.fd).map_err(fails)?;
    if config.layout == Layout::Record {
        remove_root(folder)?;
    }
    Ok(())
}

/// Removes the store's folder itself, if it is the one that was checked, and empty.
fn remove_root(folder: &CheckedFolder) -> Result<()> {
    let (Some(above), Some(name)) = (folder.path.parent(), folder.path.file_name()) else { return Ok(()) };
    let fails = |e| failed(OP, e, "removing the store's folder");
    let above: PathBuf = above.into();
    let fd = openat(CWD, &above, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(fails)?;
    match unlinkat(&fd, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => {}
        // Something came meanwhile, or the folder is a mount point, or stands where nothing may be removed. It is
        // empty of the store in any case.
        Err(Errno::NOTEMPTY | Errno::EXIST | Errno::BUSY | Errno::ACCESS | Errno::PERM | Errno::ROFS) => {
            return Ok(());
        }
        Err(e) => return Err(fails(e)),
    }
    match openat(CWD, &above, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(fd) => fsync(fd).map_err(fails),
        Err(Errno::ACCESS) => Ok(()),
        Err(e) => Err(fails(e)),
    }
}

/// Goes through a folder of values, and with `remove` removes them with the folders that they leave empty.
fn visit(folder: &OwnedFd, path: &str, tally: &mut Tally, remove: bool) -> Result<()> {
    let fails = |e| failed(OP, e, format_args!("going through the folder {path:?} of the store"));
    let mut listing = Dir::read_from(folder).map_err(fails)?;
    while let Some(entry) = listing.read() {
        let entry = entry.map_err(fails)?;
        let bytes = entry.file_name().to_bytes();
        if matches!(bytes, b"." | b"..") || (path.is_empty() && bytes == PRIVATE.as_bytes()) {
            continue;
        }
        let name = entry.file_name().to_string_lossy();
        let inner = if path.is_empty() { name.to_string() } else { format!("{path}/{name}") };
        let stat = match statat(folder, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(e) => return Err(fails(e)),
        };
        let kind = name::decode(bytes).map(|(_, kind)| kind);
        match (FileType::from_raw_mode(stat.st_mode), kind) {
            (FileType::Directory, Some(Kind::Folder | Kind::Continued)) => {
                let next = match openat(folder, entry.file_name(), OPEN_FOLDER, Mode::empty()) {
                    Ok(next) => next,
                    Err(Errno::NOENT) => continue,
                    Err(e) => return Err(fails(e)),
                };
                visit(&next, &inner, tally, remove)?;
                if remove {
                    // One that holds what came meanwhile stays, and is told of when the store is destroyed again.
                    match unlinkat(folder, entry.file_name(), AtFlags::REMOVEDIR) {
                        Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::EXIST) => {}
                        Err(e) => return Err(fails(e)),
                    }
                }
            }
            (FileType::RegularFile, Some(Kind::Value)) if is_ours(folder, &name)? => {
                tally.values += 1;
                tally.bytes += stat.st_size.unsigned_abs();
                if remove {
                    gone(unlinkat(folder, entry.file_name(), AtFlags::empty())).map_err(fails)?;
                }
            }
            _ => {
                tally.foreign_count += 1;
                if tally.foreign.len() < NAMED {
                    tally.foreign.push(format!("{inner:?}"));
                }
            }
        }
    }
    Ok(())
}

/// Whether a file with the name of a value begins as one.
fn is_ours(folder: &OwnedFd, name: &str) -> Result<bool> {
    match openat(folder, name, OPEN_FILE, Mode::empty()) {
        Ok(file) => Source::of(OP, file)?.begins_as_record(OP),
        Err(Errno::NOENT) => Ok(true),
        Err(e) => Err(failed(OP, e, format_args!("opening the file {name:?}"))),
    }
}

/// Removes a private folder with all that is in it: nobody else has anything to do there.
fn clear(above: &OwnedFd, name: &str) -> rustix::io::Result<()> {
    let folder = match openat(above, name, OPEN_FOLDER, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::NOENT) => return Ok(()),
        Err(e) => return Err(e),
    };
    let mut listing = Dir::read_from(&folder)?;
    while let Some(entry) = listing.read() {
        let entry = entry?;
        let (name, text) = (entry.file_name(), entry.file_name().to_string_lossy());
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        match unlinkat(&folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR | Errno::PERM) => clear(&folder, &text)?,
            Err(e) => return Err(e),
        }
    }
    drop(listing);
    gone(unlinkat(above, name, AtFlags::REMOVEDIR))
}

fn gone(done: rustix::io::Result<()>) -> rustix::io::Result<()> {
    match done {
        Err(Errno::NOENT) => Ok(()),
        done => done,
    }
}
