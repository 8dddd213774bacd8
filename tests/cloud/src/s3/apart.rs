//! The double in a process of its own, so that its time and memory are not those of who uses it.

use std::fmt;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::DoubleOptions;
use crate::Failure;

/// A double in a process of its own. It ends when this is dropped, and when the thread that started it ends.
pub struct Apart {
    child: Child,
    endpoint: String,
    options: DoubleOptions,
}

impl Apart {
    /// Starts `program`, which is the binary `larder-s3-double` or one that calls
    /// [`program::play`](super::program::play), and returns when it takes connections.
    ///
    /// # Errors
    /// If it cannot be run, or ends instead.
    pub fn start(mut program: Command, options: DoubleOptions, latency: Duration) -> Result<Self, Failure> {
        let DoubleOptions { port, access_key, secret_key, region, bodies, buckets, threads } = &options;
        program.args(["--port", &port.to_string(), "--threads", &threads.to_string()]);
        program.args(["--access-key", access_key, "--secret-key", secret_key, "--region", region]);
        program.args(buckets.iter().flat_map(|bucket| ["--bucket", bucket]));
        if let Some(dir) = bodies {
            program.arg("--dir").arg(dir);
        }
        program.args(["--latency", &format!("{}us", latency.as_micros()), "--die-with-parent"]);
        let mut child = program.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let told = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line));
        // From here on whatever happens ends it.
        let mut started = Self { child, endpoint: String::new(), options };
        told.transpose()?;
        match line.trim().strip_prefix("ready ") {
            Some(endpoint) => started.endpoint = endpoint.to_owned(),
            None => return Err(format!("the double did not say where it is, but {line:?}").into()),
        }
        Ok(started)
    }

    /// Where it is, as `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What it was started with.
    pub fn options(&self) -> &DoubleOptions {
        &self.options
    }

    /// A store's URL for `place`, a bucket or a bucket and a prefix, with all that is needed to reach it.
    pub fn url(&self, place: &str) -> String {
        self.options.url(&self.endpoint, place)
    }
}

impl fmt::Debug for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Apart").field(&self.endpoint).finish()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // Only the child that was started here, by its handle.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
