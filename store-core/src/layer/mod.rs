//! Stores around a store.

pub mod fault;
pub mod prefix;
