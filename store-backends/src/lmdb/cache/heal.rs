//! A cache that is damaged begins anew.

use larder_store_core::{Error, ErrorKind, Op, Result};
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use crate::errno;
use crate::folder::CheckedFolder;
use crate::lmdb::cache::recency;
use crate::lmdb::config::LmdbRole;
use crate::lmdb::files;
use crate::lmdb::guard::Guard;

const OP: Op = Op::Open;

/// Whether a cache that could not be opened for this reason begins anew.
pub(crate) fn is_healed(error: &Error) -> bool {
    error.is(ErrorKind::Corrupt)
}

/// Throws away what the cache holds. The caller has the lock of openers, and nobody else has the cache open. `false`, and
/// nothing is done, if it is not sure to be a cache: of an origin nothing may ever be thrown away.
pub(crate) fn begin_anew(folder: &CheckedFolder, guard: &Guard, why: &Error) -> Result<bool> {
    let is_cache = match guard.role() {
        Some(role) => role == LmdbRole::Cache,
        // The guard is lost as well. Only a cache has this file.
        None => recency::is_there(folder)?,
    };
    if !is_cache {
        return Ok(false);
    }
    tracing::warn!(folder = %folder.path.display(), error = %why, "an LMDB cache is damaged, and begins anew");
    // First what is known of commits: a cache that is half thrown away is a new one.
    guard.begin_anew();
    guard.set_role(LmdbRole::Cache);
    for name in [files::DATA, files::LOCK, files::RECENCY] {
        match unlinkat(&folder.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(errno::error(OP, e, format_args!("removing {name}"))),
        }
    }
    Ok(true)
}
