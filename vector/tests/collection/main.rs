//! Collections, as their callers see them.

mod backlog;
mod batch;
mod budgets;
mod damage;
mod faults;
mod golden;
mod hostile;
mod model;
mod opening;
mod places;
mod reader;
mod requests;
mod simple;
mod takeover;
mod tiers;
