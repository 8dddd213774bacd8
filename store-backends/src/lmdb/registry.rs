//! One environment for each folder in a process, however often it is opened: LMDB's locks would not survive a second
//! one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use larder_store_core::{Error, ErrorKind, Op, Result};

use super::shared::{Settings, Shared};

/// A folder, by device and inode.
pub(super) type FolderId = (u64, u64);

/// An environment that was opened, and its writer.
pub(super) struct Opened {
    pub(super) shared: Arc<Shared>,
    pub(super) writer: JoinHandle<()>,
}

/// What became of an attempt to open.
pub(super) enum Attempt<T> {
    Done(T),
    /// Another process is opening or destroying the store.
    Busy,
}

struct Live {
    opened: Opened,
    users: usize,
}

/// One folder. Its lock is held while it is opened or closed.
#[derive(Default)]
struct Slot(Mutex<Option<Live>>);

fn slot(id: FolderId) -> Arc<Slot> {
    static SLOTS: OnceLock<Mutex<HashMap<FolderId, Arc<Slot>>>> = OnceLock::new();
    let mut slots = SLOTS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    // Those that nobody uses or waits for go.
    slots.retain(|_, slot| {
        Arc::strong_count(slot) > 1 || slot.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    });
    slots.entry(id).or_default().clone()
}

/// A share in an environment. It is closed with the last one.
#[derive(Debug)]
pub(super) struct User {
    id: FolderId,
    path: PathBuf,
    shared: Arc<Shared>,
}

impl User {
    /// Whether nobody else in this process has a share.
    pub(super) fn is_only(&self) -> bool {
        let slot = slot(self.id);
        let live = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        live.as_ref().is_some_and(|live| live.users == 1 && Arc::ptr_eq(&live.opened.shared, &self.shared))
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The folder, as it was named when it was opened, absolute and without links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Takes a share in the environment of a folder, which `open` opens if nobody here has. Blocks while it is opened or
/// closed.
pub(super) fn join(
    id: FolderId,
    path: &Path,
    fits: impl FnOnce(&Settings) -> Result<()>,
    open: impl FnOnce() -> Result<Attempt<Opened>>,
) -> Result<Attempt<User>> {
    let slot = slot(id);
    let mut live = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
    // A parent's environment is of no use to the child of a fork, and must not be touched.
    if live.as_ref().is_some_and(|live| !live.opened.shared.is_ours()) {
        std::mem::forget(live.take());
    }
    if let Some(live) = &mut *live {
        fits(&live.opened.shared.settings)?;
        live.users += 1;
        return Ok(Attempt::Done(User { id, path: path.to_owned(), shared: live.opened.shared.clone() }));
    }
    Ok(match open()? {
        Attempt::Busy => Attempt::Busy,
        Attempt::Done(opened) => {
            let shared = opened.shared.clone();
            *live = Some(Live { opened, users: 1 });
            Attempt::Done(User { id, path: path.to_owned(), shared })
        }
    })
}

/// The refusal of settings that differ from those of the open environment.
pub(super) fn differs(what: &str) -> Error {
    let why = format!("the store is already open in this process with another {what}");
    Error::new(ErrorKind::Invalid, Op::Open, why)
        .hint("open it the same way, or close the other handle first")
}

impl Drop for User {
    /// With the last share the writer ends what it has to do and closes the environment. Blocks until then.
    fn drop(&mut self) {
        if !self.shared.is_ours() {
            return;
        }
        let slot = slot(self.id);
        let mut live = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mine) = live.as_mut().filter(|live| Arc::ptr_eq(&live.opened.shared, &self.shared)) else {
            return;
        };
        mine.users -= 1;
        if mine.users > 0 {
            return;
        }
        let Some(Live { opened, .. }) = live.take() else { return };
        opened.shared.queue.close();
        // The writer itself can come here, if a value that it drops holds the last handle: it ends by itself.
        if opened.writer.thread().id() != std::thread::current().id() {
            let _ = opened.writer.join();
        }
    }
}
