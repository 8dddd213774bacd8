//! A store that fails on purpose, for tests.
//!
//! [`FaultStore`] passes every call on to its inner store, and [`Faults`] says which calls go wrong and how: an error
//! **before** the effect (nothing was done), an error **after** it (it was done, and the answer got lost), an answer
//! that never comes, one that comes late, a stream or listing that breaks off. Rules are drawn from a seed: the n-th
//! call that a rule looks at has the same fate in every run.
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> larder_store_core::Result<()> {
//! use larder_store_core::conformance::{Place, Reference};
//! use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
//! use larder_store_core::{Env, ErrorKind, Op, StoreExt};
//!
//! let faults = Faults::new(7, [
//!     // The first put is made, and its answer is lost.
//!     Fault::after([Op::Put]).nth(1),
//!     // Every second get, more or less, finds the service out of reach.
//!     Fault::before([Op::Get]).fail(ErrorKind::Unavailable).rate(0.5),
//! ])?;
//! let store = FaultStore::new(Reference::new(&Place::new("doc", Env::system())), faults.clone());
//!
//! let error = store.put("k", "v").await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Unknown);
//! assert!(!error.settled());
//! faults.disable();
//! assert_eq!(store.get("k").await?.unwrap(), "v");
//!
//! // A run that never met a fault it was made for shows nothing.
//! let never: Vec<_> = faults.zero_cells().iter().map(ToString::to_string).collect();
//! assert_eq!(never, ["get before fail unavailable: 0 of 0"]);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "conformance"))]
//! # fn main() {}
//! ```
//!
//! # What "after" means
//! The inner store answered, and what it said is lost: a success, or a conflict. Its other errors pass as they are, as
//! there was no effect. A write whose answer is lost is [`ErrorKind::Unknown`] and not settled, unless the rule says
//! otherwise; anything else is [`ErrorKind::Unavailable`].
//!
//! # Many, and streams
//! A rule for many keys strikes each key by itself: before the effect, the key is taken out of the batch; after it, its
//! outcome is replaced. A hang or delay of one key holds up the whole call. A cut of a read stream or listing gives
//! what came before it, then the error; a cut of a written stream gives the inner store a body that breaks off.
//!
//! [`ErrorKind::Unknown`]: crate::ErrorKind::Unknown
//! [`ErrorKind::Unavailable`]: crate::ErrorKind::Unavailable

mod plan;
mod rule;
mod store;
mod stream;

pub use plan::{Cell, Faults};
pub use rule::{Effect, Fault, When};
pub use store::FaultStore;
