//! Changes: prepared out of sight, then made under the key's lock.

use std::sync::Arc;
use std::time::Duration;

use larder_store_core::{Call, Error, ErrorKind, Op, Result};

use super::gate::{Gate, Keeper};
use super::handle::{Handle, Parked};
use super::lock::{Entry, Turn};
use super::root::Root;

/// A change. Its methods run on a thread that may block.
pub(super) trait Job: Send + 'static {
    /// What it answers.
    type Done: Send + 'static;
    /// What was changed, and has not been made to last.
    type Made;

    /// Everything that needs no lock. Called again after a wait for the lock: what is done then stays done.
    fn prepare(&mut self, cx: &Cx) -> Result<()>;

    /// Under the lock: decides the condition and makes the change, which [`Cx::pass`] must allow. Syncs nothing.
    fn commit(&mut self, cx: &Cx) -> Result<Self::Made>;

    /// When the lock is free again: makes the change last.
    fn settle(&mut self, cx: &Cx, made: Self::Made) -> Result<Self::Done>;
}

/// What a job works with.
#[derive(Clone)]
pub(super) struct Cx {
    pub(super) handle: Arc<Handle>,
    pub(super) root: Arc<Root>,
    pub(super) op: Op,
    /// Passed by [`Cx::pass`] right before the change.
    gate: Gate,
}

impl Cx {
    /// Must be asked right before the change is made.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`]: the caller is gone, and nothing is to change.
    pub(super) fn pass(&self) -> Result<()> {
        if self.gate.pass() { Ok(()) } else { Err(self.given_up()) }
    }

    /// Stops work that nobody waits for any more.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`].
    pub(super) fn check_wanted(&self) -> Result<()> {
        if self.gate.is_shut() { Err(self.given_up()) } else { Ok(()) }
    }

    fn given_up(&self) -> Error {
        Error::new(ErrorKind::Cancelled, self.op, "the call was given up before anything was changed")
    }
}

enum Step<T> {
    Done(T),
    HeldHere,
    HeldElsewhere,
}

/// The pause after the first try at a lock that another process holds; it doubles up to [`LONGEST`].
const SHORTEST: Duration = Duration::from_micros(500);
const LONGEST: Duration = Duration::from_millis(16);

/// Carries out a job until its end, the deadline or the cancellation.
///
/// # Errors
/// Those of the job; [`ErrorKind::Timeout`] and [`ErrorKind::Cancelled`] if nothing was changed, nor will be;
/// [`ErrorKind::Unknown`] if the caller gave up while the change was being made.
pub(super) async fn carry_out<J: Job>(
    handle: &Arc<Handle>,
    root: Arc<Root>,
    op: Op,
    call: &Call,
    turn: Turn,
    job: Parked<J>,
) -> Result<J::Done> {
    let keeper = Keeper::default();
    let cx = Cx { handle: handle.clone(), root, op, gate: keeper.gate() };
    let mut ended = false;
    let work = async {
        let done = steps(&cx, turn, job).await;
        ended = true;
        done
    };
    let done = call.guard(&handle.env, op, work).await;
    match done {
        // The change is being made: it will be there in a moment, unless the disk fails.
        Err(error) if !ended && !keeper.give_up() => {
            Err(Error::new(ErrorKind::Unknown, op, "the call was given up while the change was being made")
                .hint("read the key before anything depends on it")
                .caused_by(error))
        }
        done => done,
    }
}

async fn steps<J: Job>(cx: &Cx, mut turn: Turn, mut job: Parked<J>) -> Result<J::Done> {
    let env = &cx.handle.env;
    let mut pause = SHORTEST;
    loop {
        let inner = cx.clone();
        let (parked, (back, step)) = cx
            .handle
            .blocking_on(cx.op, job, move |job| {
                let step = step(&inner, job, &mut turn)?;
                Ok((turn, step))
            })
            .await?;
        turn = back;
        job = parked;
        match step {
            Step::Done(done) => {
                // Nothing is left in it that dropping would have to undo.
                drop(job.take());
                return Ok(done);
            }
            Step::HeldHere => turn.wait().await,
            Step::HeldElsewhere => {
                // Not all at the same time again.
                let part = 0.5 + env.random_u64() as f64 / u64::MAX as f64 / 2.0;
                env.sleep(pause.mul_f64(part)).await;
                pause = (pause * 2).min(LONGEST);
            }
        }
    }
}

fn step<J: Job>(cx: &Cx, job: &mut J, turn: &mut Turn) -> Result<Step<J::Done>> {
    cx.check_wanted()?;
    job.prepare(cx)?;
    let made = match turn.enter(&cx.root.locks) {
        Ok(Entry::In(held)) => {
            let made = job.commit(cx);
            drop(held);
            made
        }
        Ok(Entry::HeldHere) => return Ok(Step::HeldHere),
        Ok(Entry::HeldElsewhere) => return Ok(Step::HeldElsewhere),
        Err(e) => Err(super::error::failed(cx.op, e, "locking the key")),
    };
    turn.end();
    job.settle(cx, made?).map(Step::Done)
}
