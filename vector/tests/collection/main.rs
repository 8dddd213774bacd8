//! Collections, as their callers see them.

mod backlog;
mod budgets;
mod damage;
mod faults;
mod golden;
mod hostile;
mod model;
mod places;
mod reader;
mod simple;
mod takeover;
mod tiers;
