//! The folder that a store lives in: made durably, and checked before anything in it is trusted.
//!
//! A folder in a place that others can write (a shared temporary folder above all) may have been put there by somebody
//! else. So it must be a real folder and no link, belong to the user that this process runs as, and be writable by
//! nobody else.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use larder_store_core::{Error, ErrorKind, Op, Result};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, fchmod, fstat, fsync, mkdirat, openat, statat};
use rustix::io::Errno;

use crate::errno;

/// How folders are opened: never through a link.
pub(crate) const OPEN_FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The mode of folders that Larder makes: the owner's alone.
pub(crate) const FOLDER_MODE: Mode = Mode::RWXU;

/// The mode of files that Larder makes.
#[allow(dead_code, reason = "used by some backends only")]
pub(crate) const FILE_MODE: Mode = Mode::RUSR.union(Mode::WUSR);

/// What a folder must be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FolderRules {
    /// The operation that asks, for errors.
    pub(crate) op: Op,
    /// Whether it is created, with those above it, if it is missing.
    pub(crate) create: bool,
    /// Whether it may lie on a network file system.
    pub(crate) network: bool,
}

/// A folder that was checked.
#[derive(Debug)]
pub(crate) struct CheckedFolder {
    /// Its path, absolute and without links.
    pub(crate) path: PathBuf,
    /// The folder itself, open: still the one that was checked when the path leads elsewhere by now.
    pub(crate) fd: OwnedFd,
    /// Whether this call created it.
    pub(crate) created: bool,
    /// What it lies on.
    pub(crate) file_system: FileSystem,
    /// Device and inode: two handles to the same folder agree.
    pub(crate) id: (u64, u64),
}

/// A kind of file system, as far as that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// Its usual name, where it is a network file system.
    pub(crate) network: Option<&'static str>,
}

/// Checks the folder at `path`, and creates it if the rules say so.
///
/// # Errors
/// [`ErrorKind::Invalid`] if there is none, or something else is there; [`ErrorKind::Denied`] if it is a link, is not
/// ours alone or may not be opened; [`ErrorKind::Unsupported`] on a network file system; what the system calls meet.
pub(crate) fn check(path: &Path, rules: &FolderRules) -> Result<CheckedFolder> {
    find(path, rules)?.ok_or_else(|| {
        Error::new(ErrorKind::Invalid, rules.op, format!("there is no folder {}", path.display()))
            .hint("let the store be created, or mend the path")
    })
}

/// [`check`], where a folder that is missing, and not to be created, is an answer.
///
/// # Errors
/// Those of [`check`].
pub(crate) fn find(path: &Path, rules: &FolderRules) -> Result<Option<CheckedFolder>> {
    let op = rules.op;
    let fails = |what: &str, e: Errno| errno::error(op, e, format!("{what} {}", path.display()));
    let Some((parent, name)) = split(path, rules)? else { return Ok(None) };
    let real = parent.join(&name);

    let above = match openat(CWD, &parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    {
        Ok(above) => above,
        Err(e) => return Err(fails("opening the folder above", e)),
    };
    let mut created = false;
    let fd = loop {
        match openat(&above, name.as_os_str(), OPEN_FOLDER, Mode::empty()) {
            Ok(fd) => break fd,
            Err(Errno::NOENT) if rules.create && !created => {
                created = make(&parent, &above, name.as_os_str()).map_err(|e| cannot_make(op, path, e))?;
            }
            Err(Errno::NOENT) => return Ok(None),
            Err(e @ (Errno::NOTDIR | Errno::LOOP)) => return Err(no_folder(op, path, &above, &name, e)),
            Err(e) => return Err(fails("opening the folder", e)),
        }
    };
    let stat = fstat(&fd).map_err(|e| fails("looking at the folder", e))?;
    if created {
        // Whatever the umask took away.
        fchmod(&fd, FOLDER_MODE).map_err(|e| fails("setting the mode of the folder", e))?;
    } else {
        check_owner(op, path, &stat)?;
    }
    let file_system = kind_of(&fd).map_err(|e| fails("looking at the file system of", e))?;
    if let (Some(name), false) = (file_system.network, rules.network) {
        let why = format!("the folder {} lies on {name}, a network file system", path.display());
        return Err(Error::new(ErrorKind::Unsupported, op, why)
            .hint("locks and renames are not dependable there; choose a folder on a local disk"));
    }
    #[allow(clippy::unnecessary_cast, reason = "the types differ between platforms")]
    let id = (stat.st_dev as u64, stat.st_ino as u64);
    Ok(Some(CheckedFolder { path: real, fd, created, file_system, id }))
}

/// The folder above, real and existing, and the last name. `None` if those above are missing and not to be created.
fn split(path: &Path, rules: &FolderRules) -> Result<Option<(PathBuf, PathBuf)>> {
    let op = rules.op;
    let wrong = |why: String| Error::new(ErrorKind::Invalid, op, why);
    if path.as_os_str().is_empty() {
        return Err(
            wrong("the path of the folder is empty".into()).hint("name one, such as /var/lib/app/data")
        );
    }
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(wrong("the path of the folder holds a NUL byte".into()));
    }
    let absolute = std::path::absolute(path)
        .map_err(|e| errno::io_error(op, e, format_args!("making {} absolute", path.display())))?;
    // Without a last name (`/`, `..`) the folder is one that exists.
    let whole = match absolute.file_name() {
        Some(_) => absolute,
        None => match std::fs::canonicalize(&absolute) {
            Ok(real) => real,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(errno::io_error(op, e, format_args!("resolving {}", path.display()))),
        },
    };
    let (Some(parent), Some(name)) = (whole.parent(), whole.file_name()) else {
        return Err(wrong("the root of the file system cannot be a store".into()));
    };
    let name = PathBuf::from(name);
    Ok(resolve(parent, rules)?.map(|parent| (parent, name)))
}

