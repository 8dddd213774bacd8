//! The contract that every Larder store keeps, and what is built on it alone.
//!
//! - Use a store: [`StoreExt`] (`get`, `put`, `delete`, `list`, `update`, typed values, prefixes).
//! - Write one: [`Store`], with [`derived`] for what you do not do better yourself, and the `conformance` feature to
//!   prove it.
//! - Open one by URL: [`Registry`] and [`config`].
//! - What it promises: [`Guarantees`]. What went wrong: [`Error`] and its [`ErrorKind`].
//!
//! Backends live in `larder-store-backends`; this crate knows none of them.

pub mod attributes;
pub mod boot;
mod call;
pub mod cbor;
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod derived;
pub mod env;
mod error;
mod ext;
mod forward;
mod front;
mod guarantees;
mod key;
pub mod layer;
mod meta;
mod options;
mod outcome;
pub mod probe;
mod range;
pub mod record;

mod registry;
mod secret;
mod setters;
mod store;
mod store_id;
pub mod system;
pub mod time;
mod version;
mod write_id;

pub use attributes::{Attributes, MAX_ATTRIBUTES, Native};
pub use call::{Call, Extensions};
pub use env::Env;
pub use error::{Error, ErrorKind, Op, Result};
pub use ext::{RangesOptions, StoreExt, Typed, TypedEntry, UpdateOptions, Updated};
pub use front::{Object, Objects, Usage};
pub use guarantees::{
    Batches, CasScope, Guarantees, ListedTimes, Listing, Ranges, Retention, Sharing, Transactions, Versions,
};
pub use key::{IntoKey, Key};
pub use meta::{Expires, Meta};
pub use options::{
    Consistency, CopyOptions, DeleteItem, DeleteOptions, Fill, GetOptions, HeadOptions, ListOptions,
    Precondition, PutItem, PutOptions, Step, SweepOptions, check_only,
};
pub use outcome::{
    ByteStream, Copied, Deleted, Durability, Got, Items, Listed, Removed, Served, StepDone, Swept,
    Transacted, Written,
};
pub use range::ByteRange;
pub use registry::{Backend, Destroy, OpenOptions, Registry, Role, StackOpener};
pub use secret::Secret;
pub use store::{Store, closed};
pub use store_id::StoreId;
pub use version::{MAX_PREDECESSORS, Version};
pub use write_id::WriteId;
