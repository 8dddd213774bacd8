//! Who opens stores: one kind of them, or several on top of each other.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Destroy, OpenOptions, Registry};
use crate::config::{Param, StackConfig, StoreConfig};
use crate::error::Result;
use crate::store::Store;

/// A kind of store, by its URL scheme. [`Registry`] has an example of one.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The scheme: lower-case letters, digits, `-`.
    fn scheme(&self) -> &str;

    /// Every parameter that it knows. The registry refuses others before it calls, and logs what holds for those that
    /// are not given. None may have the name of a parameter of stacks
    /// ([`STACK_PARAMS`](crate::config::STACK_PARAMS)).
    fn params(&self) -> &[Param];

    /// Opens the store that `config` names.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a configuration that is wrong or a store that is missing, and whatever opening meets.
    ///
    /// [`ErrorKind::Invalid`]: crate::ErrorKind::Invalid
    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>>;

    /// Whether the store that `config` names is there. Creates nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`] or [`ErrorKind::Unavailable`] where that cannot be told.
    ///
    /// [`ErrorKind::Denied`]: crate::ErrorKind::Denied
    /// [`ErrorKind::Unavailable`]: crate::ErrorKind::Unavailable
    async fn exists(&self, config: &StoreConfig, options: &OpenOptions) -> Result<bool>;

    /// Says what destroying the store would delete, and deletes nothing before [`Destroy::confirm`].
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if there is no such store, or its place holds what Larder did not write.
    ///
    /// [`ErrorKind::Invalid`]: crate::ErrorKind::Invalid
    async fn destroy(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Destroy>;
}

/// Opens stores on top of each other. The crate of the tiers registers one; without it a stack is refused.
#[async_trait]
pub trait StackOpener: fmt::Debug + Send + Sync + 'static {
    /// Opens the stack. The tiers are opened through `registry` ([`Registry::open`]), each with its
    /// [`Role`](crate::Role) in the options.
    ///
    /// # Errors
    /// Those of [`Backend::open`] of each tier, and [`ErrorKind::Invalid`] for a stack that makes no sense.
    ///
    /// [`ErrorKind::Invalid`]: crate::ErrorKind::Invalid
    async fn open(
        &self,
        registry: &Registry,
        stack: &StackConfig,
        options: &OpenOptions,
    ) -> Result<Arc<dyn Store>>;

    /// Whether the stack is there: its origin is.
    ///
    /// # Errors
    /// Those of [`Backend::exists`].
    async fn exists(&self, registry: &Registry, stack: &StackConfig, options: &OpenOptions) -> Result<bool>;

    /// Says what destroying the stack would delete, tier by tier.
    ///
    /// # Errors
    /// Those of [`Backend::destroy`].
    async fn destroy(
        &self,
        registry: &Registry,
        stack: &StackConfig,
        options: &OpenOptions,
    ) -> Result<Destroy>;
}
