//! Tiers for Larder: any number of stores on top of each other, hottest first, that are together one store.
//!
//! - [`TieredStore`]: the stack. [`TieredStore::builder`] makes one of stores; [`Stacks`] makes them of stack strings.
//! - [`fence`]: the table by which no front ever serves what its origin no longer holds.
//! - [`StackStats`]: what a stack did, tier by tier; the same numbers go to the `metrics` recorder that is installed.

mod boot;
mod builder;
mod clocks;
mod entry;
pub mod fence;
mod flight;
mod front;
mod opener;
mod policy;
mod reach;
mod read;
mod stack;
mod stats;
mod store;
#[allow(unsafe_code)]
mod sys;
mod write;

pub use builder::{Builder, DEFAULT_FRONT_TIMEOUT};
pub use front::OpenFront;
pub use opener::Stacks;
pub use stats::{Breaker, FenceStats, OriginStats, StackStats, TierStats};
pub use store::TieredStore;
