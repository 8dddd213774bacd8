//! Millions of small entries go from LMDB into a dump, from it into LMDB, and from LMDB into LMDB, each time compared
//! entry by entry, in a child whose anonymous memory is looked at all the time. (A mapped file's pages are not anonymous: LMDB's do not
//! count.) The same is done with few entries, and the most that was seen must be about the same.
//!
//! Values have 100 bytes. LMDB is opened with `sync=none`: what is measured is memory, and rates beside it.

mod child;
mod command;

use std::path::PathBuf;

pub use command::{command, role};

use crate::Outcome;
use crate::process::{self, Program};
use crate::report::Report;

/// By how much the most may be above that of few entries.
const MORE: u64 = 64 << 20;

/// Which way entries go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Export, import, and a comparison of the dump with what was imported.
    Dump,
    /// A copy, and a comparison of it with the source.
    Copy,
}

impl Way {
    /// Both.
    pub const ALL: [Way; 2] = [Way::Dump, Way::Copy];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Way::Dump => "dump",
            Way::Copy => "copy",
        }
    }
}

/// What is done.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which way.
    pub way: Way,
    /// A folder of its own.
    pub folder: PathBuf,
    /// How many entries.
    pub entries: u64,
    /// How many they are compared with.
    pub few: u64,
    /// The program of the children.
    pub program: Program,
}

/// Runs it.
///
/// # Errors
/// What keeps it from going on.
pub fn run(options: &Options) -> Outcome<Report> {
    let mut report = Report::new("bulk", format!("{}, lmdb sync=none", options.way.name()), 0);
    let few = one(options, options.few, &mut Report::new("bulk", "few", 0))?;
    let most = one(options, options.entries, &mut report)?;
    report.count("entries", options.entries);
    report.count("most anonymous memory, KiB", most >> 10);
    report.count(format!("the same with {} entries, KiB", options.few), few >> 10);
    if most == 0 || few == 0 {
        report.problem("a child did not tell its memory");
    }
    if most > few + MORE {
        report.problem(format!("{} KiB more than with few entries", (most - few) >> 10));
    }
    Ok(report)
}

/// Fills and moves; the most anonymous memory of the child that moved.
fn one(options: &Options, entries: u64, report: &mut Report) -> Outcome<u64> {
    let folder = options.folder.join(entries.to_string());
    std::fs::create_dir_all(&folder)?;
    let path = folder.to_str().ok_or("the folder's name is not UTF-8")?;
    let entries = entries.to_string();
    for phase in ["fill", options.way.name()] {
        let args = ["--folder", path, "--entries", &entries, "--phase", phase];
        let (said, complaint) = process::told(&mut options.program.role(child::ROLE, args))?;
        report.absorb(&said)?;
        if let Some(complaint) = complaint {
            return Err(format!("{phase} {entries}: {complaint}").into());
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(report.counted(child::MOST))
}
