//! What every store behind a network has: calls under way, places for requests, and the time that one may take.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use larder_store_core::env::{InFlight, InFlightGuard};
use larder_store_core::{Call, Env, Error, Guarantees, Key, Op, Result, StoreId, closed};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Sending so many bytes may take a second more.
const BYTES_A_SECOND: u64 = 256 << 10;

/// A store that sends requests, and what all handles and streams of it share.
pub(crate) struct Remote {
    pub(crate) id: StoreId,
    pub(crate) guarantees: Guarantees,
    pub(crate) env: Env,
    pub(crate) inflight: InFlight,
    /// Requests under way. Not calls: one that reads while it writes, as a copy does, would wait for itself.
    places: Semaphore,
    /// How long a request may go without progress.
    attempt_timeout: Duration,
    closed: AtomicBool,
}

impl Remote {
    pub(crate) fn new(
        id: StoreId,
        guarantees: Guarantees,
        env: Env,
        concurrency: usize,
        attempt_timeout: Duration,
    ) -> Remote {
        Remote {
            id,
            guarantees,
            env,
            inflight: InFlight::new(),
            places: Semaphore::new(concurrency),
            attempt_timeout,
            closed: AtomicBool::new(false),
        }
    }

    /// How long a request that sends so many bytes may take.
    pub(crate) fn limit(&self, bytes: u64) -> Duration {
        self.attempt_timeout + Duration::from_secs(bytes / BYTES_A_SECOND)
    }

    /// Begins a call, unless the store was closed or the call is over.
    pub(crate) fn begin(&self, op: Op, call: &Call) -> Result<InFlightGuard> {
        // Counted before the look: whoever closes sees either the call or its refusal.
        let busy = self.inflight.enter();
        if self.closed.load(Ordering::SeqCst) {
            return Err(closed(op, &self.id));
        }
        call.check(&self.env, op)?;
        Ok(busy)
    }

    /// Refuses calls from now on.
    pub(crate) fn shut(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Waits for what was begun before.
    pub(crate) async fn wait(&self, op: Op, call: &Call) -> Result<()> {
        let work = async {
            self.inflight.wait().await;
            Ok(())
        };
        call.guard(&self.env, op, work).await.map_err(|e| e.at(&self.id))
    }

    /// Names the store and the key in an error.
    pub(crate) fn named<'a>(&'a self, op: Op, key: &'a Key) -> impl Fn(Error) -> Error + 'a {
        move |e| e.during(op).at(&self.id).on(key)
    }

    /// Sends a request that changes nothing: its answer, or `None` where none came in time.
    pub(crate) async fn ask<T>(&self, op: Op, call: &Call, request: BoxFuture<'_, T>) -> Result<Option<T>> {
        let _place = self.place(op, call).await?;
        let answer = pin!(self.timed(self.limit(0), request));
        call.guard(&self.env, op, async { Ok(answer.await) }).await
    }

    /// Sends a request that writes, with a body of so many bytes: its answer, or `None` where none came in time.
    pub(crate) async fn tell<T>(
        &self,
        op: Op,
        call: &Call,
        bytes: u64,
        request: BoxFuture<'_, T>,
    ) -> Result<Option<T>> {
        let _place = self.place(op, call).await?;
        let answer = pin!(self.timed(self.limit(bytes), request));
        call.guard_write(&self.env, op, async { Ok(answer.await) }).await
    }

    /// Waits for its turn to send a request.
    async fn place(&self, op: Op, call: &Call) -> Result<SemaphorePermit<'_>> {
        // Mostly there is room; it passes nobody who waits.
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let place = async { self.places.acquire().await.map_err(|_| closed(op, &self.id)) };
        call.guard(&self.env, op, place).await
    }

    async fn timed<T>(&self, limit: Duration, request: BoxFuture<'_, T>) -> Option<T> {
        tokio::select! {
            biased;
            answer = request => Some(answer),
            () = self.env.sleep(limit) => None,
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.id)
    }
}
