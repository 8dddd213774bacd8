//! What LMDB's errors mean to a caller.

use larder_store_core::{Error, ErrorKind, Op};
use rustix::io::Errno;

use super::shared::Settings;
use super::snapshot::Trouble;
use super::sys::Code;
use super::tree::Damage;
use crate::errno;

/// What to do about a store that is damaged itself, not only a value in it.
pub(super) const DAMAGED_HINT: &str =
    "restore the folder from a backup; what can still be read can be copied out first";

/// The error of a call of LMDB that failed. `what` says what was tried, such as "committing".
pub(super) fn code(op: Op, code: Code, what: &str) -> Error {
    let error = |kind, why: &str| Error::new(kind, op, format!("{what}: {why}")).caused_by(code);
    match code {
        Code::Other(number) => errno::error(op, Errno::from_raw_os_error(number), what),
        Code::MapFull => full(op),
        Code::TxnFull => error(ErrorKind::Unsupported, "the transaction changes more pages than LMDB takes")
            .hint("make it smaller"),
        Code::ReadersFull => error(ErrorKind::Unavailable, "all entries of the reader table are taken")
            .hint("too many threads of too many processes read this store at once"),
        Code::Panic | Code::BadRslot | Code::BadTxn | Code::BadDbi => {
            error(ErrorKind::Unavailable, "the environment had a fatal error")
                .hint("close the store and open it anew")
        }
        Code::Invalid | Code::Corrupted | Code::PageNotFound | Code::CursorFull | Code::PageFull => {
            error(ErrorKind::Corrupt, "a file of the store is damaged").hint(DAMAGED_HINT)
        }
        Code::VersionMismatch => error(ErrorKind::Unsupported, "another version of LMDB made the files"),
        _ => error(ErrorKind::Unavailable, "LMDB failed"),
    }
}

/// The error of a store at its largest size.
pub(super) fn full(op: Op) -> Error {
    Error::new(ErrorKind::Full, op, "the store has grown to its max_size")
        .hint("delete something, or open it with a larger max_size")
}

/// The error of a store that takes no more.
pub(super) fn no_more(op: Op, settings: &Settings) -> Error {
    if !settings.is_cache() {
        return full(op);
    }
    Error::new(ErrorKind::Full, op, "the cache finds no room for it within its capacity")
        .hint("others hold it: values that are being written or read; try again, or raise capacity=")
}

/// The error of a value that is too large for a cache.
pub(super) fn too_large(op: Op, size: u64, largest: u64) -> Error {
    let why = format!("a value of {size} bytes is more than a sixteenth of the cache, {largest} bytes");
    Error::new(ErrorKind::Full, op, why).hint("raise capacity=")
}

/// The error of damage that was found.
pub(super) fn damage(op: Op, damage: Damage) -> Error {
    Error::new(ErrorKind::Corrupt, op, damage.to_string()).hint(DAMAGED_HINT)
}

/// The error of a snapshot that could not be read.
pub(super) fn trouble(op: Op, trouble: Trouble) -> Error {
    match trouble {
        Trouble::Damage(found) => damage(op, found),
        Trouble::Code(found) => code(op, found, "reading"),
        Trouble::Unfinished => Error::new(
            ErrorKind::Unavailable,
            op,
            "processes keep dying in the middle of their commits to this store",
        ),
        Trouble::Mapping => Error::new(ErrorKind::Unavailable, op, "the data file could not be mapped anew"),
    }
}
