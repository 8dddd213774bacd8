//! The parent's side of a child that may die or hang.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::answer::Answer;
use super::{Options, reader};
use crate::process::Running;
use crate::{Outcome, stores};

/// How a case ended.
#[derive(Debug)]
pub(super) enum Ended {
    Answered(Answer),
    /// By this signal.
    Died(i32),
    /// Without a signal: a panic.
    Failed(String),
    Hung,
}

/// A child, begun again whenever it ended.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    options: &'a Options,
    child: Option<(Running, Receiver<String>)>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(options: &'a Options) -> Watch<'a> {
        Watch { options, child: None }
    }

    fn begin(&mut self) -> Outcome {
        let url =
            stores::url(&self.options.kind.at(&self.options.folder.join("store"), &self.options.params)?);
        let seed = self.options.seed.to_string();
        let mut command = self.options.program.role(reader::ROLE, ["--url", &url, "--seed", &seed]);
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

    /// Has the child read the store, and write to it if `write`.
    pub(super) fn ask(&mut self, write: bool, patience: Duration) -> Outcome<Ended> {
        if self.child.is_none() {
            self.begin()?;
        }
        let Some((running, answers)) = &mut self.child else { return Err("there is no child".into()) };
        let what: &[u8] = if write { b"write\n" } else { b"read\n" };
        // A child that is gone already shows below.
        let _ = running.child().stdin.as_mut().map(|pipe| pipe.write_all(what));
        let ended = match answers.recv_timeout(patience) {
            Ok(line) => return Ok(Ended::Answered(Answer::parse(&line)?)),
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
