//! Processes that do not outlive the one that began them.

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::Failure;

/// Makes this process die with the thread that began it.
///
/// # Errors
/// If the system refuses, or the parent is already gone.
pub fn die_with_parent() -> Result<(), Failure> {
    let parent = getppid();
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died between the two: then this process has another parent by now.
    if getppid() != parent {
        return Err("the parent is gone".into());
    }
    Ok(())
}
