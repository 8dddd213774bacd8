//! Stores around a store: each takes a store, changes one thing about it, and is a store.
//!
//! A layer writes out every method of [`Store`](crate::Store), so that none bypasses it, passes options on as they
//! are, keeps the write id of a write that it sends again, and combines `settled`.
//!
//! # Order
//! From the caller down to the backend; each for what would go wrong elsewhere:
//!
//! 1. [`prefix`]: outermost, so that all below speak of the keys as they are stored, and two views share what is
//!    below them: one limit, one set of connections.
//! 2. [`observe`], which counts and times what the *caller* sees, and [`read_only`]. Another [`observe`] beneath the
//!    retry counts attempts.
//! 3. [`timeout`], which bounds a call as a whole: outside of retries, since the caller's patience is for all attempts
//!    together. A retry around a timeout is refused.
//! 4. [`retry`], which sends again. A retry around a retry is refused, as attempts would multiply.
//! 5. [`limit`], which bounds what is under way at once: inside of retries, so that a pause between two attempts holds
//!    no place. A limit around a retry is refused.
//! 6. [`fault`]: innermost, around the backend itself: what it does is what the service could have done, and every
//!    layer above has to cope with it. Outside of a retry it would only test the caller.
//!
//! [`stack`] lays them around a store one by one. An order that does harm is refused when the layer is made, also if a
//! backend retries by itself: [`Layers`] says what is beneath.
//!
//! # Closing
//! A layer that owns its store's life passes `close` on. A view ([`prefix`]) closes itself alone, since others share
//! what is beneath.

pub mod fault;
pub mod limit;
pub mod observe;
mod order;
pub mod prefix;
pub mod read_only;
pub mod retry;
mod stack;
pub mod timeout;

pub use order::Layers;
pub use stack::{Stack, stack};
