//! The settings: a TOML file.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use larder::config::StackConfig;
use serde::Deserialize;

/// What the file says. See `service.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where to listen; `LISTEN` in the environment goes before.
    pub(crate) listen: SocketAddr,
    /// The store.
    pub(crate) store: StackConfig,
    #[serde(default = "ten")]
    request_seconds: u64,
    #[serde(default = "hour")]
    stream_seconds: u64,
    #[serde(default = "half_a_minute")]
    progress_seconds: u64,
    /// The longest body that is taken.
    #[serde(default = "gibibyte")]
    pub(crate) max_body_bytes: u64,
    #[serde(default = "half_a_minute")]
    stop_seconds: u64,
}

fn ten() -> u64 {
    10
}

fn half_a_minute() -> u64 {
    30
}

fn hour() -> u64 {
    3600
}

fn gibibyte() -> u64 {
    1 << 30
}

impl Settings {
    /// Reads the file.
    pub(crate) fn read(path: &Path) -> Result<Settings, String> {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        // The line and the message alone: what it shows of the file may hold a secret.
        let wrong = |e: toml::de::Error| {
            let line = e.span().map_or(1, |span| text[..span.start].lines().count().max(1));
            format!("{}, line {line}: {}", path.display(), e.message())
        };
        let mut settings: Settings = toml::from_str(&text).map_err(wrong)?;
        if let Ok(listen) = std::env::var("LISTEN") {
            settings.listen = listen.parse().map_err(|e| format!("LISTEN: {e}"))?;
        }
        let seconds = [settings.request_seconds, settings.stream_seconds, settings.progress_seconds];
        if seconds.contains(&0) {
            return Err("a time of 0 seconds lets nothing through".into());
        }
        Ok(settings)
    }

    /// Until a request must be answered.
    pub(crate) fn request(&self) -> Duration {
        Duration::from_secs(self.request_seconds)
    }

    /// Until a streamed body must have come or gone.
    pub(crate) fn stream(&self) -> Duration {
        Duration::from_secs(self.stream_seconds)
    }

    /// From one piece of it to the next.
    pub(crate) fn progress(&self) -> Duration {
        Duration::from_secs(self.progress_seconds)
    }

    /// From the signal to the end.
    pub(crate) fn stop(&self) -> Duration {
        Duration::from_secs(self.stop_seconds)
    }
}
