//! The only place with `unsafe`: LMDB's C code, mappings, locks of open files, and the hook at forks.
//!
//! What it gives is safe to use in any way:
//! - An environment is closed when its last transaction is gone (`readers::ReadTxn` keeps it alive).
//! - It grows only while this module holds every read transaction itself (`readers::Exclusive`) and the one that may write
//!   has none open ([`WriteEnd`] is borrowed for both).
//! - No slice of LMDB's own map ever leaves this module: reads go through [`Mapping`], which lives as long as its
//!   users.
//! - After a fork nothing of LMDB is touched in the child, not even to drop it.

mod env;
mod fork;
mod lock;
mod mapping;
mod prefetch;
mod readers;
mod words;

pub(super) use env::{Code, Db, OpenArgs, WriteEnd, WriteTxn, lock_file_len};
pub(super) use fork::forks;
pub(super) use lock::{is_locked, try_lock, unlock};
pub(super) use mapping::Mapping;
pub(super) use prefetch::prefetch;
pub(super) use readers::{Lease, Readers};
pub(super) use words::Words;
