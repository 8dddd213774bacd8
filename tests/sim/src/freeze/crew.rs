//! Processes that can be frozen, and are told what to do.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Options, child};
use crate::Outcome;
use crate::process::Running;
use crate::report::Report;

/// How long a process may take to stop, on a machine with other things to do.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process.
#[derive(Debug)]
pub(super) struct Member {
    running: Running,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Member {
    /// Begins one on a stack.
    pub(super) fn begin(
        options: &Options,
        folder: &Path,
        stack: &str,
        limit: u64,
        who: u64,
        seed: u64,
    ) -> Outcome<Member> {
        let text =
            |name: &str| folder.join(name).to_str().map(str::to_owned).ok_or("the folder is not UTF-8");
        let (clocks, truth) = (text("clocks")?, text("truth")?);
        let (who, seed, limit) = (who.to_string(), seed.to_string(), limit.to_string());
        let args = [
            ["--stack", stack],
            ["--clocks", &clocks],
            ["--truth", &truth],
            ["--who", &who],
            ["--seed", &seed],
            ["--limit", &limit],
        ];
        let mut command = options.program.role(child::ROLE, args.into_iter().flatten());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = Running::begin(&mut command)?;
        let input = running.child().stdin.take().ok_or("the child has no input")?;
        let output = BufReader::new(running.child().stdout.take().ok_or("the child has no output")?);
        Ok(Member { running, input, output })
    }

    pub(super) fn pid(&mut self) -> u32 {
        self.running.child().id()
    }

    /// Tells it something.
    pub(super) fn say(&mut self, word: &str) -> Outcome {
        // What it ended of is heard when its answer is waited for.
        let _ = writeln!(self.input, "{word}");
        Ok(())
    }

    /// Waits until it says this.
    pub(super) fn hear(&mut self, word: &str) -> Outcome {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        match line.trim() == word {
            true => Ok(()),
            false => {
                let _ = self.running.kill();
                Err(format!("a process said {line:?} for {word:?}: {}", self.running.complaint()).into())
            }
        }
    }

    fn signal(&mut self, signal: Signal) -> Outcome {
        let pid = Pid::from_raw(self.pid().cast_signed()).ok_or("a process has no number")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Asks it to stop.
    pub(super) fn stop(&mut self) -> Outcome {
        self.signal(Signal::STOP)
    }

    /// Waits until each of its threads stands.
    pub(super) fn wait_stopped(&mut self) -> Outcome {
        let (begin, tasks) = (Instant::now(), format!("/proc/{}/task", self.pid()));
        loop {
            let all = std::fs::read_dir(&tasks)?.flatten().all(|task| {
                let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
                stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
            });
            if all {
                return Ok(());
            }
            if begin.elapsed() > PATIENCE {
                return Err("a process does not stop".into());
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Lets it go on.
    pub(super) fn thaw(&mut self) -> Outcome {
        self.signal(Signal::CONT)
    }

    /// Ends it, and takes what it has to report.
    pub(super) fn end(mut self) -> Outcome<Report> {
        self.say("end")?;
        let mut said = String::new();
        self.output.read_to_string(&mut said)?;
        let status = self.running.wait()?;
        let mut report = Report::new("freeze", "child", 0);
        report.absorb(&said)?;
        if !status.success() {
            report.problem(format!("a process ended with {status}: {}", self.running.complaint()));
        }
        Ok(report)
    }
}
