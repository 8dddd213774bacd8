//! Much data in little memory: a listing of a million keys and a value of a gigabyte, in a child with a data limit.
//!
//! The limit is the kernel's (`RLIMIT_DATA`: heap, stacks and private memory that can be written). Whoever collects a
//! listing or a value in memory fails to allocate, and aborts.

mod child;
mod command;
mod run;

use std::path::PathBuf;

pub use command::{command, role};
pub use run::run;

use crate::process::Program;
use crate::stores::Kind;

/// A case.
#[derive(Debug, Clone)]
pub struct Options {
    /// The store.
    pub kind: Kind,
    /// Its parameters, as in a URL.
    pub params: String,
    /// A folder that holds nothing yet.
    pub folder: PathBuf,
    /// How many keys are listed.
    pub keys: u64,
    /// How many bytes the value has.
    pub value: u64,
    /// How many bytes of data the child may have.
    pub limit: u64,
    /// The program that the child runs.
    pub program: Program,
}
