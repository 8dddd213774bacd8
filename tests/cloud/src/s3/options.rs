//! What a double is started with.

use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand unescaped in the value of a parameter.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// What a [`Double`](super::Double) is started with.
#[derive(Debug, Clone)]
pub struct DoubleOptions {
    /// The port of 127.0.0.1 to listen on; 0 takes a free one.
    pub port: u16,
    /// The one access key that is known.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    /// The region that requests must be signed for.
    pub region: String,
    /// Where bodies above 16 KiB are kept, in a folder of their own that is removed at the end; `None` keeps them in
    /// memory. Names and small bodies are always in memory.
    pub bodies: Option<PathBuf>,
    /// Buckets that are there from the start.
    pub buckets: Vec<String>,
    /// Threads of the server.
    pub threads: usize,
}

impl Default for DoubleOptions {
    fn default() -> Self {
        Self {
            port: 0,
            access_key: "LARDERDOUBLEKEY".into(),
            secret_key: "larder/double+secret".into(),
            region: "eu-west-1".into(),
            bodies: None,
            buckets: Vec::new(),
            threads: 2,
        }
    }
}

impl DoubleOptions {
    /// A store's URL for `place` at the server that was started with these options and listens at `endpoint`.
    pub(super) fn url(&self, endpoint: &str, place: &str) -> String {
        let parameters = [
            ("endpoint", endpoint),
            ("region", &self.region),
            ("access_key", &self.access_key),
            ("secret_key", &self.secret_key),
        ];
        let parameters =
            parameters.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, PLAIN)));
        format!("s3://{place}?{}", parameters.join("&"))
    }
}
