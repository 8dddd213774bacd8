//! Stores around a store.

pub mod fault;
