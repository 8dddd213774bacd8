//! One opened store: what every call goes through.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use larder_store_core::env::InFlight;
use larder_store_core::{Call, Env, Error, ErrorKind, Guarantees, Key, Op, Result, StoreId, closed};
use tokio::sync::oneshot;

use super::error;
use super::registry::User;
use super::shared::Shared;
use super::snapshot::{Snapshot, Trouble};
use super::sys::Code;
use super::tree::Damage;
use super::writer::{Change, Done, Job, Ticket, Work};

/// How often a read asks the writer to mend what keeps it from reading.
const MENDS: usize = 8;

/// What a handle is.
const OPEN: u8 = 0;
const CLOSED: u8 = 1;
/// Its environment could not be used any more; another handle takes its place.
const RETIRED: u8 = 2;

/// A handle. Streams hold it too, so that a store stays open while one is read.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) id: StoreId,
    pub(super) guarantees: Guarantees,
    pub(super) env: Env,
    pub(super) shared: Arc<Shared>,
    state: AtomicU8,
    user: Mutex<Option<User>>,
    inflight: InFlight,
}

impl Handle {
    pub(super) fn new(id: StoreId, guarantees: Guarantees, env: Env, user: User) -> Handle {
        let shared = user.shared().clone();
        let user = Mutex::new(Some(user));
        Handle { id, guarantees, env, shared, state: AtomicU8::new(OPEN), user, inflight: InFlight::new() }
    }

    /// Names the store and the key in an error.
    pub(super) fn named<'a>(&'a self, op: Op, key: &'a Key) -> impl Fn(Error) -> Error + 'a {
        move |e| e.during(op).at(&self.id).on(key)
    }

    /// Refuses a call on a closed store, in the child of a fork, or one that is over before it begins.
    #[inline]
    pub(super) fn begin(&self, op: Op, call: &Call) -> Result<()> {
        if self.state.load(Ordering::Acquire) != OPEN {
            return Err(self.not_open(op));
        }
        if !self.shared.is_ours() {
            return Err(self.forked(op));
        }
        call.check(&self.env, op).map_err(|e| e.at(&self.id))
    }

    #[cold]
    fn not_open(&self, op: Op) -> Error {
        if self.state.load(Ordering::Acquire) == CLOSED {
            return closed(op, &self.id);
        }
        let why = "the cache could not be used any more, and is being opened anew";
        let error = Error::new(ErrorKind::Unavailable, op, why).at(&self.id).hint("try again in a moment");
        match self.shared.poisoned() {
            Some(cause) => error.caused_by(cause),
            None => error,
        }
    }

    /// The error of damage that was found. A cache begins anew as soon as it can.
    #[cold]
    pub(super) fn damage(&self, op: Op, damage: Damage) -> Error {
        let error = error::damage(op, damage);
        if self.shared.settings.is_cache() {
            self.shared.give_up(error.clone());
        }
        error
    }

    /// Whether it can be used as far as is known.
    #[inline]
    pub(super) fn is_well(&self) -> bool {
        self.shared.poisoned_yet().is_none() && self.state.load(Ordering::Acquire) != RETIRED
    }

    pub(super) fn is_retired(&self) -> bool {
        self.state.load(Ordering::Acquire) == RETIRED
    }

