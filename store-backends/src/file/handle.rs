//! What one open handle of a store is made of, and how its work reaches a thread that may block.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use larder_store_core::env::{InFlight, InFlightGuard};
use larder_store_core::{Call, Env, Error, Guarantees, Key, Op, Result, StoreId, closed};
use rustix::io::Errno;

use super::config::{Layout, Sync};
use super::error::{not_synced, poisoned};
use super::path::KeyPath;
use super::root::Root;

/// An open handle.
pub(super) struct Handle {
    pub(super) id: StoreId,
    pub(super) guarantees: Guarantees,
    /// Those of the system space, whose keys are records in every layout.
    pub(super) system: Guarantees,
    pub(super) env: Env,
    pub(super) sync: Sync,
    pub(super) layout: Layout,
    pub(super) map: bool,
    pub(super) inflight: InFlight,
    closed: AtomicBool,
    poisoned: AtomicBool,
    root: RwLock<Option<Arc<Root>>>,
}

/// What a handle is opened with.
pub(super) struct Parts {
    pub(super) id: StoreId,
    pub(super) guarantees: Guarantees,
    pub(super) system: Guarantees,
    pub(super) env: Env,
    pub(super) sync: Sync,
    pub(super) layout: Layout,
    pub(super) map: bool,
}

impl Handle {
    pub(super) fn new(parts: Parts, root: Arc<Root>) -> Handle {
        Handle {
            id: parts.id,
            guarantees: parts.guarantees,
            system: parts.system,
            env: parts.env,
            sync: parts.sync,
            layout: parts.layout,
            map: parts.map,
            inflight: InFlight::new(),
            closed: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            root: RwLock::new(Some(root)),
        }
    }

    /// Refuses a call on a closed store, or one that is over before it begins.
    pub(super) fn begin(&self, op: Op, call: &Call) -> Result<Arc<Root>> {
        let root = self.root.read().unwrap_or_else(PoisonError::into_inner).clone();
        let root = root.ok_or_else(|| closed(op, &self.id))?;
        call.check(&self.env, op).map_err(|e| e.at(&self.id))?;
        Ok(root)
    }

    /// From now on calls are refused.
    pub(super) fn shut(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let root = self.root.write().unwrap_or_else(PoisonError::into_inner).take();
        drop(root);
    }

    pub(super) fn is_shut(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// What holds for this key.
    pub(super) fn guarantees_of(&self, key: &Key) -> &Guarantees {
        if key.is_system() { &self.system } else { &self.guarantees }
    }

    /// How this key's value is kept.
    pub(super) fn layout_of(&self, key: &Key) -> Layout {
        if key.is_system() { Layout::Record } else { self.layout }
    }

    /// Where this key's value lies.
    pub(super) fn path_of(&self, op: Op, key: &Key) -> Result<KeyPath> {
        KeyPath::of(op, key, self.layout)
    }

    /// Whether what is written is made to last.
    pub(super) fn syncs(&self) -> bool {
        self.sync == Sync::Full
    }

    /// Refuses to write after the disk failed to make a change last: it may have dropped it, and would say nothing
    /// the next time.
    pub(super) fn check_sound(&self, op: Op) -> Result<()> {
        if self.poisoned.load(Ordering::SeqCst) { Err(poisoned(op)) } else { Ok(()) }
    }

    /// The disk failed to make a visible change last.
    pub(super) fn lost_faith(&self, root: &Root, op: Op, errno: Errno) -> Error {
        self.poisoned.store(true, Ordering::SeqCst);
        root.durable.forget();
        tracing::error!(store = %self.id, %errno, "the disk failed to make a write last; this handle takes no more");
        not_synced(op, errno)
    }

    /// Names the store and the key in an error.
    pub(super) fn named<'a>(&'a self, op: Op, key: &'a Key) -> impl Fn(Error) -> Error + 'a {
        move |e| e.during(op).at(&self.id).on(key)
    }

    /// Runs work that blocks. Of calls that wait here while the store is closed, none begins.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Handle>,
        op: Op,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let handle = self.clone();
        let work = move || {
            if handle.is_shut() {
                return Err(closed(op, &handle.id));
            }
            work()
        };
        self.env.blocking(op, &self.inflight, work).await
    }

    /// Runs work that blocks on something that must not be dropped where dropping would hold up a task.
    pub(super) async fn blocking_on<P: Send + 'static, T: Send + 'static>(
        self: &Arc<Handle>,
        op: Op,
        mut parked: Parked<P>,
        work: impl FnOnce(&mut P) -> Result<T> + Send + 'static,
    ) -> Result<(Parked<P>, T)> {
        let inflight = self.inflight.clone();
        let landed = self.blocking(op, move || {
            // Counted until the caller has it: if that one is gone, it is dropped on this thread.
            let counted = inflight.enter();
            match work(parked.get()) {
                Ok(done) => Ok(Landed { parked, done, _counted: counted }),
                Err(error) => {
                    drop(parked.take());
                    Err(error)
                }
            }
        });
        let Landed { parked, done, _counted } = landed.await?;
        Ok((parked, done))
    }

    /// Keeps something that only a thread that may block can drop.
    pub(super) fn park<P: Send + 'static>(self: &Arc<Handle>, value: P) -> Parked<P> {
        Parked { value: Some(value), handle: self.clone() }
    }
}

struct Landed<P: Send + 'static, T> {
    parked: Parked<P>,
    done: T,
    _counted: InFlightGuard,
}

/// Something that only a thread that may block can drop: it is handed to one.
pub(super) struct Parked<P: Send + 'static> {
    value: Option<P>,
    handle: Arc<Handle>,
}

impl<P: Send + 'static> Parked<P> {
    fn get(&mut self) -> &mut P {
        match &mut self.value {
            Some(value) => value,
            None => unreachable!("taken only when it is given up"),
        }
    }

    /// Takes it out, to be dropped here.
    pub(super) fn take(mut self) -> Option<P> {
        self.value.take()
    }
}

impl<P: Send + 'static> Drop for Parked<P> {
    fn drop(&mut self) {
        let Some(value) = self.value.take() else { return };
        if tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let handle = self.handle.clone();
        // From now on, so that a drain that begins before the task does waits for it.
        let counted = handle.inflight.enter();
        self.handle.env.spawn(async move {
            let work = move || {
                drop(value);
                Ok(())
            };
            // Whatever becomes of this, the value is dropped: at worst where the runtime ends.
            let _ = handle.env.blocking(Op::Drain, &handle.inflight, work).await;
            drop(counted);
        });
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({})", self.id)
    }
}
