//! A deadline for each call.
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> larder_store_core::Result<()> {
//! # use larder_store_core::{Env, conformance::{Place, Reference}};
//! # let service = Reference::new(&Place::new("doc", Env::system()));
//! use std::time::Duration;
//! use larder_store_core::StoreExt;
//! use larder_store_core::layer::retry::{Retry, RetryOptions};
//! use larder_store_core::layer::timeout::{Timeout, TimeoutOptions};
//!
//! let options = TimeoutOptions::new().with_reads(Some(Duration::from_secs(2)));
//! let store = Timeout::new(Retry::new(service, RetryOptions::new())?, options)?;
//! store.put("k", "v").await?;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "conformance"))]
//! # fn main() {}
//! ```
//!
//! # What is bounded
//! Reads and writes as a whole: the inner store gets a deadline that is no further away than the options say, or the
//! caller's own, whichever is earlier. Streams by their progress: a value of a terabyte may take its time, as long as
//! pieces come or go. Listings from one item to the next. Whatever the inner store does about its deadline, the call is
//! answered: a read with [`Timeout`](crate::ErrorKind::Timeout), a write that had begun with
//! [`Unknown`](crate::ErrorKind::Unknown). `sweep`, `flush`, `drain` and `close` take the time that the caller gives
//! them.

mod options;
mod progress;
mod store;

use std::sync::Arc;
use std::time::Duration;

pub use options::TimeoutOptions;

use crate::call::Call;
use crate::env::Env;
use crate::error::{Error, ErrorKind, Result};
use crate::store::Store;

/// A store whose calls take so long at most. See the [module](self).
#[derive(Debug)]
pub struct Timeout<S> {
    inner: Arc<S>,
    options: TimeoutOptions,
    env: Env,
}

impl<S: Store> Timeout<S> {
    /// Gives the calls of `inner` a deadline.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a time of nothing.
    pub fn new(inner: S, options: TimeoutOptions) -> Result<Timeout<S>> {
        options.check().map_err(|e| e.at(inner.id()))?;
        Ok(Timeout { inner: Arc::new(inner), options, env: Env::system() })
    }

    /// Takes the clock from `env`.
    pub fn with_env(mut self, env: Env) -> Timeout<S> {
        self.env = env;
        self
    }

    /// The store whose calls take what they take.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The call with the earlier of its own deadline and ours, which is given if it is the earlier one.
    fn bound(&self, call: &Call, limit: Option<Duration>) -> (Call, Option<Duration>) {
        let Some(ours) = limit.and_then(|limit| self.env.now().checked_add(limit)) else {
            return (call.clone(), None);
        };
        match call.deadline {
            Some(deadline) if deadline <= ours => (call.clone(), None),
            _ => (call.clone().with_deadline(ours), limit),
        }
    }
}

/// Says whose deadline it was, if it was ours.
fn explain(error: Error, limit: Option<Duration>) -> Error {
    match limit {
        Some(limit)
            if matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unknown)
                && error.advice().is_none() =>
        {
            error.hint(format!("the timeout layer gives it {limit:?}"))
        }
        _ => error,
    }
}
