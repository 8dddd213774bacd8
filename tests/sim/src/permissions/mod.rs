//! Folders and files that a store must refuse, as an ordinary user sees them.
//!
//! The superuser ignores modes, so each case runs in a child of another user, who owns nothing but what the case gives
//! them. The refusal must have the right kind and a sentence that helps; nothing outside the store may be read, written
//! or waited for.

mod cases;
mod child;
mod command;
pub mod stack;

pub use command::{command, role, run};
