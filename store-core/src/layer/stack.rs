//! Layers one by one, from the backend outwards.

use std::sync::Arc;

use super::limit::Limit;
use super::observe::Observe;
use super::prefix::Prefixed;
use super::read_only::ReadOnly;
use super::retry::{Retries, Retry, RetryOptions};
use super::timeout::{Timeout, TimeoutOptions};
use crate::env::Env;
use crate::error::Result;
use crate::store::Store;

/// Begins with a store, around which layers are laid: the innermost first.
///
/// ```
/// # #[cfg(feature = "conformance")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> larder_store_core::Result<()> {
/// # use larder_store_core::{Env, conformance::{Place, Reference}};
/// # let service = Reference::new(&Place::new("doc", Env::system()));
/// use larder_store_core::layer::{self, retry::RetryOptions, timeout::TimeoutOptions};
/// use larder_store_core::{ErrorKind, StoreExt};
///
/// let store = layer::stack(service)
///     .limit(64)?
///     .retry(RetryOptions::new())?
///     .timeout(TimeoutOptions::new())?
///     .observe()
///     .prefix("anna/")?
///     .build();
/// store.put("k", "v").await?;
///
/// // What would do harm is refused.
/// let error = layer::stack(store).limit(8).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Invalid);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "conformance"))]
/// # fn main() {}
/// ```
pub fn stack(store: impl Store) -> Stack {
    Stack { store: Arc::new(store), env: Env::system() }
}

/// Layers around a store. See [`stack`].
#[derive(Debug, Clone)]
pub struct Stack {
    store: Arc<dyn Store>,
    env: Env,
}

impl Stack {
    /// Clocks and randomness of the layers that follow.
    pub fn env(mut self, env: Env) -> Stack {
        self.env = env;
        self
    }

    fn with(mut self, store: impl Store) -> Stack {
        self.store = Arc::new(store);
        self
    }

    /// At most so many calls at once.
    ///
    /// # Errors
    /// Those of [`Limit::new`].
    pub fn limit(self, at_once: usize) -> Result<Stack> {
        let limited = Limit::new(self.store.clone(), at_once)?.with_env(self.env.clone());
        Ok(self.with(limited))
    }

    /// What fails for a while is sent again.
    ///
    /// # Errors
    /// Those of [`Retry::new`].
    pub fn retry(self, options: RetryOptions) -> Result<Stack> {
        let retries = Retries::new(options, self.env.clone())?;
        let retried = Retry::with_retries(self.store.clone(), retries)?;
        Ok(self.with(retried))
    }

    /// Each call has a deadline.
    ///
    /// # Errors
    /// Those of [`Timeout::new`].
    pub fn timeout(self, options: TimeoutOptions) -> Result<Stack> {
        let timed = Timeout::new(self.store.clone(), options)?.with_env(self.env.clone());
        Ok(self.with(timed))
    }

    /// Writes are refused.
    #[must_use]
    pub fn read_only(self) -> Stack {
        let read_only = ReadOnly::new(self.store.clone());
        self.with(read_only)
    }

    /// Calls are counted, timed and traced.
    #[must_use]
    pub fn observe(self) -> Stack {
        let observed = Observe::with_env(self.store.clone(), self.env.clone());
        self.with(observed)
    }

    /// Only the part behind a prefix.
    ///
    /// # Errors
    /// Those of [`Prefixed::new`].
    pub fn prefix(self, prefix: impl Into<String>) -> Result<Stack> {
        let view = Prefixed::new(self.store.clone(), prefix)?.with_env(self.env.clone());
        Ok(self.with(view))
    }

    /// The store.
    pub fn build(self) -> Arc<dyn Store> {
        self.store
    }
}
