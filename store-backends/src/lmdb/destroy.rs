//! Whether a store is there, and making that it is not.

use std::os::fd::OwnedFd;
use std::path::Path;

use larder_store_core::{Error, ErrorKind, Op, Result};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, fsync, openat, unlinkat};
use rustix::io::Errno;

use super::files;
use super::guard::{self, Guard};
use crate::errno;
use crate::folder::{self, CheckedFolder, FolderRules, OPEN_FOLDER};

/// Whether there is a store in the folder.
pub(super) fn exists(path: &Path) -> Result<bool> {
    let rules = FolderRules { op: Op::Exists, create: false, network: true };
    let Some(folder) = folder::find(path, &rules)? else { return Ok(false) };
    let len = files::look(Op::Exists, &folder.fd, &folder.path, files::DATA)?;
    Ok(len.is_some_and(|len| len > 0))
}

const OP: Op = Op::Destroy;

fn find(path: &Path) -> Result<CheckedFolder> {
    let rules = FolderRules { op: OP, create: false, network: true };
    let folder = folder::find(path, &rules)?;
    folder.ok_or_else(|| missing(path))
}

fn missing(path: &Path) -> Error {
    Error::new(ErrorKind::Invalid, OP, format!("there is no store in {}", path.display()))
}

/// The files of the store that are there. Others in the folder are a reason to stop.
fn own_files(folder: &CheckedFolder) -> Result<Vec<&'static str>> {
    let fails = |e: Errno| errno::error(OP, e, format_args!("reading the folder {}", folder.path.display()));
    let mut foreign = None;
    for entry in Dir::read_from(&folder.fd).map_err(fails)? {
        let entry = entry.map_err(fails)?;
        let name = entry.file_name().to_string_lossy();
        if name != "." && name != ".." && !files::ALL.contains(&&*name) {
            foreign = Some(name.into_owned());
        }
    }
    if let Some(name) = foreign {
        let why = format!("{} holds {name:?}, which is not Larder's", folder.path.display());
        return Err(Error::new(ErrorKind::Invalid, OP, why).hint("move it elsewhere, then destroy the store"));
    }
    let mut own = Vec::new();
    for name in files::ALL {
        if files::look(OP, &folder.fd, &folder.path, name)?.is_some() {
            own.push(name);
        }
    }
    if own.is_empty() {
        return Err(missing(&folder.path));
    }
    Ok(own)
}

/// What destroying the store deletes.
pub(super) fn names(path: &Path) -> Result<Vec<String>> {
    let folder = find(path)?;
    let files = own_files(&folder)?;
    let mut names: Vec<_> = files.iter().map(|name| folder.path.join(name).display().to_string()).collect();
    names.push(format!("the folder {}", folder.path.display()));
    Ok(names)
}

/// Deletes the store, unless somebody has it open.
pub(super) fn destroy(path: &Path) -> Result<()> {
    let folder = find(path)?;
    let own = own_files(&folder)?;
    let guard = match own.contains(&guard::NAME) {
        true => Some(alone(&folder)?),
        false => None,
    };
    // First what is known of commits: a store that is half destroyed is none, and not a damaged one.
    if let Some(guard) = &guard {
        guard.forget();
    }
    let fails = |what: &str| {
        let what = format!("{what} in {}", folder.path.display());
        move |e| errno::error(OP, e, what)
    };
    for name in own {
        unlinkat(&folder.fd, name, AtFlags::empty()).map_err(fails("deleting files"))?;
    }
    fsync(&folder.fd).map_err(fails("syncing"))?;
    let Some((above, name)) = folder.path.parent().zip(folder.path.file_name()) else { return Ok(()) };
    let above: OwnedFd =
        openat(CWD, above, OPEN_FOLDER, Mode::empty()).map_err(fails("opening the folder above"))?;
    unlinkat(&above, name, AtFlags::REMOVEDIR).map_err(fails("deleting the folder"))?;
    fsync(&above).map_err(fails("syncing the folder above"))
}

/// Takes the lock of openers, and makes sure that nobody has the store open.
fn alone(folder: &CheckedFolder) -> Result<Guard> {
    let file = files::open(OP, &folder.fd, &folder.path, guard::NAME, OFlags::RDWR)?;
    files::allocate(OP, &file, guard::LEN, &folder.path.join(guard::NAME))?;
    let fails = |e| errno::io_error(OP, e, format_args!("reading larder.guard in {}", folder.path.display()));
    let guard = Guard::map(file).map_err(fails)?;
    if !guard.try_begin().map_err(fails)? || guard.survey().map_err(fails)?.alive > 0 {
        let why = format!("the store in {} is open", folder.path.display());
        return Err(Error::new(ErrorKind::Invalid, OP, why).hint("close it in every process first"));
    }
    Ok(guard)
}
