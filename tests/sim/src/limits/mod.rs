//! Much data in little memory: a listing of a million keys and a value of a gigabyte, in a child with a data limit.
//!
//! The limit is the kernel's (`RLIMIT_DATA`: heap, stacks and private memory that can be written). Whoever collects a
//! listing or a value in memory fails to allocate, and aborts.
//!
//! A bucket is that of the S3 double, which runs in the parent, that has no limit, and keeps large bodies on disk.

#[cfg(feature = "s3")]
mod bucket;
mod child;
mod command;
mod fill;
mod run;

use std::path::PathBuf;

pub use command::{command, role};
pub use run::run;

use crate::process::Program;
use crate::stores::Kind;

/// Where the data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// In a store on disk.
    Disk(Kind),
    /// In a bucket, with the layout of this name.
    #[cfg(feature = "s3")]
    Bucket(&'static str),
}

impl Subject {
    /// What it is called in reports.
    pub fn name(self) -> String {
        match self {
            Subject::Disk(kind) => kind.name().to_owned(),
            #[cfg(feature = "s3")]
            Subject::Bucket(layout) => format!("s3 layout={layout}"),
        }
    }
}

/// A case.
#[derive(Debug, Clone)]
pub struct Options {
    /// The store.
    pub subject: Subject,
    /// Parameters of a store on disk, as in a URL.
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
