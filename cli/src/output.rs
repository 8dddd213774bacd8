//! The two outputs. Values, listings and answers go to the standard output, everything said about them to the other.

use std::io::{BufWriter, IsTerminal, Stdout, Write, stderr, stdout};
use std::sync::Mutex;

use serde_json::Value;

use crate::error::{Failure, Result};
use crate::{escape, json};

/// Bytes that are gathered where nobody is looking on.
const GATHERED: usize = 64 << 10;

/// Where answers go.
#[derive(Debug)]
pub(crate) struct Output {
    out: Mutex<BufWriter<Stdout>>,
    is_terminal: bool,
    quiet: bool,
}

impl Output {
    pub(crate) fn new(quiet: bool) -> Output {
        let out = stdout();
        Output {
            is_terminal: out.is_terminal(),
            out: Mutex::new(BufWriter::with_capacity(GATHERED, out)),
            quiet,
        }
    }

    /// Writes bytes as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result {
        let mut out = self.out.lock().unwrap_or_else(|e| e.into_inner());
        let mut done = out.write_all(bytes);
        if self.is_terminal {
            done = done.and_then(|()| out.flush());
        }
        done.map_err(broken)
    }

    /// Writes a line, harmless for a terminal.
    pub(crate) fn line(&self, line: impl AsRef<str>) -> Result {
        self.bytes(format!("{}\n", escape::shown_line(line.as_ref())).as_bytes())
    }

    /// Writes a line of JSON.
    pub(crate) fn json(&self, value: &Value) -> Result {
        self.bytes(format!("{}\n", json::text(value)).as_bytes())
    }

    /// Writes out what is gathered.
    pub(crate) fn flush(&self) -> Result {
        self.out.lock().unwrap_or_else(|e| e.into_inner()).flush().map_err(broken)
    }

    /// Says something beside the answer, unless it was asked to be quiet.
    pub(crate) fn note(&self, line: impl AsRef<str>) {
        if !self.quiet {
            complain(&escape::shown_line(&format!("larder: {}", line.as_ref())));
        }
    }
}

fn broken(error: std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::BrokenPipe => Failure::Pipe,
        _ => Failure::io("writing the output", error),
    }
}

/// A line on the error output. There is nobody to tell that it cannot be written.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
