//! Where the store of a front comes from.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use larder_store_core::{Result, Store};

/// Opens the store of a front: when the stack is opened, and again later if that failed (a full disk, say).
///
/// A store is one that opens as itself.
#[async_trait]
pub trait OpenFront: Debug + Send + Sync + 'static {
    /// Opens it. Called by one task at a time, and not again once it succeeded.
    ///
    /// # Errors
    /// Whatever opening meets. [`ErrorKind::Invalid`] and [`ErrorKind::Unsupported`] are the caller's mistakes: the stack
    /// is not opened then.
    ///
    /// [`ErrorKind::Invalid`]: larder_store_core::ErrorKind::Invalid
    /// [`ErrorKind::Unsupported`]: larder_store_core::ErrorKind::Unsupported
    async fn open(&self) -> Result<Arc<dyn Store>>;
}

#[async_trait]
impl OpenFront for Arc<dyn Store> {
    async fn open(&self) -> Result<Arc<dyn Store>> {
        Ok(self.clone())
    }
}
