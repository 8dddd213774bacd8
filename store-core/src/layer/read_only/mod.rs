//! Every write is refused.
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> larder_store_core::Result<()> {
//! # use larder_store_core::{Env, conformance::{Place, Reference}};
//! # let service = Reference::new(&Place::new("doc", Env::system()));
//! use larder_store_core::layer::read_only::ReadOnly;
//! use larder_store_core::{CasScope, ErrorKind, Store, StoreExt};
//!
//! let store = ReadOnly::new(service);
//! assert_eq!(store.get("k").await?, None);
//! assert_eq!(store.put("k", "v").await.unwrap_err().kind(), ErrorKind::Unsupported);
//! assert_eq!(store.guarantees().cas, CasScope::None);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "conformance"))]
//! # fn main() {}
//! ```
//!
//! A write is [`Unsupported`](crate::ErrorKind::Unsupported) before the inner store is asked, and so is a sweep that
//! removes something. The guarantees say what they can: no compare-and-swap, no conditional delete, no transactions.

mod store;

use crate::error::{Error, Op};
use crate::guarantees::{CasScope, Guarantees};
use crate::store::Store;

/// A store that can only be read. See the [module](self).
#[derive(Debug)]
pub struct ReadOnly<S> {
    inner: S,
    guarantees: Guarantees,
}

impl<S: Store> ReadOnly<S> {
    /// Refuses the writes of `inner`.
    pub fn new(inner: S) -> ReadOnly<S> {
        let mut guarantees = inner.guarantees().clone();
        (guarantees.cas, guarantees.conditional_delete) = (CasScope::None, false);
        guarantees.transactions = None;
        (guarantees.batches.put, guarantees.batches.delete) = (None, None);
        ReadOnly { inner, guarantees }
    }

    /// The store that can be written.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn refusal(&self, op: Op) -> Error {
        Error::unsupported(op, "writes: it was opened to be read only").at(self.inner.id())
    }
}
