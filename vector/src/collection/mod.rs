//! Collections of vectors in a store.

mod api;
mod backlog;
mod core;
pub(crate) mod fetch;
mod follow;
mod get;
mod manifest;
mod open;
mod options;
mod pack;
mod recode;
mod rewrite;
mod scan;
mod seal;
mod search;
mod sweep;
mod view;
mod writer;

pub use api::{Collection, Stats, VectorStore};
pub use options::{CollectionOptions, Role};
pub use search::{Answer, Approximate, SearchOptions, Work};

pub(crate) use core::Core;
pub(crate) use search::Masks;
pub(crate) use view::View;
