//! What each of the small layers does that its inner store does not.
#![cfg(feature = "conformance")]

mod limit;
mod observe;
mod order;
mod read_only;
mod recorder;
mod timeout;
