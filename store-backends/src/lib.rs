//! Larder's stores: one folder, one feature and one URL scheme each.

#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "lmdb")]
pub mod lmdb;
#[cfg(feature = "memory")]
pub mod memory;
