//! The nearest of all rows.

mod filters;
mod options;
mod remote;
mod rescore;
mod run;
mod scan;
mod tables;

pub use options::{Answer, Approximate, SearchOptions, Work};

pub(crate) use filters::Masks;
