//! Work that blocks, under one process-wide limit.

use std::sync::{Mutex, OnceLock};

use tokio::sync::{Semaphore, oneshot};

use super::{Env, InFlight};
use crate::error::{Error, ErrorKind, Op, Result};

/// How many pieces of blocking work run at once in this process, unless [`set_blocking_limit`] said otherwise.
pub const DEFAULT_BLOCKING_LIMIT: usize = 16;

static PERMITS: OnceLock<Semaphore> = OnceLock::new();
static LIMIT: Mutex<usize> = Mutex::new(DEFAULT_BLOCKING_LIMIT);

fn permits() -> &'static Semaphore {
    PERMITS.get_or_init(|| Semaphore::new(DEFAULT_BLOCKING_LIMIT))
}

/// Changes how many pieces of blocking work run at once in this process, at least 1.
///
/// Lowering waits for as many running pieces to end as are to go.
pub async fn set_blocking_limit(limit: usize) {
    let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
    let before = std::mem::replace(&mut *LIMIT.lock().unwrap_or_else(|e| e.into_inner()), limit);
    if limit >= before {
        permits().add_permits(limit - before);
    } else if let Ok(gone) = permits().acquire_many((before - limit) as u32).await {
        gone.forget();
    }
}

impl Env {
    /// Runs `work` where it holds up no task, under the process-wide limit, counted in `inflight`.
    ///
    /// When the returned future is dropped before `work` was handed over, it never runs; afterwards it runs to its
    /// end and stays counted until then.
    ///
    /// # Errors
    /// Those of `work`; [`ErrorKind::Unknown`] if it panicked or the runtime went away.
    pub async fn blocking<T: Send + 'static>(
        &self,
        op: Op,
        inflight: &InFlight,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let gone =
            || Error::new(ErrorKind::Unknown, op, "the work was given up by a panic or a runtime that ended");
        let permit = permits().acquire().await.map_err(|_| gone())?;
        let counted = inflight.enter();
        let (answer, answered) = oneshot::channel();
        self.0.spawn.spawn_blocking(Box::new(move || {
            let done = work();
            // In this order, so that whoever has the answer finds nothing in flight.
            drop(permit);
            drop(counted);
            let _ = answer.send(done);
        }));
        answered.await.map_err(|_| gone())?
    }
}
