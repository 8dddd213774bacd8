//! Ctrl-C and its like: the first ends what is under way, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::time::Duration;

use larder::Env;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long the end may take after the first signal: a pipe that nobody reads would hold it up for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a signal cancels.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel {
    token: CancellationToken,
    signal: Arc<AtomicU8>,
}

impl Cancel {
    /// Listens to SIGINT and SIGTERM from now on.
    pub(crate) fn watch(env: &Env) -> Cancel {
        let cancel = Cancel::default();
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            // Without handlers the signals end the process by themselves.
            return cancel;
        };
        let (told, clock) = (cancel.clone(), env.clone());
        env.spawn(async move {
            let mut next = async || {
                tokio::select! {
                    _ = interrupt.recv() => 2,
                    _ = terminate.recv() => 15,
                }
            };
            let first: u8 = next().await;
            told.signal.store(first, SeqCst);
            told.token.cancel();
            tokio::select! {
                _ = next() => {}
                () = clock.sleep(PATIENCE) => {}
            }
            std::process::exit(128 + i32::from(first));
        });
        cancel
    }

    /// What calls take along.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// The signal that came.
    pub(crate) fn signal(&self) -> Option<u8> {
        Some(self.signal.load(SeqCst)).filter(|number| *number != 0)
    }
}
