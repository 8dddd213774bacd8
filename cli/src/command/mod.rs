//! The subcommands: one file each.

mod backends;
mod completions;
mod copy;
mod diff;
mod doctor;
mod export;
mod gc_uploads;
mod get;
mod import;
mod ls;
mod probe;
mod put;
mod rm;
mod stat;
mod stats;
#[cfg(feature = "vector")]
mod vector;
mod verify;

use clap::Subcommand;

use crate::cx::Cx;
use crate::error::Result;

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Get(get::Get),
    Put(put::Put),
    Rm(rm::Rm),
    Ls(ls::Ls),
    Stat(stat::Stat),
    Stats(stats::Stats),
    Export(Box<export::Export>),
    Import(Box<import::Import>),
    Copy(Box<copy::Copy>),
    Verify(Box<verify::Verify>),
    Diff(Box<diff::Diff>),
    #[cfg(feature = "vector")]
    Vector(Box<vector::Vector>),
    Probe(probe::Probe),
    Doctor(doctor::Doctor),
    GcUploads(gc_uploads::GcUploads),
    Backends(backends::Backends),
    Completions(completions::Completions),
}

impl Command {
    /// Does it.
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        match self {
            Command::Get(get) => get.run(cx).await,
            Command::Put(put) => put.run(cx).await,
            Command::Rm(rm) => rm.run(cx).await,
            Command::Ls(ls) => ls.run(cx).await,
            Command::Stat(stat) => stat.run(cx).await,
            Command::Stats(stats) => stats.run(cx).await,
            Command::Export(export) => export.run(cx).await,
            Command::Import(import) => import.run(cx).await,
            Command::Copy(copy) => copy.run(cx).await,
            Command::Verify(verify) => verify.run(cx).await,
            Command::Diff(diff) => diff.run(cx).await,
            #[cfg(feature = "vector")]
            Command::Vector(vector) => vector.run(cx).await,
            Command::Probe(probe) => probe.run(cx).await,
            Command::Doctor(doctor) => doctor.run(cx).await,
            Command::GcUploads(gc) => gc.run(cx).await,
            Command::Backends(backends) => backends.run(cx).await,
            Command::Completions(completions) => completions.run(cx),
        }
    }
}
