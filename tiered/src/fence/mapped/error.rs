//! Errors of the system, in the words of the store.

use std::io;
use std::path::Path;

use larder_store_core::{Error, ErrorKind, Op};

/// What the system said about the fence file.
pub(super) fn of(what: &str, path: &Path, error: io::Error) -> Error {
    use io::ErrorKind as K;
    let kind = match error.kind() {
        K::PermissionDenied | K::ReadOnlyFilesystem => ErrorKind::Denied,
        K::StorageFull | K::QuotaExceeded => ErrorKind::Full,
        _ => ErrorKind::Unavailable,
    };
    let told =
        Error::new(kind, Op::Open, format!("the fence file {} cannot be {what}: {error}", path.display()));
    let told = match kind {
        ErrorKind::Denied => {
            told.hint("it is written beside the front that processes share; its folder must be writable")
        }
        ErrorKind::Full => {
            told.hint("it is allocated whole when it is made; free some space, or ask for fewer slots")
        }
        _ => told,
    };
    told.caused_by(error)
}

/// All owners live.
pub(super) fn crowded(path: &Path) -> Error {
    let why = format!(
        "{} processes are attached to the fence file {} already",
        super::super::OWNERS,
        path.display()
    );
    Error::new(ErrorKind::Unavailable, Op::Open, why)
        .hint("close one of them, or give this one a front of its own")
}

/// It was removed or replaced under us.
pub(super) fn replaced(path: &Path) -> Error {
    let why = format!("the fence file {} was removed or replaced while it was in use", path.display());
    Error::new(ErrorKind::Unavailable, Op::Open, why).hint(
        "it must be attached anew before anything is written; stop all processes before a front is removed",
    )
}

/// It was truncated under us.
pub(super) fn cut(path: &Path, len: u64, wanted: u64) -> Error {
    let why =
        format!("the fence file {} was cut to {len} bytes of {wanted} while it was in use", path.display());
    Error::new(ErrorKind::Corrupt, Op::Open, why)
        .hint("restart the processes that use it; the next start makes it anew")
}

/// Others use it, and it is not what this process needs.
pub(super) fn mismatch(path: &Path, why: &str) -> Error {
    let why = format!("the fence file {} is in use and {why}", path.display());
    Error::new(ErrorKind::Unavailable, Op::Open, why).hint(
        "it is made anew when no process is attached; processes that share a front must be configured alike",
    )
}

/// This process is the child of a fork.
pub(super) fn forked(path: &Path) -> Error {
    let why = format!("the fence file {} was attached before this process was forked", path.display());
    Error::new(ErrorKind::Invalid, Op::Open, why).hint("open stores after the fork")
}

/// There is no address space.
pub(super) fn no_memory(error: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, Op::Open, format!("there is no memory for the fence: {error}"))
        .hint("ask for fewer fence slots")
        .caused_by(error)
}
