//! The double in a process of its own, so that its time and memory are not those of who uses it.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::options::{self, DoubleOptions};
use crate::Failure;

/// A double in a process of its own. It ends when this is dropped, and when the thread that started it ends.
pub struct Apart {
    child: Child,
    rest: String,
    grpc: String,
}

impl Apart {
    /// Starts `program`, which is the binary `larder-gs-double` or one that calls
    /// [`program::play`](super::program::play), and returns when it takes connections.
    ///
    /// # Errors
    /// If it cannot be run, or ends instead.
    pub fn start(mut program: Command, options: &DoubleOptions, latency: Duration) -> Result<Self, Failure> {
        let DoubleOptions { port, grpc_port, bodies, buckets, threads } = options;
        program.args(["--port", &port.to_string(), "--grpc-port", &grpc_port.to_string()]);
        program.args(["--threads", &threads.to_string()]);
        program.args(buckets.iter().flat_map(|bucket| ["--bucket", bucket]));
        if let Some(dir) = bodies {
            program.arg("--dir").arg(dir);
        }
        program.args(["--latency", &format!("{}us", latency.as_micros()), "--die-with-parent"]);
        let mut child = program.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let told = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        // From here on whatever happens ends it.
        let mut started = Self { child, rest: String::new(), grpc: String::new() };
        told.transpose()?;
        match line.trim().strip_prefix("ready ").and_then(|both| both.split_once(' ')) {
            Some((rest, grpc)) => (started.rest, started.grpc) = (rest.to_owned(), grpc.to_owned()),
            None => return Err(format!("the double did not say where it is, but {line:?}").into()),
        }
        Ok(started)
    }

    /// Where REST is, as `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.rest
    }

    /// Where gRPC is, as `http://127.0.0.1:PORT`.
    pub fn grpc_endpoint(&self) -> &str {
        &self.grpc
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A store's URL for `place`, a bucket or a bucket and a prefix, with all that is needed to reach it.
    pub fn url(&self, place: &str) -> String {
        options::url(&self.rest, &self.grpc, place)
    }
}

impl fmt::Debug for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Apart").field(&self.rest).field(&self.grpc).finish()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Only the child that was started here, by its handle.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
