//! The child, with mounts of its own.

use std::path::PathBuf;

use super::{FRESH, rounds};
use crate::args::Args;
use crate::full_disk::mount::Disk;
use crate::report::Report;
use crate::{Outcome, process};

/// The name of the role.
pub(in crate::full_disk) const ROLE: &str = "role-full-disk-stack";

/// Plays the role.
///
/// # Errors
/// What keeps it from going on.
pub(in crate::full_disk) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let folder = PathBuf::from(args.need("folder")?);
    let disk = Disk::parse(&args.need("disk")?)?;
    let fresh = args.need("fresh")?;
    let (_, fresh) = *FRESH.iter().find(|(name, _)| *name == fresh).ok_or("there is no such freshness")?;
    let (rounds, seed) = (args.number("rounds", 1)?, args.number("seed", 0)?);
    args.finish()?;
    let mounted = folder.join("disk");
    disk.mount(&mounted, &folder)?;
    let mut report = Report::new("full-disk", "", seed);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let done = runtime.block_on(rounds::run(&folder, &mounted, disk, fresh, rounds, seed, &mut report));
    print!("{}", report.lines());
    done
}