/// The real path of a folder above, created with those above it where they are missing.
fn resolve(folder: &Path, rules: &FolderRules) -> Result<Option<PathBuf>> {
    let op = rules.op;
    match std::fs::canonicalize(folder) {
        Ok(real) => return Ok(Some(real)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(errno::io_error(op, e, format_args!("resolving {}", folder.display()))),
    }
    if !rules.create {
        return Ok(None);
    }
    let (Some(above), Some(Component::Normal(name))) = (folder.parent(), folder.components().next_back())
    else {
        let why = format!("the path {} goes up from a folder that is missing", folder.display());
        return Err(Error::new(ErrorKind::Invalid, op, why));
    };
    let Some(above) = resolve(above, rules)? else { return Ok(None) };
    let fails = |e| cannot_make(op, folder, e);
    let fd = openat(CWD, &above, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(fails)?;
    make(&above, &fd, name).map_err(fails)?;
    Ok(Some(above.join(name)))
}

fn cannot_make(op: Op, folder: &Path, e: Errno) -> Error {
    let error = errno::error(op, e, format_args!("creating the folder {}", folder.display()));
    match e {
        Errno::NOENT => error.hint("no folder can be made there; choose a place on a disk"),
        _ => error,
    }
}

/// Makes a folder durably. `false` if another process made it first.
fn make(parent: &Path, above: &OwnedFd, name: &OsStr) -> rustix::io::Result<bool> {
    let made = match mkdirat(above, name, FOLDER_MODE) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(e) => return Err(e),
    };
    if made {
        let fd = openat(above, name, OPEN_FOLDER, Mode::empty())?;
        fchmod(&fd, FOLDER_MODE)?;
        fsync(&fd)?;
    }
    // Also when another process made it: it may not have come to this yet. The folder above is opened anew, as a
    // descriptor that only names it cannot be synced; one that may not be read cannot be synced at all.
    match openat(CWD, parent, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(fd) => fsync(&fd)?,
        Err(Errno::ACCESS) => {}
        Err(e) => return Err(e),
    }
    Ok(made)
}

/// Why a name could not be opened as a folder.
fn no_folder(op: Op, path: &Path, above: &OwnedFd, name: &Path, e: Errno) -> Error {
    let link = statat(above, name, AtFlags::SYMLINK_NOFOLLOW)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink);
    if link || e == Errno::LOOP {
        let why = format!("{} is a symbolic link, which could lead anywhere", path.display());
        return Error::new(ErrorKind::Denied, op, why).hint("name the folder that it leads to");
    }
    Error::new(ErrorKind::Invalid, op, format!("{} is not a folder", path.display()))
}

