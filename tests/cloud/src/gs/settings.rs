//! What can be changed while the server runs.

use std::time::Duration;

/// Whether conditions on writes are obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Obeys {
    /// As the service does.
    #[default]
    All,
    /// Generations that a write names are not even looked at, as emulators do.
    Nothing,
    /// Those of deletes are not.
    NoDeletes,
}

/// A service account that may sign URLs.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    pub(super) email: String,
    /// Its public key, as PKCS #1 in DER.
    pub(super) key: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) latency: Duration,
    pub(super) obeys: Obeys,
    /// Seconds that the server's clock is ahead of the machine's.
    pub(super) clock_offset: i64,
    /// The token that must come with each request; `None` lets everybody in.
    pub(super) token: Option<String>,
    /// Whose signed URLs are taken.
    pub(super) signer: Option<Signer>,
    /// Whether downloads tell custom metadata in their headers.
    pub(super) tells_metadata: bool,
    /// Bytes that one call rewrites at most.
    pub(super) rewrite: u64,
    /// Where clients reach REST, if something stands before it.
    pub(super) before: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            latency: Duration::ZERO,
            obeys: Obeys::All,
            clock_offset: 0,
            token: None,
            signer: None,
            tells_metadata: true,
            rewrite: u64::MAX,
            before: None,
        }
    }
}
