//! The context of a call.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::env::Env;
use crate::error::{Error, ErrorKind, Op, Result};

/// Until when a call may take, who may cancel it, and what travels with it. A default one allocates nothing.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Call {
    /// When to give up, on the monotonic clock.
    pub deadline: Option<Instant>,
    /// Who may cancel.
    pub cancel: Option<CancellationToken>,
    /// What travels with the call through layers: a tag, a trace.
    pub ext: Extensions,
}

impl Call {
    /// A call that gives up after `time` from now.
    pub fn within(env: &Env, time: Duration) -> Call {
        Call { deadline: env.now().checked_add(time), ..Call::default() }
    }

    /// Gives up at `deadline`.
    pub fn with_deadline(mut self, deadline: Instant) -> Call {
        self.deadline = Some(deadline);
        self
    }

    /// Gives up when `cancel` is cancelled.
    pub fn with_cancel(mut self, cancel: CancellationToken) -> Call {
        self.cancel = Some(cancel);
        self
    }

    /// Refuses a call whose deadline has passed or that is cancelled, before anything is done.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] or [`ErrorKind::Cancelled`].
    pub fn check(&self, env: &Env, op: Op) -> Result<()> {
        if self.cancel.as_ref().is_some_and(CancellationToken::is_cancelled) {
            return Err(cancelled(op));
        }
        if self.deadline.is_some_and(|deadline| deadline <= env.now()) {
            return Err(timed_out(op));
        }
        Ok(())
    }

    /// Runs `work` until it ends, the deadline passes or the call is cancelled; then `work` is dropped.
    ///
    /// For work that writes, use [`Call::guard_write`]: what was dropped may have taken effect.
    ///
    /// # Errors
    /// Those of `work`, [`ErrorKind::Timeout`], [`ErrorKind::Cancelled`].
    pub async fn guard<T>(&self, env: &Env, op: Op, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.check(env, op)?;
        // Where it stands: whatever takes a future in keeps room for it twice.
        let mut work = pin!(work);
        if self.deadline.is_none() && self.cancel.is_none() {
            return work.await;
        }
        let cancel = async {
            match &self.cancel {
                Some(cancel) => cancel.cancelled().await,
                None => std::future::pending().await,
            }
        };
        let deadline = async {
            match self.deadline {
                Some(deadline) => env.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            done = &mut work => done,
            () = cancel => Err(cancelled(op)),
            () = deadline => Err(timed_out(op)),
        }
    }

    /// [`Call::guard`] for work that may have taken effect when it is dropped: the answer is then
    /// [`ErrorKind::Unknown`] and not settled. A call that is already over is refused before the work begins.
    ///
    /// # Errors
    /// Those of `work`; [`ErrorKind::Timeout`] or [`ErrorKind::Cancelled`] if nothing was begun;
    /// [`ErrorKind::Unknown`].
    pub async fn guard_write<T>(
        &self,
        env: &Env,
        op: Op,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let (mut begun, mut ended) = (false, false);
        let work = pin!(work);
        let done = self
            .guard(env, op, async {
                begun = true;
                let done = work.await;
                ended = true;
                done
            })
            .await;
        match done {
            Err(error) if begun && !ended => Err(Error::new(
                ErrorKind::Unknown,
                op,
                "the call was given up while it was being carried out",
            )
            .hint("read the key before anything depends on it")
            .caused_by(error)),
            done => done,
        }
    }
}

fn timed_out(op: Op) -> Error {
    Error::new(ErrorKind::Timeout, op, "the deadline passed")
}

fn cancelled(op: Op) -> Error {
    Error::new(ErrorKind::Cancelled, op, "the caller cancelled")
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("deadline", &self.deadline)
            .field("cancel", &self.cancel.is_some())
            .field("ext", &self.ext)
            .finish()
    }
}

/// Values by type that travel with a call. Empty ones allocate nothing.
#[derive(Clone, Default)]
pub struct Extensions(Option<Arc<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>>);

impl Extensions {
    /// Adds `value`, in place of another one of its type.
    pub fn insert<T: Any + Send + Sync>(&mut self, value: T) {
        Arc::make_mut(self.0.get_or_insert_default()).insert(TypeId::of::<T>(), Arc::new(value));
    }

    /// The value of type `T`.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.as_ref()?.get(&TypeId::of::<T>())?.downcast_ref()
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extensions({})", self.0.as_ref().map_or(0, |m| m.len()))
    }
}
