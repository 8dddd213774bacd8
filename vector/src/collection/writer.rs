//! The one who writes: takes up what callers want written, commits it in groups, and tells them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use larder_store_core::{Call, Error, ErrorKind, Op, Result};
use tokio::sync::{mpsc, oneshot};

use super::core::Core;
use super::view::{Table, View};
use crate::memtable::Memtable;
use crate::wal::{Appended, Body, Change, Log};

/// Bytes of a slot of the log, from which on nothing more is put into it.
const SLOT: usize = 4 << 20;
/// Callers that wait for their turn.
const WAITING: usize = 1024;
/// Slots that say who is the writer, from which on they are put behind the floor: whoever opens reads them all.
const BEGINS: usize = 64;

/// What a caller wants.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) done: oneshot::Sender<Result<()>>,
}

#[derive(Debug)]
pub(super) enum Work {
    /// That this is written.
    Write(Vec<Change>),
    /// That what was written so far is no longer added to.
    Freeze,
}

pub(super) type Jobs = mpsc::Sender<Job>;

/// Starts it.
pub(super) fn start(core: &Arc<Core>, log: Log) -> Jobs {
    let (jobs, queue) = mpsc::channel(WAITING);
    let busy = core.inflight.enter();
    let writer = Writer { core: core.clone(), log, open: Vec::new() };
    core.env.spawn(async move {
        writer.run(queue).await;
        drop(busy);
    });
    jobs
}

struct Writer {
    core: Arc<Core>,
    log: Log,
    /// What was sent for the next slot and got no answer, by its nonce.
    open: Vec<(u64, Vec<Change>)>,
}

impl Writer {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut held = None;
        loop {
            let Some(first) = (match held.take() {
                Some(job) => Some(job),
                None => queue.recv().await,
            }) else {
                break;
            };
            let (mut batch, mut waiting, mut bytes) = (Vec::new(), Vec::new(), 0);
            let mut next = Some(first);
            while let Some(job) = next.take() {
                match job.work {
                    Work::Write(changes) => {
                        let size: usize = changes.iter().map(Change::size).sum();
                        if bytes > 0 && bytes + size > SLOT {
                            held = Some(Job { work: Work::Write(changes), done: job.done });
                            break;
                        }
                        bytes += size;
                        batch.extend(changes);
                        waiting.push(job.done);
                    }
                    Work::Freeze if batch.is_empty() => {
                        self.freeze();
                        let _ = job.done.send(Ok(()));
                        break;
                    }
                    Work::Freeze => {
                        held = Some(job);
                        break;
                    }
                }
                next = queue.try_recv().ok();
            }
            if waiting.is_empty() {
                continue;
            }
            let done = match self.core.admit().await {
                Ok(()) => self.commit(batch).await,
                Err(error) => Err(error),
            };
            for waiting in waiting {
                let _ = waiting.send(done.clone());
            }
            self.freeze_if_full();
        }
    }

    /// Writes a batch into the log, then into the table.
    async fn commit(&mut self, batch: Vec<Change>) -> Result<()> {
        if self.core.fenced.load(Ordering::Acquire) {
            return Err(self.core.fenced(Op::Upsert, u64::MAX));
        }
        let (nonce, before) = (self.log.nonce(), self.log.last());
        let body = Body::Changes(batch);
        let appended = self.log.append(nonce, &body, &Call::default()).await;
        let Body::Changes(batch) = body else { return Ok(()) };
        // What got no answer and turned out to be written comes first.
        let open = if before == self.log.last() { Vec::new() } else { std::mem::take(&mut self.open) };
        let late = self.log.take_late();
        for (open, batch) in open {
            if let Some((slot, _)) = late.iter().find(|(_, nonce)| *nonce == open) {
                self.apply(*slot, batch);
            }
        }
        match appended {
            Ok(Appended::Done { slot }) => {
                self.apply(slot, batch);
                Ok(())
            }
            Ok(Appended::Fenced { epoch }) => Err(self.core.fenced(Op::Upsert, epoch)),
            Err(error) => {
                if !error.settled() {
                    self.open.push((nonce, batch));
                }
                Err(error.during(Op::Upsert))
            }
        }
    }

    fn apply(&self, slot: u64, batch: Vec<Change>) {
        let view = self.core.view.load();
        let mut table = view.active().write();
        batch.into_iter().for_each(|change| table.apply(slot, change));
    }

    fn freeze_if_full(&self) {
        let options = &self.core.options;
        let full = {
            let view = self.core.view.load();
            let table = view.active().read();
            table.len() >= options.seal_rows || table.bytes() >= options.seal_bytes || table.begins() > BEGINS
        };
        if full && options.background {
            self.freeze();
            self.core.seal_in_background();
        }
    }

    /// Begins a new table; those that there are get no more.
    fn freeze(&self) {
        let dims = self.core.schema.dims as usize;
        self.core.view.rcu(|view| {
            let table = view.active().read();
            if table.is_empty() {
                return view.clone();
            }
            let fresh = Table::new(Memtable::new(dims, table.end()));
            let mut next = View::clone(view);
            next.tables.push(fresh);
            Arc::new(next)
        });
    }
}

/// Sends a job, and waits for what becomes of it.
pub(super) async fn ask(core: &Core, jobs: &Jobs, work: Work, call: &Call) -> Result<()> {
    let (done, answer) = oneshot::channel();
    let gone = || Error::new(ErrorKind::Closed, Op::Upsert, "the collection was closed").at(core.store.id());
    let sent = async { jobs.send(Job { work, done }).await.map_err(|_| gone()) };
    call.guard(&core.env, Op::Upsert, sent).await?;
    let answered = async { answer.await.unwrap_or_else(|_| Err(gone().with_settled(false))) };
    call.guard_write(&core.env, Op::Upsert, answered).await
}
