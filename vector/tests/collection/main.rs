//! Collections, as their callers see them.

mod model;
mod places;
mod simple;
