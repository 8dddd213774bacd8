//! What the subcommands of `larder vector` have in common.

pub(crate) mod answer;
pub(crate) mod dump;
pub(crate) mod entry;
pub(crate) mod feed;
pub(crate) mod file;
pub(crate) mod id;
pub(crate) mod lines;
pub(crate) mod open;
pub(crate) mod payload;
pub(crate) mod schema;
pub(crate) mod writer;
