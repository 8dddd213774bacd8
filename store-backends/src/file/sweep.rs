//! Removing what killed writers left.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use larder_store_core::{Op, Result, SweepOptions, Swept};
use rustix::fs::{AtFlags, Dir, FlockOperation, Mode, flock, openat, unlinkat};
use rustix::io::Errno;

use super::error::failed;
use super::handle::Handle;
use super::owner::Owner;
use super::root::{OPEN_FILE, Root};
use super::temp::{Temp, modified};

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

fn sweep_tmp(handle: &Handle, root: &Arc<Root>, options: &SweepOptions) -> Result<Swept> {
    let op = Op::Sweep;
    let fails = |e| failed(op, e, "reading the folder of temporary files");
    let mut swept = Swept::default();
    let sweeper = Sweeper {
        root,
        options,
        wall: handle.env.wall(),
        // The file system's clock says how old its files are, whatever that of the environment does. A full disk
        // makes no file that could tell it: then nothing of the living is old.
        here: Temp::create(root, &handle.env).and_then(|temp| temp.modified()).ok(),
    };
    let mut listing = Dir::read_from(root.tmp()).map_err(fails)?;
    while let Some(entry) = listing.read() {
        options.call.check(&handle.env, op)?;
        let entry = entry.map_err(fails)?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let name = name.to_string_lossy();
        if let Some(bytes) = sweeper.left_behind(&name)? {
            let removed = !options.dry_run && sweeper.remove(&name)?;
            swept.count(|| format!(".larder/tmp/{name}"), bytes, removed);
        }
    }
    Ok(swept)
}

struct Sweeper<'s> {
    root: &'s Root,
    options: &'s SweepOptions,
    /// Now, by the clock of the environment, and by that of the file system.
    wall: SystemTime,
    here: Option<SystemTime>,
}

impl Sweeper<'_> {
    /// The size of a temporary file that is old enough and nobody's. `None` for others.
    fn left_behind(&self, name: &str) -> Result<Option<u64>> {
        let fails = |e| failed(Op::Sweep, e, format_args!("looking at the temporary file {name}"));
        let file = match openat(self.root.tmp(), name, OPEN_FILE, Mode::empty()) {
            Ok(file) => file,
            // Its writer was done with it meanwhile.
            Err(Errno::NOENT) => return Ok(None),
            Err(e) => return Err(fails(e)),
        };
        let stat = rustix::fs::fstat(&file).map_err(fails)?;
        let modified = modified(&stat);
        // A clock that was set back makes no file old.
        let age = |now: SystemTime| now.duration_since(modified).unwrap_or_default();
        if age(self.wall) < self.options.older_than {
            return Ok(None);
        }
        // Before the lock is asked for, so that a writer finds its new file free.
        let young = self.here.is_none_or(|here| age(here) < YOUNG);
        if young && Owner::of(name).is_some_and(|owner| owner.may_live()) {
            return Ok(None);
        }
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) | Err(Errno::NOLCK | Errno::NOTSUP | Errno::NOSYS) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(e) => return Err(fails(e)),
        }
        Ok(Some(stat.st_size.unsigned_abs()))
    }

    fn remove(&self, name: &str) -> Result<bool> {
        match unlinkat(self.root.tmp(), name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(e) => Err(failed(Op::Sweep, e, format_args!("removing the temporary file {name}"))),
        }
    }
}
