//! Other processes: the test binary run again.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::case::{Held, Stop, T, fail};
use super::cases::jobs;
use super::subject::{Place, Subject};
use crate::env::Env;
use crate::error::{Error, ErrorKind, Op, Result};

const JOB: &str = "LARDER_CONFORMANCE_CHILD";
const READY: &str = "larder-conformance-ready";
/// Between the parts of a job.
const COMMA: char = ',';

/// What a child does, and where.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// The name of the work.
    pub(crate) name: String,
    /// The place that it opens.
    pub(crate) place: String,
    /// Numbers that the work takes.
    pub(crate) numbers: Vec<u64>,
}

impl Job {
    fn to_text(&self) -> String {
        let mut parts = vec![std::process::id().to_string(), self.name.clone(), self.place.clone()];
        parts.extend(self.numbers.iter().map(u64::to_string));
        parts.join(",")
    }

    /// The job and the id of the process that gave it.
    fn parse(text: &str) -> Option<(u32, Job)> {
        let mut parts = text.split(COMMA);
        let parent = parts.next()?.parse().ok()?;
        let (name, place) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        let numbers = parts.map(|n| n.parse().ok()).collect::<Option<_>>()?;
        Some((parent, Job { name, place, numbers }))
    }

    pub(crate) fn number(&self, i: usize) -> Result<u64> {
        let missing = || Error::new(ErrorKind::Invalid, Op::Parse, format!("the job has no number {i}"));
        self.numbers.get(i).copied().ok_or_else(missing)
    }
}

/// Whether this process is a worker of a case of several processes; if so, its work is done when this returns, and the
/// test ends.
///
/// The process ends with its parent: Linux kills it when the thread that started it is gone.
///
/// # Panics
/// If the work fails: the parent reports it.
pub async fn child(subject: &impl Subject) -> bool {
    let Ok(text) = std::env::var(JOB) else { return false };
    let (parent, job) = Job::parse(&text).expect("the suite sets a job that can be read");
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .expect("a process can ask to die with its parent");
    // The parent may have died before the signal was asked for.
    let alive = rustix::process::getppid().is_some_and(|p| p.as_raw_nonzero().get() as u32 == parent);
    assert!(alive, "the parent is gone");
    let store = subject.open(&Place::new(job.place.as_str(), Env::system())).await.expect("the place opens");
    jobs::run(&job, store.clone()).await.expect("the job succeeds");
    store.close(&crate::Call::default()).await.expect("the store closes");
    true
}

/// Says that this worker has opened its store, and waits until all have.
pub(crate) async fn ready() {
    println!("{READY}");
    std::io::stdout().flush().expect("the parent reads");
    let waits = blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    waits.await.expect("reading does not panic").expect("the parent holds the other end");
}

/// Says something to the parent: a line of the worker's own.
pub(crate) fn say(line: impl std::fmt::Display) {
    println!("larder-conformance: {line}");
    std::io::stdout().flush().expect("the parent reads");
}

#[allow(clippy::disallowed_methods, reason = "a pipe of a test, not the work of a store")]
fn blocking<A: Send + 'static>(work: impl FnOnce() -> A + Send + 'static) -> JoinHandle<A> {
    tokio::task::spawn_blocking(work)
}

/// A worker. Dropped, it is killed.
pub(crate) struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    is_ready: Option<oneshot::Receiver<()>>,
    said: Option<JoinHandle<Vec<String>>>,
    complained: Option<JoinHandle<String>>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards, and waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Worker {
    /// Starts one.
    pub(crate) fn start(t: &T, job: Job) -> Held<Worker> {
        let Some(mut command) = t.subject.process() else {
            return Err(fail(
                "the store promises something to other processes, and the subject does not say how to start one \
                 (Subject::process)",
            ));
        };
        command.env(JOB, job.to_text()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|e| fail(format_args!("a process cannot be started: {e}")))?;
        let stdin = child.stdin.take();
        let (tell, is_ready) = oneshot::channel();
        let said = child.stdout.take().map(|out| blocking(move || listen(out, tell)));
        let complained = child.stderr.take().map(|mut err| {
            blocking(move || {
                let mut text = Vec::new();
                let _ = err.read_to_end(&mut text);
                String::from_utf8_lossy(&text).into_owned()
            })
        });
        Ok(Worker { child, stdin, is_ready: Some(is_ready), said, complained })
    }

    /// Starts one for each job, and lets them go once all are ready.
    pub(crate) async fn start_all(t: &T, jobs: impl IntoIterator<Item = Job>) -> Held<Vec<Worker>> {
        let mut workers = jobs.into_iter().map(|job| Worker::start(t, job)).collect::<Held<Vec<_>>>()?;
        for worker in &mut workers {
            let ready = worker.is_ready.take().expect("asked once");
            if ready.await.is_err() {
                let error = worker.done().await.err();
                return Err(error.unwrap_or_else(|| {
                    fail("a process ended well without doing its job: does its test call conformance::child?")
                }));
            }
        }
        for worker in &mut workers {
            drop(worker.stdin.take());
        }
        Ok(workers)
    }

    /// Waits until it has ended, well; gives what it said.
    pub(crate) async fn done(&mut self) -> Held<Vec<String>> {
        let said = self.reaped().await?;
        let status =
            self.child.wait().map_err(|e| fail(format_args!("a process cannot be waited for: {e}")))?;
        if status.success() {
            return Ok(said);
        }
        let complaint = match self.complained.take() {
            Some(complained) => complained.await.unwrap_or_default(),
            None => String::new(),
        };
        let tail: Vec<_> = complaint.lines().rev().take(6).collect();
        let tail: Vec<_> = tail.into_iter().rev().collect();
        Err(fail(format_args!("a process failed ({status}): {}", tail.join(" / "))))
    }

    /// Kills it with SIGKILL; gives what it had said.
    pub(crate) async fn kill(mut self) -> Held<Vec<String>> {
        let _ = self.child.kill();
        self.reaped().await
    }

    async fn reaped(&mut self) -> Held<Vec<String>> {
        let said = match self.said.take() {
            Some(said) => said.await.map_err(|e| fail(format_args!("reading a process: {e}")))?,
            None => Vec::new(),
        };
        while self.child.try_wait().is_ok_and(|status| status.is_none()) {
            Env::system().sleep(Duration::from_millis(2)).await;
        }
        Ok(said)
    }
}

/// Hears a worker out.
fn listen(out: impl Read, ready: oneshot::Sender<()>) -> Vec<String> {
    let mut ready = Some(ready);
    let mut said = Vec::new();
    for line in BufReader::new(out).lines().map_while(|line| line.ok()) {
        // The test harness may have begun the line.
        if line.ends_with(READY) {
            if let Some(ready) = ready.take() {
                let _ = ready.send(());
            }
        } else if let Some(at) = line.find("larder-conformance: ") {
            said.push(line[at + "larder-conformance: ".len()..].to_owned());
        }
    }
    said
}

/// What a worker's own failure looks like to it.
pub(crate) fn wrong(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Corrupt, Op::Get, why.to_string())
}

/// A case's early end as a worker's failure. No `From`: that would be one more for every `?` of the crate to choose from.
pub(crate) fn stopped(stop: Stop) -> Error {
    match stop {
        Stop::Failed(why) => wrong(why),
        Stop::Refused(guarantee) => wrong(format_args!("not offered: {guarantee}")),
    }
}

/// A store that a worker has opened.
pub(crate) type Opened = Arc<dyn crate::Store>;
