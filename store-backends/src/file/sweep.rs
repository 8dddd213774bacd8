//! Removing what killed writers left.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder_store_core::{Op, Result, SweepOptions, Swept};
use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, flock, openat, unlinkat};
use rustix::io::Errno;

use super::error::failed;
use super::handle::Handle;
use super::owner::Owner;
use super::root::{OPEN_FILE, Root};

/// For how long a file that is not locked yet may still be in the hands of a process that lives.
const YOUNG: Duration = Duration::from_secs(10);

/// Removes temporary files that nobody writes any more: those not locked, unless their owner lives and made them a
/// moment ago.
pub(super) async fn sweep(handle: &Arc<Handle>, options: &SweepOptions) -> Result<Swept> {
    let op = Op::Sweep;
    let root = handle.begin(op, &options.call)?;
    let (inner, wanted) = (handle.clone(), options.clone());
    let work = handle.blocking(op, move || sweep_tmp(&inner, &root, &wanted));
    options.call.guard(&handle.env, op, work).await
}

fn sweep_tmp(handle: &Handle, root: &Root, options: &SweepOptions) -> Result<Swept> {
    let op = Op::Sweep;
    let mut swept = Swept::default();
    let mut listing =
        Dir::read_from(root.tmp()).map_err(|e| failed(op, e, "reading the folder of temporary files"))?;
    while let Some(entry) = listing.read() {
        options.call.check(&handle.env, op)?;
        let entry = entry.map_err(|e| failed(op, e, "reading the folder of temporary files"))?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let name = name.to_string_lossy();
        if let Some(bytes) = left_behind(handle, root, &name, options)? {
            let removed = !options.dry_run && remove(root, &name)?;
            swept.count(|| format!(".larder/tmp/{name}"), bytes, removed);
        }
    }
    Ok(swept)
}

/// The size of a temporary file that is old enough and nobody's. `None` for others.
fn left_behind(handle: &Handle, root: &Root, name: &str, options: &SweepOptions) -> Result<Option<u64>> {
    let op = Op::Sweep;
    let fails = |e| failed(op, e, format_args!("looking at the temporary file {name}"));
    let file = match openat(root.tmp(), name, OPEN_FILE, Mode::empty()) {
        Ok(file) => file,
        // Its writer was done with it meanwhile.
        Err(Errno::NOENT) => return Ok(None),
        Err(e) => return Err(fails(e)),
    };
    let stat = rustix::fs::fstat(&file).map_err(fails)?;
    let modified = UNIX_EPOCH + Duration::new(stat.st_mtime.max(0).unsigned_abs(), stat.st_mtime_nsec as u32);
    // A clock that was set back makes no file old.
    let age = handle.env.wall().max(SystemTime::UNIX_EPOCH).duration_since(modified).unwrap_or_default();
    if age < options.older_than {
        return Ok(None);
    }
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) | Err(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS) => {}
        Err(Errno::WOULDBLOCK) => return Ok(None),
        Err(e) => return Err(fails(e)),
    }
    let may_be_written = age < YOUNG && Owner::of(name).is_some_and(|owner| owner.may_live());
    Ok((!may_be_written).then(|| stat.st_size.unsigned_abs()))
}

fn remove(root: &Root, name: &str) -> Result<bool> {
    match unlinkat(root.tmp(), name, AtFlags::empty()) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(e) => Err(failed(Op::Sweep, e, format_args!("removing the temporary file {name}"))),
    }
}
