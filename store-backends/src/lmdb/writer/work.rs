//! What the writer is asked to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use larder_store_core::{Env, Key, Op, Precondition, Result, Swept, Version};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::lmdb::keys::PartsId;

/// A change that one transaction makes, and whose precondition is decided inside it.
#[derive(Debug)]
pub(crate) enum Change {
    /// Writes a record.
    Put {
        op: Op,
        key: Key,
        pre: Precondition,
        /// The head and, unless the body stands in parts, the body.
        record: Vec<u8>,
        version: Version,
        expires: Option<SystemTime>,
        /// The parts that it names, written before.
        parts: Option<PartsId>,
    },
    /// Removes a record.
    Delete { op: Op, key: Key, only: Option<Version> },
    /// Only asks.
    Check { key: Key, pre: Precondition },
    /// Writes a part of an upload; with the first one comes the entry in the books.
    Part { op: Op, id: PartsId, number: u32, bytes: Vec<u8>, started: Option<SystemTime> },
    /// Gives an upload up: its parts become garbage.
    Abandon { id: PartsId },
}

impl Change {
    /// About how many bytes of the file it changes.
    pub(crate) fn cost(&self) -> usize {
        const ENTRY: usize = 256;
        ENTRY
            + match self {
                Change::Put { record, .. } => record.len(),
                Change::Part { bytes, .. } => bytes.len(),
                _ => 0,
            }
    }
}

/// What a change did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// It wrote, or asked.
    Made,
    /// It removed what was there (`true`) or found nothing.
    Removed(bool),
}

/// Whether a job was begun. Whoever gives up a job that was not knows that it changed nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ticket(Arc<AtomicU8>);

const QUEUED: u8 = 0;
const BEGUN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Ticket {
    /// The writer takes the job. `false` if it was given up.
    pub(crate) fn begin(&self) -> bool {
        self.0.compare_exchange(QUEUED, BEGUN, Ordering::AcqRel, Ordering::Acquire) != Err(GIVEN_UP)
    }

    /// The caller gives the job up. `false` if it was begun.
    pub(crate) fn give_up(&self) -> bool {
        self.0.compare_exchange(QUEUED, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire) != Err(BEGUN)
    }
}

/// Changes that belong together.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) changes: Vec<Change>,
    /// All or nothing; else each by itself.
    pub(crate) atomic: bool,
    /// Whose clock says what has expired.
    pub(crate) env: Env,
    pub(crate) ticket: Ticket,
    pub(crate) reply: oneshot::Sender<Vec<Result<Done>>>,
    /// Room in the queue, given back when the job is gone.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

impl Job {
    pub(crate) fn cost(&self) -> usize {
        self.changes.iter().map(Change::cost).sum()
    }
}

/// What a sweep looks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SweepOrder {
    pub(crate) now: SystemTime,
    pub(crate) older_than: Duration,
    pub(crate) dry_run: bool,
}

/// What waits in the queue.
#[derive(Debug)]
pub(crate) enum Work {
    Job(Job),
    /// Answers when all before it is done and all garbage is gone.
    Drain(oneshot::Sender<Result<()>>),
    /// Answers when all before it is on disk.
    Flush(oneshot::Sender<Result<()>>),
    /// Frees the reader table's entries of the dead, and maps what other processes added.
    Mend(oneshot::Sender<Result<()>>),
    /// Removes what killed writers left.
    Sweep(SweepOrder, oneshot::Sender<Result<Swept>>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_begun_or_given_up() {
        let ticket = Ticket::default();
        assert!(ticket.begin() && !ticket.give_up());
        let ticket = Ticket::default();
        assert!(ticket.give_up() && !ticket.begin());
        // Tried again by the writer: still begun.
        let ticket = Ticket::default();
        assert!(ticket.begin() && ticket.begin());
    }
}
