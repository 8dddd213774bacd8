//! What is told: a table for people, lines for programs, a picture for the README.

mod json;
mod machine;
mod svg;
mod table;

pub(crate) use json::json;
pub(crate) use machine::machine;
pub(crate) use svg::svg;
pub(crate) use table::{per_op, table};
