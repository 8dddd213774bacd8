//! What waits for the writer, bounded by bytes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use larder_store_core::{Error, ErrorKind, Op, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::work::{Job, Work};

/// Bytes that may wait. A job that is larger waits alone.
const BYTES: usize = 32 << 20;
/// The unit of the bound.
const UNIT: usize = 1024;
/// Jobs of one commit have about so many bytes together, so that none takes long.
const BATCH_BYTES: usize = 8 << 20;
/// At most so many jobs are in one commit.
const BATCH_JOBS: usize = 4096;

/// The queue.
#[derive(Debug)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    ready: Condvar,
    jobs: AtomicUsize,
    room: Arc<Semaphore>,
    batch: usize,
}

#[derive(Debug, Default)]
struct Inner {
    works: VecDeque<Work>,
    /// The writer sleeps: to wake it takes a system call, which is saved where it does not.
    asleep: bool,
    /// No more is taken; the writer ends when what is there is done.
    closed: bool,
}

/// What the writer finds.
#[derive(Debug)]
pub(crate) enum Next {
    /// Jobs, still in the queue: the lock of writers comes first.
    Jobs,
    /// Something else.
    Other(Work),
    /// Nothing.
    Idle,
    /// Nothing, ever.
    Closed,
}

impl Queue {
    /// One whose commits have about `batch` bytes, if that is less than is usual.
    pub(crate) fn new(batch: usize) -> Queue {
        Queue {
            inner: Mutex::default(),
            ready: Condvar::new(),
            jobs: AtomicUsize::new(0),
            room: Arc::new(Semaphore::new(BYTES / UNIT)),
            batch: batch.min(BATCH_BYTES),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room for a job of so many bytes.
    pub(crate) async fn room(&self, op: Op, bytes: usize) -> Result<OwnedSemaphorePermit> {
        let units = (bytes / UNIT + 1).min(BYTES / UNIT) as u32;
        let closed = |_| Error::new(ErrorKind::Closed, op, "the store was closed");
        self.room.clone().acquire_many_owned(units).await.map_err(closed)
    }

    /// Adds work. It comes back if the queue was closed.
    pub(crate) fn push(&self, work: Work) -> Result<(), Work> {
        let mut inner = self.inner();
        if inner.closed {
            return Err(work);
        }
        if matches!(work, Work::Job(_)) {
            self.jobs.fetch_add(1, Ordering::Release);
        }
        inner.works.push_back(work);
        let asleep = std::mem::take(&mut inner.asleep);
        drop(inner);
        if asleep {
            self.ready.notify_one();
        }
        Ok(())
    }

    /// How many jobs wait.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs.load(Ordering::Acquire)
    }

    /// Takes no more work. The writer ends when it has done what there is.
    pub(crate) fn close(&self) {
        self.inner().closed = true;
        self.room.close();
        self.ready.notify_one();
    }

    /// What is next. Waits for something unless there is other business.
    pub(crate) fn next(&self, other_business: bool) -> Next {
        let mut inner = self.inner();
        loop {
            match inner.works.front() {
                Some(Work::Job(_)) => return Next::Jobs,
                Some(_) => {
                    if let Some(work) = inner.works.pop_front() {
                        return Next::Other(work);
                    }
                }
                None if inner.closed => return Next::Closed,
                None if other_business => return Next::Idle,
                None => {
                    inner.asleep = true;
                    inner = self.ready.wait(inner).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Takes the jobs in front that were not given up, as many as make a good commit.
    pub(crate) fn take(&self) -> Vec<Job> {
        let mut inner = self.inner();
        let (mut taken, mut bytes, mut gone) = (Vec::new(), 0, 0);
        while taken.len() < BATCH_JOBS && bytes < self.batch {
            let Some(Work::Job(_)) = inner.works.front() else { break };
            let Some(Work::Job(job)) = inner.works.pop_front() else { break };
            gone += 1;
            if job.ticket.begin() {
                bytes += job.cost();
                taken.push(job);
            }
        }
        self.jobs.fetch_sub(gone, Ordering::Release);
        taken
    }

    /// Closes the queue and throws away what waits: the writer is gone.
    pub(crate) fn abandon(&self) {
        self.close();
        let works = std::mem::take(&mut self.inner().works);
        self.jobs.store(0, Ordering::Release);
        drop(works);
    }
}
