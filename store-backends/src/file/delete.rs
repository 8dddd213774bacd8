//! Removing values.

use std::sync::Arc;

use larder_store_core::{DeleteOptions, Deleted, ErrorKind, Key, Op, Removed, Result, Version, check_only};
use rustix::fs::{AtFlags, unlinkat};
use rustix::io::Errno;

use super::durable::Parent;
use super::error::{failed, no_file};
use super::handle::Handle;
use super::job::{Cx, Job, carry_out};
use super::path::KeyPath;
use super::read::current;
use super::root::Root;

struct Delete {
    key: Key,
    path: KeyPath,
    only: Option<Version>,
}

/// What a delete has done.
struct Made {
    /// Whether there was a value, as callers see it.
    existed: bool,
    /// Whether there was a file.
    removed: bool,
    /// The folder that it was in.
    parent: Option<Parent>,
}

/// Removes a value.
pub(super) async fn delete(
    handle: &Arc<Handle>,
    root: Arc<Root>,
    op: Op,
    key: &Key,
    options: &DeleteOptions,
) -> Result<Removed> {
    handle.check_sound(op)?;
    let job = Delete { key: key.clone(), path: handle.path_of(op, key)?, only: options.only.clone() };
    let turn = root.locks.turn(key);
    carry_out(handle, root, op, &options.call, turn, handle.park(job)).await
}

impl Job for Delete {
    type Done = Removed;
    type Made = Made;

    fn prepare(&mut self, _: &Cx) -> Result<()> {
        Ok(())
    }

    fn commit(&mut self, cx: &Cx) -> Result<Made> {
        let op = cx.op;
        let existed = match current(&cx.handle, &cx.root, op, &self.key, &self.path) {
            Ok(version) => {
                check_only(op, self.only.as_ref(), version.as_ref())?;
                version.is_some()
            }
            // What is damaged can be removed, unless it would have to be compared first.
            Err(e) if e.is(ErrorKind::Corrupt) && self.only.is_none() => true,
            Err(e) => return Err(e),
        };
        cx.pass()?;
        let (removed, parent) = self.unlink(cx)?;
        Ok(Made { existed: existed && removed, removed, parent })
    }

    fn settle(&mut self, cx: &Cx, made: Made) -> Result<Removed> {
        // Also when there was nothing: another writer's delete may not have come to this yet, and this one says that
        // the value is gone.
        if cx.handle.syncs() {
            let synced = match made.parent {
                Some(parent) => cx.root.sync_folder(parent.fd(&cx.root)),
                None => cx.root.sync_nearest(self.path.parent()),
            };
            synced.map_err(|e| cx.handle.lost_faith(&cx.root, cx.op, e))?;
        }
        if made.removed {
            self.prune(cx);
        }
        Ok(Removed::new(if made.existed { Deleted::Yes } else { Deleted::No }))
    }
}

impl Delete {
    /// Removes the file, if it is there: whether it was, and its folder.
    fn unlink(&self, cx: &Cx) -> Result<(bool, Option<Parent>)> {
        let fails = |e| failed(cx.op, e, "removing the file of the value");
        let parent = match cx.root.parent(self.path.parent()) {
            Ok(Some(parent)) => parent,
            Ok(None) | Err(Errno::NOTDIR) => return Ok((false, None)),
            Err(e) => return Err(fails(e)),
        };
        match unlinkat(parent.fd(&cx.root), self.path.name(), AtFlags::empty()) {
            Ok(()) => Ok((true, Some(parent))),
            Err(Errno::NOENT) => Ok((false, Some(parent))),
            Err(Errno::ISDIR) => Err(no_file(cx.op)),
            Err(e) => Err(fails(e)),
        }
    }

    /// Removes the folders that are empty now. That they are is neither needed nor made to last: a put that meets it
    /// makes them again.
    fn prune(&self, cx: &Cx) {
        let mut folder = self.path.parent();
        let stop = if self.key.is_system() { super::path::SYSTEM } else { "" };
        while folder != stop {
            let (above, name) = folder.rsplit_once('/').unwrap_or(("", folder));
            let Ok(Some(parent)) = cx.root.parent(above) else { return };
            if unlinkat(parent.fd(&cx.root), name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
            folder = above;
        }
    }
}
