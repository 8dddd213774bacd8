//! Keys that look like paths upwards, like names of the store's own, like anything but a key: all are keys like others.
//!
//! None may lead out of the store's folder; each must come back by get and by list, and go alone.

mod command;
mod generate;
mod run;
pub mod tree;

pub use command::command;
pub use generate::Hostile;
pub use run::{Options, run};
