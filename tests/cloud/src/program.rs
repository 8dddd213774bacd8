//! What the doubles' programs have in common.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::Failure;

/// Starts a server, and keeps it until SIGTERM or SIGINT.
pub(crate) fn until_signal<S>(start: impl FnOnce() -> Result<S, Failure>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Before the line that says ready, so that no signal is missed after it.
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let server = start()?;
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        drop(server);
        Ok(())
    })
}

/// Reads `20ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, Failure> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..end].parse().map_err(|_| format!("{text:?} is no duration: write 20ms"))?;
    match &text[end..] {
        "us" => Ok(Duration::from_micros(number)),
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        _ => Err(format!("{text:?} has no unit: write 20ms").into()),
    }
}
