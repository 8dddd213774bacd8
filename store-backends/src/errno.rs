//! What the operating system's error numbers mean to a caller.

use larder_store_core::{Error, ErrorKind, Op};
use rustix::io::Errno;

/// The error of a system call that failed: a kind that says what to do, and a hint where the cause is known.
///
/// `what` is a clause that says what was tried, such as "opening the folder /data".
pub(crate) fn error(op: Op, errno: Errno, what: impl std::fmt::Display) -> Error {
    let (kind, hint) = meaning(errno);
    let error = Error::new(kind, op, format!("{what}: {}", describe(errno))).caused_by(cause(errno));
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// The same for an error of the standard library.
pub(crate) fn io_error(op: Op, source: std::io::Error, what: impl std::fmt::Display) -> Error {
    match source.raw_os_error() {
        Some(number) => error(op, Errno::from_raw_os_error(number), what),
        None => Error::new(ErrorKind::Unavailable, op, format!("{what}: {source}")).caused_by(source),
    }
}

fn describe(errno: Errno) -> String {
    cause(errno).to_string()
}

fn cause(errno: Errno) -> std::io::Error {
    std::io::Error::from_raw_os_error(errno.raw_os_error())
}

fn meaning(errno: Errno) -> (ErrorKind, Option<&'static str>) {
    match errno {
        Errno::NOSPC => (ErrorKind::Full, Some("free some room on the disk; deletes still work")),
        Errno::DQUOT => (ErrorKind::Full, Some("the quota of this user is used up; deletes still work")),
        Errno::FBIG => {
            (ErrorKind::Full, Some("the file system or the process limit `ulimit -f` allows no larger file"))
        }
        Errno::MLINK => (ErrorKind::Full, Some("the file system allows no more folders in this one")),
        Errno::ACCESS | Errno::PERM => {
            (ErrorKind::Denied, Some("check the owner and the mode of the folder and of those above it"))
        }
        Errno::ROFS => (ErrorKind::Denied, Some("the file system is mounted read-only")),
        Errno::LOOP => {
            (ErrorKind::Denied, Some("a symbolic link is in the way; none is followed inside a store"))
        }
        Errno::MFILE => (
            ErrorKind::Unavailable,
            Some("this process has too many open files; raise `ulimit -n` or hold fewer streams"),
        ),
        Errno::NFILE => (ErrorKind::Unavailable, Some("the system has too many open files")),
        Errno::NOMEM | Errno::AGAIN | Errno::BUSY | Errno::INTR => (ErrorKind::Unavailable, None),
        Errno::NOLCK => (ErrorKind::Unavailable, Some("the file system offers no locks, or no more of them")),
        Errno::IO => {
            (ErrorKind::Unavailable, Some("the disk fails to read or write; the kernel's log says more"))
        }
        Errno::STALE | Errno::NODEV | Errno::NXIO => {
            (ErrorKind::Unavailable, Some("the file system went away; is it still mounted?"))
        }
        Errno::NAMETOOLONG => {
            (ErrorKind::Unsupported, Some("the path is longer than the operating system takes"))
        }
        Errno::XDEV => (
            ErrorKind::Invalid,
            Some("a folder inside the store lies on another file system; a store must lie on one"),
        ),
        Errno::NOTDIR | Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY => {
            (ErrorKind::Invalid, Some("something that Larder did not put there is in the way"))
        }
        Errno::NOENT => (ErrorKind::Unavailable, Some("was the folder removed while the store was open?")),
        Errno::NOSYS | Errno::OPNOTSUPP => {
            (ErrorKind::Unsupported, Some("the file system or the kernel does not offer this"))
        }
        _ => (ErrorKind::Unavailable, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_say_what_to_do() {
        for (errno, kind) in [
            (Errno::NOSPC, ErrorKind::Full),
            (Errno::DQUOT, ErrorKind::Full),
            (Errno::ACCESS, ErrorKind::Denied),
            (Errno::ROFS, ErrorKind::Denied),
            (Errno::LOOP, ErrorKind::Denied),
            (Errno::MFILE, ErrorKind::Unavailable),
            (Errno::IO, ErrorKind::Unavailable),
        ] {
            let error = error(Op::Put, errno, "writing");
            assert_eq!(error.kind(), kind);
            assert!(error.to_string().contains('('), "no hint: {error}");
            assert!(std::error::Error::source(&error).is_some());
        }
    }
}
