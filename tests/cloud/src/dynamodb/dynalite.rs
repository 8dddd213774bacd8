//! dynalite, which is DynamoDB without transactions and TTL: a program of Node.js that `tests/run` installs.

use std::path::Path;
use std::process::Command;

use crate::served::Served;
use crate::{Failure, installed};

/// A running dynalite. It ends when this is dropped, and when the thread that started it ends.
#[derive(Debug)]
pub struct Dynalite(Served);

impl Dynalite {
    /// Starts it for a test, or says on the error output that the test is skipped.
    ///
    /// # Panics
    /// If it is not installed and `CI` is set, or if it does not start.
    pub fn for_test(test: &str) -> Option<Self> {
        let program = installed::or_skip(test, "dynalite", "LARDER_DYNALITE")?;
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
        let tell = |command: &mut Command, port: u16| {
            command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
            // A table is there at once.
            command.args(["--createTableMs", "0", "--deleteTableMs", "0", "--updateTableMs", "0"]);
        };
        Served::start("dynalite", program, tell).map(Self)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.0.port()
    }
}
