//! What the parts of a stack share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder_store_core::env::InFlight;
use larder_store_core::{
    Call, Env, Error, ErrorKind, Guarantees, Key, Op, Result, Sharing, Store, StoreId, closed,
};
use tokio::sync::Semaphore;

use crate::clocks::Clocks;
use crate::entry::Entry;
use crate::fence::{FenceFile, FrontSays, Layout, Mapped, Table};
use crate::flight::Flights;
use crate::front::{Front, cost_of_keeping};
use crate::policy::Policy;
use crate::reach::{Attachment, Cell, Opened, Reach};
use crate::stats::StackCounts;

/// The name of the fence file, in the folder of the front that is shared.
pub(crate) const FENCE_FILE: &str = "larder.fence";
/// Bytes that entries on their way into fronts may take while nobody waits for it, all they cost counted.
pub(crate) const FILL_BYTES: usize = 2 << 20;
/// How often a write is tried whose fence turned out to be broken.
const FENCE_TRIES: usize = 4;

/// A stack.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) id: StoreId,
    pub(crate) guarantees: Guarantees,
    pub(crate) fronts: Vec<Front>,
    /// The front beside which the fence is, if one is shared with other processes.
    pub(crate) fenced_by: Option<usize>,
    pub(crate) origin: Arc<dyn Store>,
    pub(crate) policy: Policy,
    pub(crate) clocks: Clocks,
    pub(crate) reach: Arc<Reach>,
    pub(crate) cell: Arc<Cell>,
    /// Kept, so that the file stays attached.
    pub(crate) attachment: std::sync::Mutex<Option<Arc<Attachment>>>,
    pub(crate) layout: Layout,
    pub(crate) window: Duration,
    pub(crate) origin_number: u64,
    pub(crate) flights: Flights,
    pub(crate) inflight: InFlight,
    pub(crate) fills: Arc<Semaphore>,
    pub(crate) closed: AtomicBool,
    pub(crate) counts: StackCounts,
}

impl Stack {
    pub(crate) fn env(&self) -> &Env {
        &self.clocks.env
    }

