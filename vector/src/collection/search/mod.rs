//! The nearest of all rows.

mod compare;
mod exact;
mod filters;
mod finish;
mod options;
mod parts;
mod payloads;
mod read;
mod remote;
mod rescore;
mod run;
mod scan;
mod tables;
mod take;

pub use options::{Answer, Approximate, SearchOptions, Work};

pub(crate) use filters::Masks;

/// Segments and blocks that are read at once.
const TOGETHER: usize = 16;
