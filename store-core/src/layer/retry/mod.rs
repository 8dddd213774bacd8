//! Sends again what failed for a while, and finds out about writes whose fate is not known.
//!
//! [`Retry`] is for stores that are reached over a network, and for backends whose store is one of single attempts.
//! [`Retries`] is the engine beneath, for what such a store repeats within a call.
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> larder_store_core::Result<()> {
//! # use larder_store_core::conformance::{Place, Reference};
//! use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
//! use larder_store_core::layer::retry::{Retry, RetryOptions};
//! use larder_store_core::{Env, Op, StoreExt};
//!
//! // A put that is made, and whose answer gets lost.
//! let faults = Faults::new(7, [Fault::after([Op::Put]).nth(1)])?;
//! let service = FaultStore::new(Reference::new(&Place::new("doc", Env::system())), faults);
//!
//! let store = Retry::new(service, RetryOptions::new())?;
//! // The key is read back: it was our own write.
//! let written = store.put_if_absent("k", "v").await?;
//! assert!(!written.settled);
//! assert_eq!(store.get("k").await?.unwrap(), "v");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "conformance"))]
//! # fn main() {}
//! ```
//!
//! # What is sent again
//! After [`Throttled`](crate::ErrorKind::Throttled), [`Unavailable`](crate::ErrorKind::Unavailable) and
//! [`Timeout`](crate::ErrorKind::Timeout) everything but a streamed put; after
//! [`Unknown`](crate::ErrorKind::Unknown) everything that reads, and writes as said below. Never after another kind.
//! Pauses are drawn at random, bounded by [`RetryOptions`], and last at least as long as the service asks for. No pause
//! reaches past the call's deadline: then the last error is the answer at once, with a hint that says how many attempts
//! there were. A [budget](RetryBudget) that all calls share keeps retries to about a fifth of the load.
//!
//! # Writes
//! The write id is drawn before the first attempt and kept by all. If an attempt got no answer, the write is not
//! *settled*: the attempt may still land. An answer of a later attempt says so, and an error of it is
//! [`Unknown`](crate::ErrorKind::Unknown).
//!
//! A **conditional put** (or copy) that got no answer, or meets a conflict after an attempt that got none, is looked
//! for in the origin:
//!
//! | what stands there | answer |
//! |---|---|
//! | this write, or one that has it among its predecessors | success |
//! | the version that was named; for `Absent` still nothing | sent again with the same write id |
//! | a write that replaced the version that was named, and not this one | `Conflict`, not settled |
//! | anything else, or no answer | `Unknown` |
//!
//! A **conditional delete** alike; if the key is absent, nobody knows who removed it: `Unknown`. An **unconditional** put or
//! delete is sent again, and may take effect twice: what somebody else wrote between the two is replaced. So may a put
//! with `Absent` if its first attempt lands after the look, or somebody removes the value before it. A
//! **streamed put** is sent once, as its body is gone, and looked for. A **transaction** is sent again only if it was surely
//! not made.
//!
//! # Streams and listings
//! A read stream that breaks off goes on at its offset, with the same version: if that is gone, it ends in a
//! [`Conflict`](crate::ErrorKind::Conflict). A listing goes on behind its last name.

mod budget;
mod engine;
mod fate;
mod intent;
mod list;
mod many;
mod options;
mod read_stream;
mod store;
mod write;

use std::sync::Arc;

pub use engine::{Attempts, Retries};
pub use fate::unknown;
pub use options::{RetryBudget, RetryOptions};

use super::order::{self, Layers};
use crate::env::Env;
use crate::error::Result;
use crate::store::Store;

/// A store that sends again. See the [module](self).
#[derive(Debug)]
pub struct Retry<S> {
    // Shared with the streams that outlive a call.
    inner: Arc<S>,
    retries: Retries,
}

impl<S: Store> Retry<S> {
    /// Sends the calls of `inner` again.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for options that contradict themselves, around another layer
    /// that retries (attempts would multiply), and around a timeout (which would begin anew for each attempt and leave
    /// cut writes unknown).
    pub fn new(inner: S, options: RetryOptions) -> Result<Retry<S>> {
        Retry::with_retries(inner, Retries::new(options, Env::system())?)
    }

    /// The same with an engine that others share, and its environment.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) around a layer that it must not lie around.
    pub fn with_retries(inner: S, retries: Retries) -> Result<Retry<S>> {
        let hint = "a backend for the network retries by itself: its own options say how often";
        order::refuse(&inner, "retry", Layers::RETRY, "attempts would multiply", hint)?;
        let why = "its time would begin anew with each attempt, and writes that it cuts come back unknown";
        order::refuse(&inner, "retry", Layers::TIMEOUT, why, "put the timeout around the retry")?;
        Ok(Retry { inner: Arc::new(inner), retries })
    }

    /// The engine.
    pub fn retries(&self) -> &Retries {
        &self.retries
    }

    /// The store of single attempts.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}
