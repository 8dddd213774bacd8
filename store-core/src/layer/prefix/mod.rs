//! A part of a store as a store of its own: all keys that start with a prefix, without it.

mod names;
mod store;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::env::{Env, InFlight, InFlightGuard};
use crate::error::{Error, ErrorKind, Op, Result};
use crate::guarantees::Guarantees;
use crate::key::Key;
use crate::store::{Store, closed};

use names::Names;

/// All keys of a store that start with a prefix, without it: see
/// [`StoreExt::prefixed`](crate::StoreExt::prefixed).
///
/// - The prefix is text, not a folder: behind `"a"` the key `b` is the inner store's `ab`. End it with a delimiter.
/// - Keys of the system space are prefixed too, in their own space: two views share no marker and no lease.
/// - The inner store's key that is the prefix itself is not in the view, as no key is empty.
/// - Keys can be shorter by the prefix ([`Guarantees::max_key`]); one that leaves less than
///   [`Key::PORTABLE_LEN`] is refused.
/// - Metas, errors and listings name the caller's keys, and this store.
/// - [`flush`](Store::flush), [`drain`](Store::drain) and [`sweep`](Store::sweep) are those of the whole inner store.
/// - [`close`](Store::close) closes the view, and not the inner store, which others may share: calls through the view
///   are seen out, and new ones refused. [`Prefixed::inner`] is there to be closed by whoever owns it.
///
/// ```
/// # #[cfg(feature = "conformance")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> larder_store_core::Result<()> {
/// # use larder_store_core::{Env, conformance::{Place, Reference}};
/// # let store = Reference::new(&Place::new("doc", Env::system()));
/// use std::sync::Arc;
/// use larder_store_core::{Store, StoreExt};
///
/// let store: Arc<dyn Store> = Arc::new(store);
/// let anna = store.clone().prefixed("anna/")?;
/// anna.put("photo", "…").await?;
/// assert_eq!(anna.get("photo").await?.unwrap(), "…");
/// assert_eq!(store.get("anna/photo").await?.unwrap(), "…");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "conformance"))]
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Prefixed<S> {
    inner: S,
    names: Arc<Names>,
    guarantees: Guarantees,
    env: Env,
    closed: AtomicBool,
    inflight: InFlight,
}

impl<S: Store> Prefixed<S> {
    /// The part of `inner` behind `prefix`.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a prefix that is empty, holds a control character, or leaves less than
    /// [`Key::PORTABLE_LEN`] bytes for keys.
    pub fn new(inner: S, prefix: impl Into<String>) -> Result<Prefixed<S>> {
        let prefix = prefix.into();
        let refuse = |why: String| Error::new(ErrorKind::Invalid, Op::Open, why).at(inner.id());
        if prefix.is_empty() {
            return Err(refuse("an empty prefix is the whole store".into()));
        }
        let longest = inner.guarantees().max_key.min(Key::MAX_LEN);
        let left = longest.saturating_sub(prefix.len());
        if left < Key::PORTABLE_LEN {
            let why = format!(
                "a prefix of {} bytes leaves {left} of {longest} for keys, and at least {} are portable",
                prefix.len(),
                Key::PORTABLE_LEN
            );
            return Err(refuse(why));
        }
        if let Err(error) = Key::new(prefix.as_str()) {
            return Err(refuse(format!("the prefix {prefix:?} can begin no key: {}", error.why())));
        }
        let mut guarantees = inner.guarantees().clone();
        guarantees.max_key = left;
        Ok(Prefixed {
            names: Arc::new(Names {
                outer: inner.id().with_prefix(&prefix),
                inner: inner.id().clone(),
                prefix,
            }),
            guarantees,
            inner,
            env: Env::system(),
            closed: AtomicBool::new(false),
            inflight: InFlight::new(),
        })
    }

    /// Takes the clock for the deadline of `close` from `env`.
    pub fn with_env(mut self, env: Env) -> Prefixed<S> {
        self.env = env;
        self
    }

    /// The prefix.
    pub fn prefix(&self) -> &str {
        &self.names.prefix
    }

    /// The whole store.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Begins a call, unless the view was closed.
    fn enter(&self, op: Op) -> Result<InFlightGuard> {
        // Counted before the look: whoever closes sees either the call or its refusal.
        let busy = self.inflight.enter();
        match self.closed.load(SeqCst) {
            true => Err(closed(op, &self.names.outer)),
            false => Ok(busy),
        }
    }
}
