//! The thread that writes. There is one for each environment.
//!
//! It commits in groups and waits for nobody by the clock: it takes the lock of writers, then all jobs that wait, and
//! commits them in one transaction. Right after a commit the writers that it answered are about to come back; a
//! commit with the first of them alone would make the others wait for a whole commit more. So before it begins, it
//! lets them run (`sched_yield`, a bounded number of times) as long as they keep coming.
//!
//! A job is begun when the lock of writers is held: whoever gives it up before knows that it changed nothing, even if
//! another process sits on the lock.

mod batch;
mod evict;
mod garbage;
mod plan;
mod queue;
mod relief;
mod room;
mod transaction;
mod work;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use larder_store_core::{Error, ErrorKind, Op, Result};

pub(super) use queue::Queue;
pub(super) use work::{Change, Done, Job, SweepOrder, Ticket, Work};

use queue::Next;
use room::Room;

use super::shared::Shared;
use super::sys::{Code, WriteEnd};
use super::{error, keys};

/// How often the writer lets others run without seeing a new job, before it begins.
const PATIENCE: usize = 200;

/// The writer.
#[derive(Debug)]
pub(super) struct Writer {
    end: WriteEnd,
    room: Room,
    shared: Arc<Shared>,
    /// How many jobs the last commit answered: about so many are coming back.
    expected: usize,
    /// Whether there may be garbage.
    garbage: bool,
    /// Whether some could not be removed: to be tried again after the next commit.
    garbage_failed: bool,
    /// Set if the structure is to be looked at before anything is written: up to so many pages.
    suspect: Option<u64>,
    /// Whether uploads of the dead have been looked for since the store was opened.
    swept: bool,
}

impl Writer {
    /// `data` is the data file, open for writing.
    pub(super) fn new(end: WriteEnd, data: File, shared: Arc<Shared>, suspect: Option<u64>) -> Writer {
        Writer {
            end,
            room: Room::new(data),
            shared,
            expected: 0,
            garbage: true,
            garbage_failed: false,
            suspect,
            swept: false,
        }
    }

    /// Writes the format marker of a new store.
    pub(super) fn write_marker(&mut self, marker: &[u8]) -> Result<()> {
        self.transaction(Op::Open, |plan| plan.note(Op::Open, keys::FORMAT, marker)).result()
    }

    /// Works until the queue is closed, then closes the environment.
    pub(super) fn run(mut self) {
        // A panic is a bug of ours; who waits gets an answer all the same.
        if catch_unwind(AssertUnwindSafe(|| self.work())).is_err() {
            self.shared.poison(Error::new(
                ErrorKind::Unavailable,
                Op::Put,
                "the writer of this store panicked, which is a bug",
            ));
        }
        let Writer { end, shared, .. } = self;
        shared.queue.abandon();
        shared.readers.exclusive().close();
        drop(end);
        // A handle may live on. It keeps neither the file nor others from opening the store alone.
        shared.data.release();
        shared.guard.release();
    }

    fn work(&mut self) {
        loop {
            self.gather();
            match self.shared.queue.next(self.has_business()) {
                Next::Jobs => self.batch(),
                Next::Other(work) => self.other(work),
                Next::Idle => self.idle(),
                Next::Closed => return,
            }
        }
    }

    fn has_business(&self) -> bool {
        (self.garbage || !self.swept) && self.shared.poisoned().is_none()
    }

    /// Lets those run that the last commit answered, while they keep coming.
    fn gather(&mut self) {
        let wanted = std::mem::take(&mut self.expected);
        // One caller of a cache asks an origin first: to wait for the next would only burn its processor.
        if wanted == 1 && self.shared.settings.is_cache() {
            return;
        }
        let (mut seen, mut idle) = (0, 0);
        while seen < wanted && idle < PATIENCE {
            std::thread::yield_now();
            let now = self.shared.queue.jobs();
            idle = if now > seen { 0 } else { idle + 1 };
            seen = now;
        }
    }

    fn idle(&mut self) {
        if self.swept {
            return self.collect(garbage::STEP);
        }
        match self.sweep_dead(|_| true) {
            Ok(more) => self.swept = !more,
            Err(error) => {
                tracing::warn!(%error, "uploads of dead processes could not be looked for");
                self.swept = true;
            }
        }
    }

    fn other(&mut self, work: Work) {
        // Whoever waits for an answer may have gone: that is no error.
        match work {
            Work::Job(_) => {}
            Work::Drain(reply) => {
                let _ = reply.send(self.drain());
            }
            Work::Flush(reply) => {
                let _ = reply.send(self.flush());
            }
            Work::Mend(reply) => {
                let _ = reply.send(self.mend());
            }
            Work::Sweep(order, reply) => {
                let _ = reply.send(self.sweep(&order));
            }
        }
    }

    fn drain(&mut self) -> Result<()> {
        while self.garbage {
            self.collect_garbage(garbage::STEP)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if let Some(error) = self.shared.poisoned() {
            return Err(error.during(Op::Flush));
        }
        if self.shared.settings.sync {
            return Ok(());
        }
        let synced = self.end.sync().map_err(|code| error::code(Op::Flush, code, "syncing the data file"));
        if let Err(error) = synced {
            self.shared.poison(error.clone());
            return Err(error);
        }
        // The note that commits are not synced stays: more of them follow.
        Ok(())
    }

    /// Ends what a process left unfinished that died while it wrote: LMDB does so when the lock of writers is taken.
    pub(super) fn recover(&mut self, op: Op) -> Result<()> {
        loop {
            // The lock is held until the transaction is dropped, behind the note.
            let taken = self.end.begin().map(|_txn| self.shared.guard.take_over());
            let done = match taken {
                Err(Code::MapResized) => self.grow_to(self.shared.data.used()),
                taken => return taken.map_err(|code| error::code(op, code, "taking the lock of writers")),
            };
            done.map_err(|code| error::code(op, code, "mapping more of the data file"))?;
        }
    }

    fn mend(&mut self) -> Result<()> {
        let op = Op::Get;
        if self.shared.guard.writer_died() {
            self.recover(op)?;
        }
        self.end.clear_dead_readers().map_err(|code| error::code(op, code, "clearing the reader table"))?;
        let used = self.shared.data.used();
        if used > self.end.map_size() as u64 {
            self.grow_to(used).map_err(|code| error::code(op, code, "mapping the data file"))?;
        }
        Ok(())
    }

    /// Maps at least `bytes`, whatever the largest size is: another process made the file so long.
    fn grow_to(&mut self, bytes: u64) -> Result<(), Code> {
        let bytes = usize::try_from(bytes.next_power_of_two()).map_err(|_| Code::MapFull)?;
        let alone = self.shared.readers.exclusive();
        self.end.resize(&alone, bytes)
    }

    /// Maps twice as much. `false` at the largest size.
    fn grow(&mut self) -> Result<bool, Code> {
        // A cache has its size from the beginning.
        let (now, most) = (self.end.map_size(), self.shared.settings.max_size);
        let next = now.saturating_mul(2).min(most);
        if next <= now {
            return Ok(false);
        }
        let alone = self.shared.readers.exclusive();
        self.end.resize(&alone, next)?;
        tracing::debug!(bytes = next, "the map grew");
        Ok(true)
    }
}
