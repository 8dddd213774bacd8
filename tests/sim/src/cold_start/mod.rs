//! How long a function takes from its `main` to the first value out of a cache that is there: the program of
//! `examples/lambda`, started again and again on one folder, after it closed its stack and after it was killed.
//!
//! The service is the S3 double of `larder-cloud-tests`, in this process: no start may as much as connect to it.

mod command;
mod holder;
mod run;

use std::path::PathBuf;

pub use command::{command, role};
pub use run::run;

use crate::process::Program;

/// What is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// The function's program, as its profile builds it.
    pub function: PathBuf,
    /// A folder of its own.
    pub folder: PathBuf,
    /// How often it is started after a clean close.
    pub starts: u64,
    /// How often after a kill.
    pub kills: u64,
    /// The program of the children.
    pub program: Program,
}

/// The place in the double.
const PLACE: &str = "bucket/app";
/// The key that each start reads, and its value.
const KEY: &str = "user/7";
const VALUE: &str = "Anna";
/// Bytes of the fronts.
const MEMORY: u64 = 32 << 20;
const CACHE: u64 = 400 << 20;
