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
//! 2. Whatever counts and times what the *caller* sees (metrics), read-only refusals.
//! 3. Whatever bounds a call as a whole (timeout): outside of retries, since the caller's patience is for all attempts
//!    together.
//! 4. [`retry`], which sends again.
//! 5. Whatever bounds what is under way at once (limit): inside of retries, so that a pause between two attempts holds
//!    no place.
//! 6. [`fault`]: innermost, around the backend itself: what it does is what the service could have done, and every
//!    layer above has to cope with it. Outside of a retry it would only test the caller.
//!
//! An order that does harm is refused when the layer is made; [`Layers`] says what is beneath.
//!
//! # Closing
//! A layer that owns its store's life passes `close` on. A view ([`prefix`]) closes itself alone, since others share
//! what is beneath.

pub mod fault;
mod order;
pub mod prefix;
pub mod retry;

pub use order::Layers;
