//! What the commands that move and compare stores have in common.

pub(crate) mod compare;
pub(crate) mod job;
pub(crate) mod name;
pub(crate) mod place;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod report;
pub(crate) mod side;
pub(crate) mod stdin;
pub(crate) mod write;
