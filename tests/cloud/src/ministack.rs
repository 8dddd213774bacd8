//! MiniStack, a second S3 server with other mistakes, and one of the two of DynamoDB: a Python program that `tests/run`
//! installs.

use std::path::Path;

use crate::served::Served;
use crate::{Failure, installed};

/// A running MiniStack. It ends when this is dropped, and when the thread that started it ends.
#[derive(Debug)]
pub struct MiniStack(Served);

impl MiniStack {
    /// Starts it for a test, or says on the error output that the test is skipped.
    ///
    /// # Panics
    /// If it is not installed and `CI` is set, or if it does not start.
    pub fn for_test(test: &str) -> Option<Self> {
        let program = installed::or_skip(test, "ministack", "LARDER_MINISTACK")?;
        match Self::start(&program) {
            Ok(started) => Some(started),
            Err(failure) => panic!("{test}: {} does not start: {failure}", program.display()),
        }
    }

    /// Starts `program` on a free port of 127.0.0.1, and returns when it answers.
    ///
    /// # Errors
    /// If it cannot be run, ends, or does not answer within a minute; its log is told.
    pub fn start(program: &Path) -> Result<Self, Failure> {
        let tell = |command: &mut std::process::Command, port: u16| {
            command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
        };
        Served::start("ministack", program, tell).map(Self)
    }

    /// Makes a bucket, if it is not there.
    ///
    /// # Errors
    /// What came instead of an answer, or the status of one that says no.
    pub fn create_bucket(&self, name: &str) -> Result<(), Failure> {
        let head = self.0.ask(&format!("PUT /{name}"))?;
        match &head[9..] {
            b"200" => Ok(()),
            other => Err(format!("no bucket was made: HTTP {}", String::from_utf8_lossy(other)).into()),
        }
    }

    /// Where it is, as `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        self.0.endpoint()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// A store's URL for `place`, a bucket or a bucket and a prefix. It takes any key and any secret.
    pub fn url(&self, place: &str) -> String {
        let port = self.port();
        format!(
            "s3://{place}?endpoint=http%3A//127.0.0.1%3A{port}&region=us-east-1&access_key=test&secret_key=test"
        )
    }
}
