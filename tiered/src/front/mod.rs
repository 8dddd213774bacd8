//! A tier above the origin. Whatever it does, it never fails a call: an error of it is a miss, or a fill that was lost.

mod breaker;
mod keep;
mod look;
mod open;
mod recent;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use larder_store_core::{Env, Error, ErrorKind, GetOptions, Key, Store};
use tokio::sync::Mutex;

use crate::entry::Entry;
use crate::reach::Marked;
use crate::stats::{Breaker, FrontCounts};
use breaker::{Fuse, Leave};

pub(crate) use keep::cost_of_keeping;
pub(crate) use look::{LookNow, not_in_fronts, part};
pub use open::OpenFront;
pub(crate) use recent::{Recent, Remembered};

/// A front of a stack.
pub(crate) struct Front {
    pub(crate) number: u8,
    opener: Arc<dyn OpenFront>,
    /// Unset until it was opened, which may be later than the stack.
    store: OnceLock<Arc<dyn Store>>,
    /// A shortcut, where the front keeps objects.
    recent: OnceLock<Arc<Recent>>,
    /// Held while it is opened or its fence attached.
    opening: Mutex<()>,
    fuse: Fuse,
    timeout: Duration,
    /// The store whose answers it keeps, as a number.
    origin: u64,
    pub(crate) env: Env,
    pub(crate) counts: FrontCounts,
    plain: GetOptions,
}

/// A call took longer than a front may.
struct TooSlow;

impl Front {
    pub(crate) fn new(
        number: u8,
        opener: Arc<dyn OpenFront>,
        timeout: Duration,
        origin: u64,
        env: Env,
        counts: FrontCounts,
    ) -> Front {
        Front {
            number,
            opener,
            store: OnceLock::new(),
            recent: OnceLock::new(),
            opening: Mutex::default(),
            fuse: Fuse::default(),
            timeout,
            origin,
            env,
            counts,
            plain: GetOptions::new(),
        }
    }

    /// Opens its store, unless that was done.
    pub(crate) async fn open(&self) -> larder_store_core::Result<&Arc<dyn Store>> {
        if let Some(store) = self.store.get() {
            return Ok(store);
        }
        let opened = self.opener.open().await?;
        if opened.objects().is_some() {
            self.recent.get_or_init(|| Recent::new(opened.usage().capacity.unwrap_or_default()));
        }
        Ok(self.store.get_or_init(|| opened))
    }

    /// Its store, if it was opened.
    pub(crate) fn store(&self) -> Option<&Arc<dyn Store>> {
        self.store.get()
    }

    /// Held by who opens it later, so that one does.
    pub(crate) fn opening(&self) -> &Mutex<()> {
        &self.opening
    }

    /// The entry of a key with this hash, if the front keeps it and it was used of late.
    #[inline]
    pub(crate) fn look_recent(&self, hash: u64, key: &Key) -> Option<Arc<Entry>> {
        let (entry, due) = self.recent.get()?.get(hash, key)?;
        if due && let Some(objects) = self.store.get().and_then(|store| store.objects()) {
            // Its policy goes by what it hears.
            objects.get(key);
        }
        (entry.origin == self.origin).then_some(entry)
    }

    /// Remembers an entry of the front's.
    pub(crate) fn remember(&self, hash: u64, entry: &Arc<Entry>) {
        if let Some(recent) = self.recent.get() {
            recent.remember(hash, entry);
        }
    }

    /// Its store, if it may be asked now.
    #[inline]
    fn usable(&self) -> Option<&Arc<dyn Store>> {
        let store = self.store.get()?;
        (self.fuse.leave(&self.env) != Leave::No).then_some(store)
    }

    /// It as the one beside which the fence is.
    pub(crate) fn marked(&self, store: &Arc<dyn Store>) -> Marked {
        Marked { store: store.clone(), timeout: self.timeout, env: self.env.clone() }
    }

    /// Whether it is time to try and open it.
    pub(crate) fn may_try(&self) -> bool {
        self.fuse.leave(&self.env) != Leave::No
    }

    /// It cannot be used for now.
    pub(crate) fn is_down(&self) {
        self.fuse.blow(&self.env);
    }

    /// It was opened, and its fence attached.
    pub(crate) fn is_up(&self) {
        self.fuse.worked();
    }

    /// Runs a call of the front, for as long as a front may take.
    async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, TooSlow> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.env.sleep(self.timeout) => Err(TooSlow),
        }
    }

    /// Whether it keeps entries as they are, at once.
    pub(crate) fn keeps_objects(&self) -> bool {
        self.store.get().is_some_and(|store| store.objects().is_some())
    }

    fn worked(&self) {
        if self.fuse.worked() {
            tracing::info!(tier = self.number, "a front works again");
        }
    }

    fn too_slow(&self) {
        self.counts.errors.add();
        self.trip(&format_args!("no answer within {:?}", self.timeout));
    }

    /// Notes a failure that says something about the front as a whole.
    fn failed(&self, error: &Error) {
        match error.kind() {
            // The front is sound, and what it kept under this key is not.
            ErrorKind::Corrupt => {
                self.counts.corrupt.add();
                self.worked();
            }
            _ => {
                self.counts.errors.add();
                self.trip(&error);
            }
        }
    }

    /// A stream of it ended too early.
    pub(crate) fn broke_off(&self, error: &Error) {
        if !error.is(ErrorKind::Conflict) {
            self.failed(error);
        }
    }

    fn trip(&self, why: &dyn fmt::Display) {
        if self.fuse.failed(&self.env) {
            tracing::warn!(tier = self.number, error = %why, "a front is left alone for a while");
        } else {
            tracing::debug!(tier = self.number, error = %why, "a call of a front failed");
        }
    }

    /// Whether it is asked.
    pub(crate) fn breaker(&self) -> Breaker {
        match (self.store.get(), self.fuse.is_open(&self.env)) {
            (None, _) => Breaker::Down,
            (_, None) => Breaker::Closed,
            (_, Some(true)) => Breaker::Open,
            (_, Some(false)) => Breaker::HalfOpen,
        }
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("number", &self.number).field("store", &self.store.get()).finish()
    }
}
