//! Uploads that were begun. Each is finished, or cancelled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use larder_store_core::layer::retry::Retries;
use larder_store_core::{Call, Error, ErrorKind, Op, Result};
use tokio::sync::oneshot;

use super::condition::Condition;
use super::error::Said;
use super::put::Draft;
use super::session::Session;
use super::wire::Wire;

/// A session of an upload. Dropped before it is over, it is cancelled.
pub(super) struct Begun {
    wire: Arc<Wire>,
    retries: Retries,
    op: Op,
    pub(super) session: Session,
    over: AtomicBool,
}

impl Begun {
    /// Begins one; `None` where the condition does not hold.
    pub(super) async fn begin(
        wire: &Arc<Wire>,
        retries: &Retries,
        op: Op,
        call: &Call,
        name: &str,
        draft: &Draft,
        condition: Condition,
    ) -> Result<Option<Begun>> {
        let begun = retries.run(op, call, |_| async {
            let (url, body) = wire.session_request(name, draft, condition)?;
            let (tell, told) = oneshot::channel();
            let (own, retries) = (wire.clone(), retries.clone());
            let counted = wire.inflight.enter();
            // The request goes on when nobody waits for it any more: what it begins must be known to be cancelled.
            wire.env.spawn(async move {
                let begun = own.begin_session(op, &Call::default(), url, body).await;
                let begun = begun.map(|begun| {
                    begun.map(|session| Begun {
                        wire: own,
                        retries,
                        op,
                        session,
                        over: AtomicBool::new(false),
                    })
                });
                drop(tell.send(begun));
                drop(counted);
            });
            match told.await {
                Ok(Ok(Ok(begun))) => Ok(Some(begun)),
                Ok(Ok(Err(failure))) if failure.is(Said::Precondition) => Ok(None),
                Ok(Ok(Err(failure))) => Err(failure.into()),
                Ok(Err(error)) => Err(error),
                Err(_) => {
                    Err(Error::new(ErrorKind::Cancelled, op, "the runtime that the store works on ended"))
                }
            }
        });
        begun.await
    }

    /// There is an object, and nothing to be cancelled.
    pub(super) fn over(&self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if *self.over.get_mut() || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (wire, retries) = (self.wire.clone(), self.retries.clone());
        let (session, op) = (self.session.clone(), self.op);
        // From now on, so that a drain that begins before the task does waits for it.
        let counted = wire.inflight.enter();
        self.wire.env.spawn(async move {
            let call = Call::default();
            let cancelled = retries.run(op, &call, |_| wire.cancel_session(op, &call, &session));
            if let Err(error) = cancelled.await {
                tracing::warn!(store = %wire.id, %error, "an upload that was given up is not cancelled: the service forgets it after a week");
            }
            drop(counted);
        });
    }
}