    /// Gives the share in an environment back that cannot be used any more, so that it can be opened anew. `false` if
    /// others use it, or the handle was closed.
    pub(super) async fn retire(&self) -> Result<bool> {
        let is_mine = self.shared.is_ours();
        let is_only = || match &*self.user.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(user) => user.is_only() && self.shared.guard.others().is_ok_and(|others| others == 0),
            None => true,
        };
        if !is_mine || self.state.load(Ordering::Acquire) == CLOSED || !is_only() {
            return Ok(false);
        }
        // A close that comes between the two has the last word.
        let _ = self.state.compare_exchange(OPEN, RETIRED, Ordering::AcqRel, Ordering::Acquire);
        self.inflight.wait().await;
        let user = self.user.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(user) = user else { return Ok(self.is_retired()) };
        let release = move || {
            drop(user);
            Ok(())
        };
        self.env.blocking(Op::Open, &self.inflight, release).await?;
        Ok(self.is_retired())
    }

    #[cold]
    fn forked(&self, op: Op) -> Error {
        Error::new(ErrorKind::Invalid, op, "the store was opened before this process was forked off")
            .at(&self.id)
            .hint("open it anew in each process")
    }

    /// Reads a snapshot, at once. `None` if that would take a lock or a wait.
    #[inline]
    pub(super) fn try_read<R>(
        &self,
        op: Op,
        read: impl FnOnce(&Snapshot<'_>) -> Result<R>,
    ) -> Option<Result<R>> {
        let mut lease = self.shared.readers.try_lease()?;
        match self.shared.renew(&mut lease, false) {
            Ok(_) => {}
            Err(Trouble::Damage(found)) => return Some(Err(self.damage(op, found))),
            Err(Trouble::Mapping | Trouble::Unfinished | Trouble::Code(_)) => return None,
        }
        let snapshot = self.shared.data.of_lease(&lease).ok()?;
        Some(read(&snapshot))
    }

    /// Reads a snapshot, on this thread. Nothing of it is held when this returns.
    pub(super) async fn read<R>(
        &self,
        op: Op,
        mut read: impl FnMut(&Snapshot<'_>) -> Result<R>,
    ) -> Result<R> {
        let mut mends = 0;
        loop {
            let trouble = match self.attempt(op, &mut read) {
                Ok(Some(done)) => return done,
                // As many threads as may are reading: they will be done soon.
                Ok(None) => {
                    tokio::task::yield_now().await;
                    continue;
                }
                Err(trouble) => trouble,
            };
            if self.state.load(Ordering::Acquire) != OPEN {
                return Err(self.not_open(op));
            }
            match trouble {
                Trouble::Mapping | Trouble::Unfinished | Trouble::Code(Code::ReadersFull)
                    if mends < MENDS =>
                {
                    mends += 1;
                    self.ask(op, Work::Mend).await?;
                }
                Trouble::Code(Code::Panic) => {
                    let otherwise = || error::code(op, Code::Panic, "reading");
                    return Err(self.shared.poisoned().map_or_else(otherwise, |e| e.during(op)));
                }
                Trouble::Damage(found) => return Err(self.damage(op, found)),
                trouble => return Err(error::trouble(op, trouble)),
            }
        }
    }

    fn attempt<R>(
        &self,
        op: Op,
        read: &mut impl FnMut(&Snapshot<'_>) -> Result<R>,
    ) -> Result<Option<Result<R>>, Trouble> {
        if !self.shared.is_ours() {
            return Ok(Some(Err(self.forked(op))));
        }
        let Some(mut lease) = self.shared.readers.lease()? else { return Ok(None) };
        self.shared.renew(&mut lease, true)?;
        let snapshot = self.shared.data.of_lease(&lease)?;
        Ok(Some(read(&snapshot)))
    }

    /// Asks the writer for something, and waits for its answer.
    pub(super) async fn ask<R>(
        &self,
        op: Op,
        work: impl FnOnce(oneshot::Sender<Result<R>>) -> Work,
    ) -> Result<R> {
        let (reply, answer) = oneshot::channel();
        if self.shared.queue.push(work(reply)).is_err() {
            return Err(self.gone(op));
        }
        match answer.await {
            Ok(answer) => answer.map_err(|e| e.during(op)),
            Err(_) => Err(self.gone(op)),
        }
    }

    fn gone(&self, op: Op) -> Error {
        self.shared.poisoned().map_or_else(|| closed(op, &self.id), |e| e.during(op))
    }

    /// Puts changes in the queue, once there is room.
    pub(super) async fn queue(
        &self,
        op: Op,
        call: &Call,
        changes: Vec<Change>,
        atomic: bool,
    ) -> Result<Pending> {
        let (reply, answer) = oneshot::channel();
        let ticket = Ticket::default();
        let mut job =
            Job { changes, atomic, env: self.env.clone(), ticket: ticket.clone(), reply, permit: None };
        let room = self.shared.queue.room(op, job.cost());
        job.permit = Some(call.guard(&self.env, op, room).await?);
        match self.shared.queue.push(Work::Job(job)) {
            Ok(()) => Ok(Pending { answer, ticket }),
            Err(_) => Err(self.gone(op)),
        }
    }

    /// Gives an upload up, in the background. A store that is being closed leaves that to the next process.
    pub(super) fn abandon(&self, id: super::keys::PartsId) {
        if !self.shared.is_ours() {
            return;
        }
        let (reply, _) = oneshot::channel();
        let changes = vec![Change::Abandon { id }];
        let (env, ticket) = (self.env.clone(), Ticket::default());
        let _ = self.shared.queue.push(Work::Job(Job {
            changes,
            atomic: true,
            env,
            ticket,
            reply,
            permit: None,
        }));
    }

    /// Waits for changes.
    pub(super) async fn wait(&self, op: Op, call: &Call, pending: Pending) -> Result<Vec<Result<Done>>> {
        let Pending { answer, ticket } = pending;
        let given_up = GiveUp(&ticket);
        let answered = call.guard(&self.env, op, async { Ok(answer.await) }).await;
        let begun = !ticket.give_up();
        drop(given_up);
        match answered {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(_)) if begun => Err(self.shared.poisoned().map_or_else(
                || Error::new(ErrorKind::Unknown, op, "the store went away while the write was being made"),
                |e| {
                    Error::new(ErrorKind::Unknown, op, "the writer died while the write was being made")
                        .caused_by(e)
                },
            )),
            Ok(Err(_)) => Err(self.gone(op)),
            Err(over) if begun => Err(Error::new(
                ErrorKind::Unknown,
                op,
                "the call was given up while it was being carried out",
            )
            .hint("read the key before anything depends on it")
            .caused_by(over)),
            Err(over) => Err(over),
        }
    }

    /// Makes changes in one transaction, each by itself or all together.
    pub(super) async fn submit(
        &self,
        op: Op,
        call: &Call,
        changes: Vec<Change>,
        atomic: bool,
    ) -> Result<Vec<Result<Done>>> {
        let counted = self.inflight.enter();
        let pending = self.queue(op, call, changes, atomic).await?;
        let done = self.wait(op, call, pending).await;
        drop(counted);
        done
    }

    /// Makes one change.
    pub(super) async fn submit_one(&self, op: Op, call: &Call, change: Change) -> Result<Done> {
        let mut done = self.submit(op, call, vec![change], false).await?;
        done.pop().unwrap_or_else(|| Err(self.gone(op)))
    }

    /// Waits until what was begun before is done, and nothing is left of it in the background.
    pub(super) async fn drain(&self, call: &Call) -> Result<()> {
        let work = async {
            self.inflight.wait().await;
            self.ask(Op::Drain, Work::Drain).await
        };
        call.guard(&self.env, Op::Drain, work).await
    }

    /// Refuses new calls, waits for those under way, and gives the share in the environment back.
    pub(super) async fn close(&self, call: &Call) -> Result<()> {
        if !self.shared.is_ours() {
            return Ok(());
        }
        // A call that is over closes nothing.
        call.check(&self.env, Op::Close)?;
        self.state.store(CLOSED, Ordering::Release);
        let seen_out = async {
            self.inflight.wait().await;
            Ok(())
        };
        call.guard(&self.env, Op::Close, seen_out).await?;
        let user = self.user.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(user) = user else { return Ok(()) };
        // The last share ends the writer and waits for it.
        let released = self.env.blocking(Op::Close, &self.inflight, move || {
            drop(user);
            Ok(())
        });
        call.guard(&self.env, Op::Close, released).await
    }
}

/// Changes in the queue.
#[derive(Debug)]
pub(super) struct Pending {
    answer: oneshot::Receiver<Vec<Result<Done>>>,
    ticket: Ticket,
}

impl Pending {
    /// They are not wanted any more, unless they were begun.
    pub(super) fn give_up(&self) {
        self.ticket.give_up();
    }
}

/// Whoever stops waiting does not want what was not begun.
struct GiveUp<'a>(&'a Ticket);

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
