//! The workers of a campaign: begun, killed, and their logs read.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use super::{Options, log, worker};
use crate::Outcome;
use crate::clock::{self, Took};
use crate::model::Event;
use crate::process::Running;

/// What the dead told.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) events: Vec<Event>,
    pub(super) acknowledged: u64,
    pub(super) reads: u64,
    pub(super) hits: u64,
    pub(super) opened: Vec<Took>,
    /// Workers that ended before they were killed, and what they said.
    pub(super) complaints: Vec<String>,
}

/// A worker that runs.
#[derive(Debug)]
pub(super) struct Worker {
    running: Running,
    who: u32,
    log: PathBuf,
    ready: bool,
}

impl Worker {
    /// Begins one. `who` is nobody else's number in the campaign.
    pub(super) fn begin(options: &Options, who: u32, seed: u64, clients: u64) -> Outcome<Worker> {
        let log = options.logs.join(format!("{who}.log"));
        let path = log.to_str().ok_or("the folder's name is not UTF-8")?;
        let (number, seed, clients) = (who.to_string(), seed.to_string(), clients.to_string());
        let args = [
            "--log",
            path,
            "--who",
            &number,
            "--seed",
            &seed,
            "--clients",
            &clients,
            "--mutant",
            options.mutant.name(),
        ];
        let mut command = options.program.role(worker::ROLE, args);
        command.args(options.target.args());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(Worker { running: Running::begin(&mut command)?, who, log, ready: false })
    }

    /// Waits until it has opened the store, or has ended.
    pub(super) fn wait_ready(&mut self) {
        if let (false, Some(pipe)) = (self.ready, &mut self.running.child().stdout) {
            // Nothing to read means that it has ended; whoever kills it will see that.
            let _ = pipe.read(&mut [0]);
            self.ready = true;
        }
    }

    /// Its process.
    pub(super) fn pid(&mut self) -> u32 {
        self.running.child().id()
    }

    /// Kills it with SIGKILL.
    pub(super) fn kill(&mut self) -> Outcome {
        self.running.kill()
    }

    /// Takes the dead away and reads what it told.
    pub(super) fn bury(mut self, told: &mut Told) -> Outcome {
        let status = self.running.wait()?;
        let gone = clock::nanos();
        if status.signal() != Some(rustix::process::Signal::KILL.as_raw()) {
            told.complaints.push(format!("a worker ended by itself, {status}: {}", self.running.complaint()));
        }
        let read = log::read(&self.log, self.who, gone)?;
        std::fs::remove_file(&self.log).or_else(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Ok(()),
            _ => Err(e),
        })?;
        told.events.extend(read.events);
        told.acknowledged += read.acknowledged;
        told.reads += read.reads;
        told.hits += read.hits;
        told.opened.extend(read.opened);
        Ok(())
    }
}

/// Begins `n` workers.
pub(super) fn begin(
    options: &Options,
    next: &mut u32,
    n: u64,
    rng: &mut crate::rng::Rng,
) -> Outcome<Vec<Worker>> {
    (0..n)
        .map(|_| {
            *next += 1;
            let clients = *rng.pick(&[1, 1, 2, 4]);
            Worker::begin(options, *next, rng.word(), clients)
        })
        .collect()
}

/// Waits so long, to the microsecond as far as the system can.
pub(super) fn pause(time: Duration) {
    std::thread::sleep(time);
}
