//! Metrics and spans of what the caller sees.
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> larder_store_core::Result<()> {
//! # use larder_store_core::{Env, conformance::{Place, Reference}};
//! # let service = Reference::new(&Place::new("doc", Env::system()));
//! use larder_store_core::StoreExt;
//! use larder_store_core::layer::observe::Observe;
//!
//! let store = Observe::new(service);
//! store.put("k", "v").await?; // larder_calls_total{op="put", store="reference:doc", outcome="ok"} is 1.
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "conformance"))]
//! # fn main() {}
//! ```
//!
//! | metric | labels | |
//! |---|---|---|
//! | `larder_calls_total` | `op`, `store`, `outcome` | calls that ended; of many keys, each of them |
//! | `larder_call_seconds` | `op`, `store` | a histogram: from the call to its answer, or to the end of its stream |
//! | `larder_calls_in_flight` | `store` | a gauge: calls and streams that have not ended |
//! | `larder_read_bytes_total` | `store` | bytes of values handed to callers |
//! | `larder_written_bytes_total` | `store` | bytes of values taken from callers, made or not |
//!
//! Outcomes are `ok`, `absent`, `unchanged`, the name of an [`ErrorKind`](crate::ErrorKind) with underscores, and `dropped`
//! for what nobody waited for to its end. `store` is the [`StoreId`](crate::StoreId) as text. What is answered without waiting
//! (`try_get`) is counted and not timed.
//!
//! Metrics go to the recorder that is installed when an operation is first called. Each call that waits has a span
//! `larder` at DEBUG with `op`, `store` and `key_len`, never the key.

mod calls;
mod store;
mod watch;

use std::sync::Arc;

use crate::env::Env;
use crate::store::Store;
use calls::Calls;

/// A store whose calls are counted and timed. See the [module](self).
#[derive(Debug)]
pub struct Observe<S> {
    inner: S,
    calls: Arc<Calls>,
}

impl<S: Store> Observe<S> {
    /// Counts and times the calls of `inner`.
    pub fn new(inner: S) -> Observe<S> {
        Observe::with_env(inner, Env::system())
    }

    /// The same with the clock of `env`.
    pub fn with_env(inner: S, env: Env) -> Observe<S> {
        let calls = Arc::new(Calls::new(inner.id().to_string(), env));
        Observe { inner, calls }
    }

    /// The store that nobody counts.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}
