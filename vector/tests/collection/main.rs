//! Collections, as their callers see them.

mod fence;
mod model;
mod places;
mod simple;
mod tiers;
