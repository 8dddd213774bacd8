//! Dumps and copies beside the tools that people use for it. Whole programs on whole data: few rounds, each of many seconds.

#[cfg(feature = "cloud")]
mod copy;
mod export;
mod files;
mod import;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::Store;
use tokio::runtime::Runtime;

use crate::case::Case;
use crate::context::Context;
use crate::error::Result;

pub(crate) const NAME: &str = "dump";

pub(crate) fn run(context: &mut Context) -> Result<()> {
    let runtime = &Context::runtime()?;
    export::run(context, runtime)?;
    import::run(context, runtime)?;
    #[cfg(feature = "cloud")]
    copy::run(context, runtime)?;
    Ok(())
}

/// Runs a shell's line in `folder`, and says how long it took.
fn shell(folder: &Path, line: &str) -> Result<Duration> {
    let begun = Instant::now();
    let mut bash = Command::new("bash");
    bash.args(["-o", "pipefail", "-c", line]).current_dir(folder).stdin(Stdio::null());
    let output = bash.output()?;
    match output.status.success() {
        true => Ok(begun.elapsed()),
        false => Err(format!("{line}: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

/// Whether the programs are there that a case needs; says which one is not.
fn has(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|name| {
        let found =
            Command::new("bash").args(["-c", &format!("command -v {name}")]).stdout(Stdio::null()).status();
        !found.is_ok_and(|status| status.success())
    });
    if let Some(name) = missing {
        eprintln!("dump: {name} is not installed, so what needs it is not measured");
    }
    missing.is_none()
}

fn open(runtime: &Runtime, url: &str) -> Result<Arc<dyn Store>> {
    Ok(runtime.block_on(larder::open(url))?)
}

/// Measures rounds of ours and theirs, the order swapped each time. Each gives nanoseconds for one operation.
fn rounds(
    context: &mut Context,
    case: Case,
    count: usize,
    mut ours: impl FnMut(usize) -> Result<f64>,
    mut theirs: impl FnMut(usize) -> Result<f64>,
) -> Result<()> {
    let mut measured = Vec::new();
    // The first round warms up, and does not count.
    for round in 0..=count {
        context.say(format!("{} round {round} of {count}", case.path()));
        let pair = if round % 2 == 0 {
            let first = ours(round)?;
            (first, theirs(round)?)
        } else {
            let first = theirs(round)?;
            (ours(round)?, first)
        };
        if round > 0 {
            measured.push(pair);
        }
    }
    context.add(case, &measured)
}
