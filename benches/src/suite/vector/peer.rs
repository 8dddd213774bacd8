//! The other side, in Python: a line for each wish, a line for each answer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::Given;
use super::resident;
use super::sets::Set;
use crate::error::Result;

/// What it runs.
const SCRIPT: &str = include_str!("../../../peers/vectors.py");

#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    wishes: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(given: &Given, set: &Set) -> Result<Peer> {
        Peer::of(Command::new(&given.python), given, set)
    }

    /// As [`Peer::start`], with an allocator that gives back what is freed: for counting what is resident.
    pub(crate) fn start_lean(given: &Given, set: &Set) -> Result<Peer> {
        let mut command = Command::new(&given.python);
        resident::lean(&mut command);
        Peer::of(command, given, set)
    }

    fn of(mut command: Command, given: &Given, set: &Set) -> Result<Peer> {
        command.arg("-c").arg(SCRIPT).arg(&set.base_path).arg(&set.queries_path);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| format!("{}: {e}", given.python.display()))?;
        let (Some(wishes), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the peer has no pipes".into());
        };
        Ok(Peer { child, wishes, answers: BufReader::new(answers) })
    }

    fn ask(&mut self, wish: &str) -> Result<Value> {
        writeln!(self.wishes, "{wish}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(|_| format!("the peer ended at {wish:?}").into())
    }

    fn number(answer: &Value, name: &str) -> Result<f64> {
        answer[name].as_f64().ok_or_else(|| format!("the peer's answer has no {name}").into())
    }

    /// Builds an index; gives the seconds of its training.
    pub(crate) fn build(&mut self, index: &str) -> Result<f64> {
        Peer::number(&self.ask(&format!("build {index}"))?, "train_s")
    }

    /// Builds an index anew, on all cores; gives the seconds that it took and the bytes that are resident for it.
    pub(crate) fn build_whole(&mut self, index: &str) -> Result<(f64, f64)> {
        let answer = self.ask(&format!("build {index}"))?;
        Ok((Peer::number(&answer, "build_s")?, Peer::number(&answer, "bytes")?))
    }

    /// Says how much an index looks at: `ef` of hnswlib, the factor of candidates that faiss compares again.
    pub(crate) fn effort(&mut self, index: &str, effort: usize) -> Result<()> {
        self.ask(&format!("effort {index} {effort}")).map(drop)
    }

    /// Searches all queries; gives nanoseconds for each.
    pub(crate) fn search(&mut self, index: &str, keep: usize) -> Result<f64> {
        Peer::number(&self.ask(&format!("search {index} {keep}"))?, "ns")
    }

    /// How many of the ten nearest are among the first ten and among all.
    pub(crate) fn recall(&mut self, index: &str, keep: usize) -> Result<(f64, f64)> {
        let answer = self.ask(&format!("recall {index} {keep}"))?;
        Ok((Peer::number(&answer, "ten")?, Peer::number(&answer, "all")?))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