    /// Refuses a call on a closed stack, or one that is over before it begins.
    #[inline]
    pub(crate) fn begin(&self, op: Op, call: &Call) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed(op, &self.id));
        }
        if call.deadline.is_some() || call.cancel.is_some() {
            call.check(self.env(), op).map_err(|e| e.at(&self.id))?;
        }
        Ok(())
    }

    /// The slot of a key in a table. Stacks that see the origin by different prefixes come to the same one.
    #[inline]
    pub(crate) fn slot(&self, table: &Table<Mapped>, key: &Key) -> u32 {
        table.slot_of_hash(self.hash(table, key))
    }

    /// The hash of a key in a table.
    #[inline]
    pub(crate) fn hash(&self, table: &Table<Mapped>, key: &Key) -> u64 {
        match self.id.prefix() {
            "" => table.hash(key.as_str()),
            prefix => table.hash(&format!("{prefix}{key}")),
        }
    }

    /// The fronts that may be asked now, the hottest first.
    #[inline]
    pub(crate) fn fronts(&self) -> impl Iterator<Item = &Front> {
        let adrift = if self.cell.is_adrift() { self.fenced_by } else { None };
        self.fronts.iter().enumerate().filter(move |(at, _)| Some(*at) != adrift).map(|(_, front)| front)
    }

    /// Opens writes to some keys in every fence of the origin, before it is asked.
    ///
    /// # Errors
    /// If the others could not see them, and the stack promises that they do.
    pub(crate) async fn open_writes(self: &Arc<Self>, op: Op, keys: &[&Key]) -> Result<Vec<Opened>> {
        self.revive_later();
        let prefix = self.id.prefix();
        let names: Vec<String> = keys.iter().map(|key| format!("{prefix}{key}")).collect();
        let mut broken = None;
        for _ in 0..FENCE_TRIES {
            match self.reach.open(names.iter().map(String::as_str)) {
                Ok(opened) => {
                    if self.cell.forbids_writes() && !self.revive().await {
                        opened.into_iter().for_each(|write| drop(write.answered()));
                        return Err(self.adrift(op, broken));
                    }
                    return Ok(opened);
                }
                Err(found) => {
                    let error = found.error.clone();
                    match found.attachment {
                        Some(attachment) => {
                            if let Err(error) = attachment.renew(&found.table, &error).await {
                                self.note_adrift(&error);
                                broken = Some(error);
                            }
                        }
                        // Its stack is being closed, and takes the table with it.
                        None => tokio::task::yield_now().await,
                    }
                    broken.get_or_insert(error);
                }
            }
        }
        Err(self.adrift(op, broken))
    }

    /// Why nothing can be written.
    fn adrift(&self, op: Op, cause: Option<Error>) -> Error {
        // A close that came between the call's beginning and this took the fence away.
        if self.closed.load(Ordering::Acquire) {
            return closed(op, &self.id);
        }
        let why = "the fence that processes share cannot be written, so the others would not see this write";
        let error = Error::new(ErrorKind::Unavailable, op, why)
            .hint(
                "fresh=sole_writer promises that they do; mend the folder of the front, or choose fresh=30s",
            )
            .at(&self.id);
        match cause {
            Some(cause) => error.caused_by(cause),
            None => error,
        }
    }

    fn note_adrift(&self, error: &Error) {
        if let Some(front) = self.fenced_by.and_then(|at| self.fronts.get(at)) {
            front.is_down();
        }
        tracing::warn!(%error, "the fence is lost: the front that processes share is passed by");
    }

    /// Where the fence of a front is.
    fn fence_file(&self, front: &Arc<dyn Store>) -> Result<FenceFile> {
        let Some(folder) = front.folder() else {
            let why = format!("{} is shared by processes, and has no place for the fence", front.id());
            return Err(Error::new(ErrorKind::Unsupported, Op::Open, why)
                .hint("a front that is shared is an lmdb: store, or one whose Store::folder says where"));
        };
        Ok(FenceFile {
            path: folder.join(FENCE_FILE),
            origin: self.reach.root().clone(),
            layout: self.layout,
            window: self.window,
            front: FrontSays::Empty,
            fears_the_past: self.guarantees.late_landing && self.policy.trusts_the_fence(),
            env: self.env().clone(),
        })
    }

    /// Opens a front, and attaches its fence if it is the one that holds it.
    pub(crate) async fn raise(&self, at: usize) -> Result<()> {
        let front = &self.fronts[at];
        let _alone = front.opening().lock().await;
        let store = front.open().await?;
        check_front(&**store)?;
        if self.fenced_by == Some(at)
            && self.cell.is_adrift()
            && store.guarantees().sharing > Sharing::Process
        {
            let (file, marked) = (self.fence_file(store)?, front.marked(store));
            let attached = Attachment::open(&self.reach, file, marked, &self.cell).await?;
            *self.attachment.lock().unwrap_or_else(|e| e.into_inner()) = Some(attached);
        }
        front.is_up();
        Ok(())
    }

    /// Which front is not up and due for another try.
    fn to_revive(&self) -> Option<usize> {
        let adrift = self.cell.is_adrift();
        let down =
            |(at, front): (usize, &Front)| front.store().is_none() || (adrift && self.fenced_by == Some(at));
        let mut fronts = self.fronts.iter().enumerate();
        fronts.find(|(at, front)| down((*at, front)) && front.may_try()).map(|(at, _)| at)
    }

    /// Tries again to open what could not be opened, in the background.
    pub(crate) fn revive_later(self: &Arc<Self>) {
        // The usual case costs a look at each front.
        if !self.cell.is_adrift() && self.fronts.iter().all(|front| front.store().is_some()) {
            return;
        }
        let Some(at) = self.to_revive() else { return };
        let (stack, counted) = (self.clone(), self.inflight.enter());
        self.env().spawn(async move {
            stack.try_to_raise(at).await;
            drop(counted);
        });
    }

    async fn try_to_raise(&self, at: usize) -> bool {
        let raised = self.raise(at).await;
        match &raised {
            Ok(()) => tracing::info!(tier = at, "a front that could not be opened is open"),
            Err(error) => {
                self.fronts[at].is_down();
                tracing::debug!(tier = at, %error, "a front still cannot be opened");
            }
        }
        raised.is_ok()
    }

    /// Tries again now, if it is time.
    async fn revive(&self) -> bool {
        match self.to_revive() {
            Some(at) if Some(at) == self.fenced_by => self.try_to_raise(at).await,
            _ => !self.cell.is_adrift(),
        }
    }

    /// Gives an entry to the fronts above `below` that take it without waiting. Whether those are all.
    pub(crate) fn keep_now(&self, entry: &Arc<Entry>, below: u8) -> bool {
        let mut all = true;
        for front in self.fronts().take_while(|front| front.number < below) {
            all &= front.keep_now(entry);
        }
        all
    }

    /// Gives it to the others, unless its slot has moved on.
    pub(crate) async fn keep_rest(&self, entry: &Arc<Entry>, below: u8) {
        for front in self.fronts().take_while(|front| front.number < below) {
            if front.keeps_objects() {
                continue;
            }
            if self.still_serves(entry) {
                front.keep(entry).await;
            } else {
                front.counts.fills_lost.add();
            }
        }
    }

    /// Gives it to all of them.
    pub(crate) async fn keep(&self, entry: &Arc<Entry>) {
        if !self.keep_now(entry, u8::MAX) {
            self.keep_rest(entry, u8::MAX).await;
        }
    }

    /// Gives an entry to the fronts above `below`: at once where that needs no waiting, else behind the caller's back.
    pub(crate) fn keep_later(self: &Arc<Self>, entry: Arc<Entry>, below: u8) {
        if self.keep_now(&entry, below) {
            return;
        }
        let permits = fill_permits(&entry);
        let Ok(permit) = self.fills.clone().try_acquire_many_owned(permits) else {
            self.fill_lost();
            return;
        };
        let (stack, counted) = (self.clone(), self.inflight.enter());
        self.env().spawn(async move {
            stack.keep_rest(&entry, below).await;
            drop((permit, counted));
        });
    }

    fn still_serves(&self, entry: &Entry) -> bool {
        let table = self.cell.look();
        table.serves(&table.lease(self.slot(&table, &entry.key)), &entry.stamp)
    }

    /// Nothing was offered to the fronts.
    pub(crate) fn fill_lost(&self) {
        self.fronts().for_each(|front| front.counts.fills_lost.add());
    }
}

/// What of [`FILL_BYTES`] an entry takes on its way into fronts.
pub(crate) fn fill_permits(entry: &Entry) -> u32 {
    cost_of_keeping(entry).min(FILL_BYTES) as u32
}

/// Refuses a store that cannot be a front.
pub(crate) fn check_front(store: &dyn Store) -> Result<()> {
    if store.guarantees().retention != larder_store_core::Retention::MayEvict {
        let why = format!("{} keeps everything, and a front must have a bound", store.id());
        return Err(Error::new(ErrorKind::Unsupported, Op::Open, why)
            .hint("as fronts there are memory:?capacity=64MiB and lmdb:PATH?capacity=400MiB"));
    }
    Ok(())
}
