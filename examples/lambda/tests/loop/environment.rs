//! An execution environment: a process, and a scratch folder that outlives it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::api::Api;

/// One environment. Dropped, its process is killed.
pub(crate) struct Environment {
    stack: String,
    api: String,
    at_once: u32,
    child: Child,
}

/// The function's program.
pub(crate) fn program() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_larder-lambda")).to_owned()
}

fn spawn(stack: &str, api: &str, at_once: u32) -> Child {
    Command::new(program())
        .env("AWS_LAMBDA_MAX_CONCURRENCY", at_once.to_string())
        .env("LARDER_STACK", stack)
        .env("AWS_LAMBDA_RUNTIME_API", api)
        .env("AWS_LAMBDA_FUNCTION_NAME", "larder")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_LOG_STREAM_NAME", "")
        .env("AWS_LAMBDA_LOG_GROUP_NAME", "")
        .stdin(Stdio::null())
        .spawn()
        .expect("the function starts")
}

impl Environment {
    /// Starts the function over this stack.
    pub(crate) fn start(api: &Api, stack: &str) -> Environment {
        Environment::start_at(api.address(), stack, 1)
    }

    /// Starts it where the Runtime API has this address, for so many invocations at once.
    pub(crate) fn start_at(api: &str, stack: &str, at_once: u32) -> Environment {
        let child = spawn(stack, api, at_once);
        Environment { stack: stack.to_owned(), api: api.to_owned(), at_once, child }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("the process is there");
    }

    /// Stops the process, as an environment is between invocations.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills the process, and starts another one on the same folder.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.child.wait().expect("it is ours");
        self.child = spawn(&self.stack, &self.api, self.at_once);
    }

    /// Whether the process is still there.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("it is ours").is_none()
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
