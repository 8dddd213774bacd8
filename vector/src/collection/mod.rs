//! Collections of vectors in a store.

mod api;
mod backlog;
mod checks;
mod core;
pub(crate) mod fetch;
mod follow;
mod get;
mod manifest;
mod open;
mod options;
mod pack;
mod parts;
mod recode;
mod rewrite;
mod scan;
mod seal;
mod search;
mod stats;
mod store;
mod sweep;
mod unpack;
mod view;
mod writer;

pub use api::Collection;
pub use options::{CollectionOptions, Role};
pub use search::{Answer, Approximate, SearchOptions, Work};
pub use stats::Stats;
pub use store::VectorStore;

pub(crate) use core::Core;
pub(crate) use parts::{Parts, kept_free};
pub(crate) use search::Masks;
pub(crate) use view::View;
