//! The parent's side of a child that may die or hang.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::Outcome;
use crate::process::Running;

/// How a case ended.
#[derive(Debug)]
pub(super) enum Ended<T> {
    Answered(T),
    /// By this signal.
    Died(i32),
    /// Without a signal: a panic.
    Failed(String),
    Hung,
}

impl Ended<String> {
    /// With an answer that was understood.
    pub(super) fn parsed<T>(self, parse: impl FnOnce(&str) -> Outcome<T>) -> Outcome<Ended<T>> {
        Ok(match self {
            Ended::Answered(line) => Ended::Answered(parse(&line)?),
            Ended::Died(signal) => Ended::Died(signal),
            Ended::Failed(why) => Ended::Failed(why),
            Ended::Hung => Ended::Hung,
        })
    }
}

/// A child, begun again whenever it ended.
pub(super) struct Watch<'a> {
    make: Box<dyn Fn() -> Outcome<Command> + 'a>,
    child: Option<(Running, Receiver<String>)>,
}

impl<'a> Watch<'a> {
    /// `make` says what the child is.
    pub(super) fn new(make: impl Fn() -> Outcome<Command> + 'a) -> Watch<'a> {
        Watch { make: Box::new(make), child: None }
    }

    fn begin(&mut self) -> Outcome {
        let mut command = (self.make)()?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running::begin(&mut command)?;
        let output = running.child().stdout.take().ok_or("the child has no output")?;
        let (send, receive) = channel();
        // It ends with the child, whose output it reads.
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        self.child = Some((running, receive));
        Ok(())
    }

    /// Gives the child a line, and waits for the one that it answers.
    pub(super) fn ask(&mut self, line: &str, patience: Duration) -> Outcome<Ended<String>> {
        if self.child.is_none() {
            self.begin()?;
        }
        let Some((running, answers)) = &mut self.child else { return Err("there is no child".into()) };
        // A child that is gone already shows below.
        let _ = running.child().stdin.as_mut().map(|pipe| pipe.write_all(format!("{line}\n").as_bytes()));
        let ended = match answers.recv_timeout(patience) {
            Ok(line) => return Ok(Ended::Answered(line)),
            Err(RecvTimeoutError::Timeout) => Ended::Hung,
            Err(RecvTimeoutError::Disconnected) => {
                let status = running.wait()?;
                match status.signal() {
                    Some(signal) => Ended::Died(signal),
                    None => Ended::Failed(format!("{status}: {}", running.complaint())),
                }
            }
        };
        self.child = None;
        Ok(ended)
    }
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("child", &self.child).finish_non_exhaustive()
    }
}
