//! Work that blocks, under one process-wide limit.

use std::sync::{Mutex, OnceLock};

use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

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
        let (mut answer, answered) = oneshot::channel();
        let (env, counts) = (self.clone(), inflight.clone());
        let begin = move |permit: SemaphorePermit<'static>, answer: oneshot::Sender<Result<T>>| {
            let counted = counts.enter();
            env.0.spawn.spawn_blocking(Box::new(move || {
                let done = work();
                // In this order, so that whoever has the answer finds nothing in flight.
                drop(permit);
                drop(counted);
                let _ = answer.send(done);
            }));
        };
        match permits().try_acquire() {
            Ok(permit) => begin(permit, answer),
            // A permit is given to who is first in line, polled or not. If the line were this future, one that lies in a
            // stream of many which nobody polls just now would keep its permit from all others: a task is always polled.
            Err(_) => self.spawn(async move {
                let permit = tokio::select! {
                    biased;
                    () = answer.closed() => return,
                    permit = permits().acquire() => permit,
                };
                if let Ok(permit) = permit {
                    begin(permit, answer);
                }
            }),
        }
        answered.await.map_err(|_| gone())?
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn who_is_not_polled_keeps_no_permit() {
        let env = Env::system();
        let inflight = InFlight::new();
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let gate = std::sync::Arc::new(Mutex::new(gate));
        let mut holders: Vec<_> = (0..DEFAULT_BLOCKING_LIMIT)
            .map(|_| {
                let gate = gate.clone();
                let wait = move || {
                    let _ = gate.lock().unwrap_or_else(|e| e.into_inner()).recv();
                    Ok(())
                };
                Box::pin(env.blocking(Op::Get, &inflight, wait))
            })
            .collect();
        assert!(holders.iter_mut().all(|holds| holds.now_or_never().is_none()));
        assert_eq!(permits().available_permits(), 0);
        // All of them stand in line, and are not polled again before the end.
        let mut idle: Vec<_> = (0..2 * DEFAULT_BLOCKING_LIMIT)
            .map(|n| Box::pin(env.blocking(Op::Get, &inflight, move || Ok(n))))
            .collect();
        assert!(idle.iter_mut().all(|waits| waits.now_or_never().is_none()));
        // Who goes away does not run.
        let mut given_up = Box::pin(env.blocking(Op::Get, &inflight, || -> Result<()> { panic!("it ran") }));
        assert!((&mut given_up).now_or_never().is_none());
        drop(given_up);
        drop(open);
        let last = env.blocking(Op::Get, &inflight, || Ok("done"));
        let done = tokio::select! {
            done = last => done,
            () = env.sleep(Duration::from_secs(10)) => panic!("it waits for those that are not polled"),
        };
        assert_eq!(done.unwrap(), "done");
        for (n, done) in join_all(idle).await.into_iter().enumerate() {
            assert_eq!(done.unwrap(), n);
        }
        assert!(join_all(holders).await.into_iter().all(|done| done.is_ok()));
    }
}
