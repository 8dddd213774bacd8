//! When to stop.

use tokio::signal::unix::{SignalKind, signal as listen};

/// Ends at SIGTERM or SIGINT.
pub(crate) async fn signal() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (listen(SignalKind::terminate()), listen(SignalKind::interrupt()))
    else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
