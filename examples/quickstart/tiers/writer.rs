//! The child: this program again, which writes until it is killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder::StoreExt;

use super::ledger::{self, KEYS, Pen};
use super::stack::Folders;
use crate::Outcome;

const FOLDERS: &str = "LARDER_QUICKSTART_WRITER";
/// Tasks that write at once, each its own keys.
const TASKS: usize = 16;
/// It ends by itself if nobody kills it.
const LONGEST: Duration = Duration::from_secs(60);

/// A child that is killed at the latest when this goes.
pub(super) struct Writer(Child);

impl Writer {
    /// Begins it. Its writes are told to the ledger at this path.
    pub(super) fn begin(folders: &Folders, ledger: &Path, first: u64) -> Outcome<Writer> {
        let Folders { origin, cache, capacity } = folders;
        let told = [&origin.to_string_lossy(), &cache.to_string_lossy(), &ledger.to_string_lossy()]
            .map(|path| path.to_string())
            .join("\n");
        let mut command = Command::new(std::env::current_exe()?);
        command.env(FOLDERS, format!("{told}\n{capacity}\n{first}"));
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Writer(command.spawn()?))
    }

    /// Kills it, with the signal that no process can catch.
    pub(super) fn kill(mut self) -> Outcome<()> {
        if let Some(ended) = self.0.try_wait()? {
            return Err(format!("the writer ended by itself: {ended}").into());
        }
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What this process is to write, if it is such a child.
pub(crate) fn child_of() -> Option<String> {
    std::env::var(FOLDERS).ok()
}

/// Writes through the same stack, as fast as it goes.
pub(crate) async fn write_until_killed(told: &str) -> Outcome<()> {
    let words: Vec<&str> = told.lines().collect();
    let [origin, cache, path, capacity, first] = words[..] else {
        return Err("the writer was told nothing".into());
    };
    let (origin, cache) = (PathBuf::from(origin), PathBuf::from(cache));
    let stack = Folders { origin, cache, capacity: capacity.parse()? }.open().await?;
    let (pen, first, begun) = (Arc::new(Pen::new(Path::new(path))?), first.parse::<u64>()?, Instant::now());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (stack, pen) = (stack.clone(), pen.clone());
            tokio::spawn(async move {
                for write in first.. {
                    for at in (task..KEYS).step_by(TASKS) {
                        pen.begins(at, write)?;
                        stack.put(ledger::key(at), ledger::value(at, write)).await?;
                        pen.is_done(at, write)?;
                    }
                    if begun.elapsed() > LONGEST {
                        break;
                    }
                }
                Outcome::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}
