//! What a double is started with.

use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand unescaped in the value of a parameter.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// What a [`Double`](super::Double) is started with.
#[derive(Debug, Clone)]
pub struct DoubleOptions {
    /// The port of 127.0.0.1 for REST; 0 takes a free one.
    pub port: u16,
    /// The port for gRPC; 0 takes a free one.
    pub grpc_port: u16,
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
        Self { port: 0, grpc_port: 0, bodies: None, buckets: Vec::new(), threads: 2 }
    }
}

/// A store's URL for `place` at a double with these endpoints.
pub(super) fn url(rest: &str, grpc: &str, place: &str) -> String {
    let escaped = |value| utf8_percent_encode(value, PLAIN);
    format!("gs://{place}?endpoint={}&grpc_endpoint={}&anonymous=true", escaped(rest), escaped(grpc))
}
