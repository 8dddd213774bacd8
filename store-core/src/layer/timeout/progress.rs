//! Streams that must get on.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};

use super::explain;
use crate::call::Call;
use crate::env::Env;
use crate::error::{Error, Op, Result};
use crate::outcome::{ByteStream, Items};

/// The items, each of which comes within `limit` of being asked for. After an error nothing more comes.
pub(super) fn within<T: Send + 'static>(
    items: Items<T>,
    env: Env,
    op: Op,
    limit: Duration,
    name: impl Fn(Error) -> Error + Send + 'static,
) -> Items<T> {
    let state = Some((items, name));
    let bounded = stream::unfold((state, env), move |(state, env)| async move {
        let (mut items, name) = state?;
        let call = Call::within(&env, limit);
        let next = async { items.next().await.transpose() };
        match call.guard(&env, op, next).await.transpose()? {
            Ok(item) => Some((Ok(item), (Some((items, name)), env))),
            Err(error) => Some((Err(name(explain(error, Some(limit)))), (None, env))),
        }
    });
    bounded.boxed()
}

/// When something went on last.
#[derive(Debug, Clone)]
pub(super) struct Progress(Arc<Mutex<Instant>>);

impl Progress {
    pub(super) fn new(env: &Env) -> Progress {
        Progress(Arc::new(Mutex::new(env.now())))
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn goes_on(&self, env: &Env) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = env.now();
    }

    /// The body, each piece of which is progress when it comes, and so is its end.
    pub(super) fn of(&self, body: ByteStream, env: &Env) -> ByteStream {
        let (watched, env) = (self.clone(), env.clone());
        let (ended, late_env) = (self.clone(), env.clone());
        let end = stream::poll_fn(move |_| {
            ended.goes_on(&late_env);
            std::task::Poll::Ready(None)
        });
        body.inspect(move |_| watched.goes_on(&env)).chain(end).boxed()
    }

    /// Ends when nothing went on for `limit`.
    pub(super) fn stalled(&self, env: &Env, limit: Duration) -> impl Future<Output = ()> + Send + use<> {
        let (progress, env) = (self.clone(), env.clone());
        async move {
            loop {
                let Some(deadline) = progress.last().checked_add(limit) else {
                    return std::future::pending().await;
                };
                if deadline <= env.now() {
                    return;
                }
                env.sleep_until(deadline).await;
            }
        }
    }
}

/// Runs `work` until it ends or stalls; then its fate is not known.
pub(super) async fn unless_stalled<T>(
    progress: &Progress,
    env: &Env,
    op: Op,
    limit: Duration,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let stalled = progress.stalled(env, limit);
    tokio::select! {
        biased;
        done = work => done,
        () = stalled => {
            let why = format!("nothing went on for {limit:?}, and the upload was given up");
            Err(Error::new(crate::ErrorKind::Unknown, op, why)
                .hint("read the key before anything depends on it"))
        }
    }
}
