//! Errors of the `file:` store.

use larder_store_core::{Error, ErrorKind, Op};
use rustix::io::Errno;

pub(super) use crate::errno::error as failed;

/// A folder could not be made durable behind a change that is already visible.
pub(super) fn not_synced(op: Op, errno: Errno) -> Error {
    let (what, hint) = match op {
        Op::Delete => (
            "the value is gone, but the disk failed to make that last",
            "after a crash of the machine it may be back; delete it again once the disk is sound",
        ),
        _ => (
            "the new value is in place, but the disk failed to make that last",
            "after a crash of the machine the old one may be back; read the key once the disk is sound",
        ),
    };
    let cause = std::io::Error::from_raw_os_error(errno.raw_os_error());
    Error::new(ErrorKind::Unknown, op, format!("{what}: {cause}")).hint(hint).caused_by(cause)
}

/// A handle that has met a disk failure refuses writes.
pub(super) fn poisoned(op: Op) -> Error {
    Error::new(ErrorKind::Unavailable, op, "the disk failed to make an earlier write last, so none is taken")
        .hint("reads go on; mend the disk and open the store again")
}

/// The store's folder went away.
pub(super) fn folder_gone(op: Op) -> Error {
    Error::new(ErrorKind::Unavailable, op, "the store's folder was removed while the store was open")
        .hint("open the store again")
}

/// Something under a value's name that is no regular file.
pub(super) fn no_file(op: Op) -> Error {
    Error::new(ErrorKind::Corrupt, op, "what has the name of the value's file is no regular file")
        .hint("Larder did not put it there; move it away")
}

/// A file that is shorter or longer than its head says.
pub(super) fn wrong_length(op: Op, is: u64, should: u64) -> Error {
    let why = format!("the stored value is damaged: its file has {is} bytes instead of {should}");
    Error::new(ErrorKind::Corrupt, op, why)
}

/// A mistake of ours.
pub(super) fn internal(op: Op, why: &str) -> Error {
    Error::new(ErrorKind::Unknown, op, format!("a mistake inside the file store: {why}"))
        .hint("please report it")
}
