//! Collections, as their callers see them.

mod damage;
mod faults;
mod golden;
mod hostile;
mod model;
mod opening;
mod places;
mod reader;
mod simple;
mod takeover;
mod tiers;