/// Refuses a folder that is not ours alone.
fn check_owner(op: Op, path: &Path, stat: &rustix::fs::Stat) -> Result<()> {
    let ours = rustix::process::geteuid();
    if stat.st_uid != ours.as_raw() {
        let why = format!(
            "the folder {} belongs to user {}, and this process runs as user {}",
            path.display(),
            stat.st_uid,
            ours.as_raw()
        );
        return Err(Error::new(ErrorKind::Denied, op, why)
            .hint("run as its owner, give it to this user with chown, or choose another folder"));
    }
    let mode = Mode::from_raw_mode(stat.st_mode);
    if mode.intersects(Mode::WGRP | Mode::WOTH) {
        let why = format!(
            "others can write the folder {} (mode {:04o})",
            path.display(),
            mode.as_raw_mode() & 0o7777
        );
        return Err(Error::new(ErrorKind::Denied, op, why)
            .hint("take that right away with `chmod go-w`, or choose another folder"));
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn kind_of(fd: &OwnedFd) -> rustix::io::Result<FileSystem> {
    // The numbers of <linux/magic.h> and of file systems kept outside the kernel. All fit 32 bits.
    let network = match rustix::fs::fstatfs(fd)?.f_type as u32 {
        0x6969 => Some("NFS"),
        0x517b => Some("SMB"),
        0xff53_4d42 => Some("CIFS"),
        0xfe53_4d42 => Some("SMB2"),
        0x6573_5546 => Some("FUSE"),
        0x0102_1997 => Some("9P"),
        0x5346_414f | 0x6b41_4653 => Some("AFS"),
        0x00c3_6400 => Some("Ceph"),
        0x7375_7245 => Some("Coda"),
        0x564c => Some("NCP"),
        0x0bd0_0bd0 | 0x0bd0_0bd3 => Some("Lustre"),
        0x0116_1970 => Some("GFS2"),
        0x7461_636f => Some("OCFS2"),
        0x4750_4653 => Some("GPFS"),
        0x1983_0326 => Some("BeeGFS"),
        0xaad7_aaea => Some("PanFS"),
        0x786f_4256 => Some("a VirtualBox share"),
        0xbacb_acbc => Some("a VMware share"),
        _ => None,
    };
    Ok(FileSystem { network })
}

#[cfg(not(target_os = "linux"))]
fn kind_of(_: &OwnedFd) -> rustix::io::Result<FileSystem> {
    Ok(FileSystem { network: None })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    const RULES: FolderRules = FolderRules { op: Op::Open, create: true, network: false };

    #[test]
    fn creates_what_is_missing_for_the_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/c");
        let made = check(&path, &RULES).unwrap();
        assert!(made.created);
        assert_eq!(made.path, std::fs::canonicalize(&path).unwrap());
        for folder in ["a", "a/b", "a/b/c"] {
            let mode = std::fs::metadata(dir.path().join(folder)).unwrap().mode();
            assert_eq!(mode & 0o7777, 0o700, "{folder}");
        }
        let again = check(&path, &RULES).unwrap();
        assert!(!again.created);
        assert_eq!(again.id, made.id);
    }

    #[test]
    fn a_missing_folder_is_an_answer_or_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let rules = FolderRules { create: false, ..RULES };
        for name in ["x", "x/y"] {
            let path = dir.path().join(name);
            assert!(find(&path, &rules).unwrap().is_none());
            assert_eq!(check(&path, &rules).unwrap_err().kind(), ErrorKind::Invalid);
            assert!(!path.exists());
        }
    }

    #[test]
    fn links_files_and_foreign_modes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        check(&real, &RULES).unwrap();
        let link = dir.path().join("link");
        symlink(&real, &link).unwrap();
        for path in [link.clone(), PathBuf::from(format!("{}/", link.display())), link.join(".")] {
            let error = check(&path, &RULES).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
            assert!(error.to_string().contains("symbolic link"), "{error}");
        }
        // A link above is the path's own business.
        assert_eq!(
            check(&link.join("in"), &RULES).unwrap().path,
            std::fs::canonicalize(real.join("in")).unwrap()
        );

        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        assert_eq!(check(&file, &RULES).unwrap_err().kind(), ErrorKind::Invalid);

        for mode in [0o720, 0o702, 0o777, 0o1777] {
            std::fs::set_permissions(&real, std::fs::Permissions::from_mode(mode)).unwrap();
            let error = check(&real, &RULES).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Denied);
            assert!(error.to_string().contains("chmod"), "{error}");
        }
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o755)).unwrap();
        check(&real, &RULES).unwrap();
    }

    #[test]
    fn another_owner_is_refused() {
        if !rustix::process::geteuid().is_root() {
            // Only the superuser can give a folder away; for others `/` belongs to somebody else.
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("theirs");
        std::fs::create_dir(&path).unwrap();
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        let error = check(&path, &RULES).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.to_string().contains("belongs to user 65534"), "{error}");
    }

    #[test]
    fn odd_paths() {
        for path in ["", "/", "/..", "a\0b"] {
            assert_eq!(check(Path::new(path), &RULES).unwrap_err().kind(), ErrorKind::Invalid, "{path:?}");
        }
    }
}
