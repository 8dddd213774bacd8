//! Handles that follow each other: a cache that cannot be used any more is opened anew, under those who use it.
//!
//! An origin whose disk failed or whose structure is damaged takes no more writes until somebody looks after it. A cache
//! has nothing to lose: its handle gives the environment back, and another one opens it as if it were the first time,
//! which throws away what is damaged. That is done only while nobody else, in this process or another one, has it open;
//! as long as there are others, the cache refuses what it cannot do, and begins anew when all have closed it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use larder_store_core::{Call, OpenOptions, Result};
use tokio::sync::Mutex;

use super::config::LmdbConfig;
use super::handle::Handle;
use super::store::open_once;

/// Milliseconds between two attempts.
const PAUSE: u64 = 500;

/// A handle, and the one that took its place.
struct Link {
    handle: Arc<Handle>,
    next: OnceLock<Box<Link>>,
}

impl Link {
    fn new(handle: Handle) -> Link {
        Link { handle: Arc::new(handle), next: OnceLock::new() }
    }
}

/// The handles of one store, of which the newest is used.
pub(super) struct Line {
    first: Link,
    /// How a cache is opened anew.
    reopen: Option<(LmdbConfig, OpenOptions)>,
    /// Held while it is, and while it is closed.
    turn: Mutex<()>,
    /// Milliseconds since boot at which it was last tried.
    tried: AtomicU64,
}

impl Line {
    pub(super) fn new(handle: Handle, reopen: Option<(LmdbConfig, OpenOptions)>) -> Line {
        Line { first: Link::new(handle), reopen, turn: Mutex::new(()), tried: AtomicU64::new(0) }
    }

    /// The first handle: all have the same id, and the same guarantees.
    pub(super) fn first(&self) -> &Handle {
        &self.first.handle
    }

    #[inline]
    fn last(&self) -> &Link {
        let mut link = &self.first;
        while let Some(next) = link.next.get() {
            link = next;
        }
        link
    }

    /// The newest handle.
    #[inline]
    pub(super) fn newest(&self) -> &Arc<Handle> {
        &self.last().handle
    }

    /// The newest handle, after an attempt to put another one in its place if it cannot be used any more.
    pub(super) async fn ready(&self) -> &Arc<Handle> {
        if let Some((config, options)) = &self.reopen
            && !self.newest().is_well()
        {
            self.renew(config, options).await;
        }
        self.newest()
    }

    /// Tries to open it anew. Whoever comes meanwhile does not wait, and is told.
    #[cold]
    async fn renew(&self, config: &LmdbConfig, options: &OpenOptions) {
        let Ok(_turn) = self.turn.try_lock() else { return };
        let link = self.last();
        let now = options.env.boot().as_millis() as u64 + PAUSE;
        if link.handle.is_well() || now.abs_diff(self.tried.load(Ordering::Relaxed)) < PAUSE {
            return;
        }
        self.tried.store(now, Ordering::Relaxed);
        // Given up in here, the next one goes on where this one was.
        let opened = match link.handle.retire().await {
            Ok(true) => open_once(config, options).await,
            Ok(false) => return,
            Err(error) => Err(error),
        };
        match opened {
            Ok(Some(handle)) => {
                tracing::info!(store = %handle.id, "an LMDB cache was opened anew");
                let _ = link.next.set(Box::new(Link::new(handle)));
            }
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "an LMDB cache could not be opened anew; it is tried again"),
        }
    }

    /// Closes the newest handle: those before it gave back what they had.
    pub(super) async fn close(&self, call: &Call) -> Result<()> {
        let env = &self.first.handle.env;
        let turn = async { Ok(self.turn.lock().await) };
        let _turn = call.guard(env, larder_store_core::Op::Close, turn).await?;
        self.newest().close(call).await
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line({:?})", self.newest())
    }
}
