//! Children: this program run again, never left behind.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::Outcome;

const PARENT: &str = "LARDER_SIM_PARENT";

/// The program whose roles children play: the binary `larder-sim`.
#[derive(Debug, Clone)]
pub struct Program(PathBuf);

impl Program {
    /// This process's own.
    ///
    /// # Errors
    /// Its path cannot be told.
    pub fn this() -> Outcome<Program> {
        Ok(Program(std::env::current_exe()?))
    }

    /// The one at `path`, for tests (`CARGO_BIN_EXE_larder-sim`).
    pub fn at(path: impl Into<PathBuf>) -> Program {
        Program(path.into())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A command that plays `role`, with nothing to read.
    pub fn role<S: AsRef<OsStr>>(&self, role: &str, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.0);
        command.arg(role).args(args).stdin(Stdio::null()).env(PARENT, std::process::id().to_string());
        command
    }
}

/// Runs a child to its end: what it said on its output, and how it ended with what it complained about, where that was
/// not well.
///
/// # Errors
/// It cannot be run.
pub fn told(command: &mut Command) -> Outcome<(String, Option<String>)> {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = output.map_err(|e| format!("{:?} cannot be run: {e}", command.get_program()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let complaint = format!("it ended with {}: {}", output.status, text(&output.stderr).trim());
    Ok((text(&output.stdout), (!output.status.success()).then_some(complaint)))
}

/// Makes this process die with the one that began it. To be called first by each role.
///
/// # Errors
/// The parent is gone already.
pub fn die_with_parent() -> Outcome {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = std::env::var(PARENT).ok().and_then(|text| text.parse().ok()).and_then(Pid::from_raw);
    if parent.is_some() && getppid() != parent {
        return Err("the process that began this one is gone".into());
    }
    Ok(())
}

/// A child that is killed when this goes.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Begins it.
    ///
    /// # Errors
    /// It cannot be begun.
    pub fn begin(command: &mut Command) -> Outcome<Running> {
        let child = command.spawn();
        Ok(Running(child.map_err(|e| format!("{:?} cannot be run: {e}", command.get_program()))?))
    }

    /// Begins it, and waits until it says something.
    ///
    /// # Errors
    /// It cannot be begun, or ends before that.
    pub fn begin_ready(command: &mut Command) -> Outcome<Running> {
        let mut child = Running::begin(command.stdout(Stdio::piped()))?;
        let said = child.child().stdout.take().ok_or("the child has no output")?.read(&mut [0])?;
        if said == 0 {
            return Err("a child ended before it was ready".into());
        }
        Ok(child)
    }

    /// The child itself.
    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Kills it with SIGKILL, if it still runs.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self) -> Outcome {
        Ok(self.0.kill()?)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The system refuses.
    pub fn wait(&mut self) -> Outcome<ExitStatus> {
        Ok(self.0.wait()?)
    }

    /// What it said on its error output, which must be a pipe: for when it has ended.
    pub fn complaint(&mut self) -> String {
        let mut bytes = Vec::new();
        if let Some(pipe) = &mut self.0.stderr {
            // What cannot be read was not said.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
