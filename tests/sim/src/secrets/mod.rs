//! No secret in any output: canaries in URLs and configurations, and a whole run at the level `TRACE`.
//!
//! A child opens stores with secrets in every place where one can stand, makes every kind of mistake with them, works,
//! fails, panics, and prints everything it can lay hands on: each event with all its fields, each error and
//! configuration in both forms. The parent looks for the canaries in what was said.

mod canary;
mod child;
mod command;
mod listener;
mod vault;

pub use command::{command, role, run};
