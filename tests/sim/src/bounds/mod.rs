//! Far more than fits passes through a stack: memory over an LMDB cache over values that are made up. At every sample the
//! blocks of the cache's files and the process's anonymous memory must be within their bounds, and at the end it must be
//! as fast as at the beginning.
//!
//! Twice: once values are read, so that each is a miss and fills the caches behind the reader's back; then values are
//! written, so that each is installed. In both, some that came a moment ago are read again and must be hits.

mod child;
mod command;
mod sample;
mod speed;

use std::path::PathBuf;

pub use command::{command, role};

use crate::Outcome;
use crate::generated::Sizes;
use crate::process::{self, Program};
use crate::report::Report;

/// What is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// A folder of its own.
    pub folder: PathBuf,
    /// Bytes that pass, in each of the two ways.
    pub bytes: u64,
    /// Bytes of the LMDB cache.
    pub cache: u64,
    /// Bytes of the front in memory.
    pub memory: u64,
    /// How large values are.
    pub sizes: Sizes,
    /// Speed is only told, not judged: that of a build that is not optimised, or of a short run, says nothing.
    pub lenient: bool,
    /// The program of the child, whose memory is measured.
    pub program: Program,
}

/// Runs it in a child.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Report> {
    let sizes = match options.sizes {
        Sizes::Fixed(len) => len.to_string(),
        Sizes::Mixed => "0".to_owned(),
    };
    let name = match options.sizes {
        Sizes::Fixed(len) => format!("values of {len} bytes"),
        Sizes::Mixed => "mixed values".to_owned(),
    };
    let mut report = Report::new("bounds", name, 0);
    let folder = options.folder.to_str().ok_or("the folder's name is not UTF-8")?;
    let numbers = [options.bytes, options.cache, options.memory].map(|n| n.to_string());
    let [bytes, cache, memory] = &numbers;
    let mut args =
        vec!["--folder", folder, "--bytes", bytes, "--cache", cache, "--memory", memory, "--size", &sizes];
    if options.lenient {
        args.push("--lenient");
    }
    let (said, complaint) = process::told(&mut options.program.role(child::ROLE, args))?;
    report.absorb(&said)?;
    if let Some(complaint) = complaint {
        report.problem(complaint);
    }
    Ok(report)
}
