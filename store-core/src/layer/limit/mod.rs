//! At most so many calls at once.
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> larder_store_core::Result<()> {
//! # use larder_store_core::{Env, conformance::{Place, Reference}};
//! # let service = Reference::new(&Place::new("doc", Env::system()));
//! use larder_store_core::StoreExt;
//! use larder_store_core::layer::limit::Limit;
//! use larder_store_core::layer::retry::{Retry, RetryOptions};
//!
//! let store = Retry::new(Limit::new(service, 64)?, RetryOptions::new())?;
//! store.put("k", "v").await?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "conformance"))]
//! # fn main() {}
//! ```
//!
//! # Places
//! A call takes a place before it reaches the inner store, and waits for one in the order of arrival, until its
//! deadline: then it is a [`Timeout`](crate::ErrorKind::Timeout) of a call that did nothing. A read stream holds its place
//! until it ends or is dropped: whoever holds as many streams open as there are places waits for itself. A listing takes
//! a place for the first item of each page. Many keys that the inner store handles one by one take a place each; a native
//! batch takes one. What is answered without waiting (`try_get`) needs none, and neither do `flush`, `drain` and `close`,
//! which must not wait behind what they are to end.

mod store;

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::order::{self, Layers};
use crate::call::Call;
use crate::env::Env;
use crate::error::{Error, ErrorKind, Op, Result};
use crate::store::Store;

/// A store that is called so many times at once at most. See the [module](self).
#[derive(Debug)]
pub struct Limit<S> {
    inner: Arc<S>,
    gate: Gate,
}

/// The places; shared with listings, which outlive a call.
#[derive(Debug, Clone)]
struct Gate {
    places: Arc<Semaphore>,
    at_once: usize,
    env: Env,
}

impl<S: Store> Limit<S> {
    /// Lets `at_once` calls through to `inner`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for none or more than 2^29, and around a retry, whose pauses would hold places.
    pub fn new(inner: S, at_once: usize) -> Result<Limit<S>> {
        let most = (1 << 29).min(Semaphore::MAX_PERMITS);
        if at_once == 0 || at_once > most {
            let why = format!("a limit of {at_once} calls at once: 1 to {most} can be");
            return Err(Error::new(ErrorKind::Invalid, Op::Open, why).at(inner.id()));
        }
        let why = "a pause between two attempts would hold a place";
        order::refuse(&inner, "limit", Layers::RETRY, why, "put the limit beneath the retry")?;
        let gate = Gate { places: Arc::new(Semaphore::new(at_once)), at_once, env: Env::system() };
        Ok(Limit { inner: Arc::new(inner), gate })
    }

    /// Takes the clock of deadlines from `env`.
    pub fn with_env(mut self, env: Env) -> Limit<S> {
        self.gate.env = env;
        self
    }

    /// The store without a limit.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Places that are taken now.
    pub fn in_use(&self) -> usize {
        self.gate.at_once - self.gate.places.available_permits()
    }
}

impl Gate {
    /// A place, as soon as it is the caller's turn.
    async fn enter(&self, op: Op, call: &Call) -> Result<OwnedSemaphorePermit> {
        call.check(&self.env, op)?;
        // Nobody waits where there is room: no timer is made.
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Ok(place);
        }
        let turn = async {
            let closed = |_| Error::new(ErrorKind::Closed, op, "the limit was closed");
            self.places.clone().acquire_owned().await.map_err(closed)
        };
        call.guard(&self.env, op, turn).await.map_err(|error| match error.kind() {
            ErrorKind::Timeout => {
                error.hint(format!("it waited for one of the {} calls that may be under way", self.at_once))
            }
            _ => error,
        })
    }
}
