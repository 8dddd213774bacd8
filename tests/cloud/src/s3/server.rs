//! What all connections share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use s3s::S3Result;

use super::bucket::{Bucket, no_such_bucket};
use super::clock;
use super::connection::Cut;
use super::content::Spool;
use super::faults::Faults;
use super::options::DoubleOptions;
use super::settings::Settings;

#[derive(Debug)]
pub(super) struct Server {
    pub(super) options: DoubleOptions,
    pub(super) spool: Spool,
    settings: Mutex<Settings>,
    /// Every decision and every effect happens under this one lock: the server is linearizable.
    buckets: Mutex<BTreeMap<String, Bucket>>,
    requests: Mutex<BTreeMap<&'static str, u64>>,
    pub(super) connections: AtomicU64,
    /// The knives of those that are open.
    cuts: Mutex<Vec<Weak<Cut>>>,
    pub(super) faults: Faults,
    uploads: AtomicU64,
    /// Requests that may still have an effect.
    pub(super) open: Arc<AtomicU64>,
}

impl Server {
    pub(super) fn new(options: DoubleOptions) -> std::io::Result<Self> {
        let region = options.region.clone();
        let buckets = options.buckets.iter().map(|name| (name.clone(), Bucket::new(region.clone())));
        Ok(Self {
            spool: Spool::new(options.bodies.as_deref())?,
            settings: Mutex::default(),
            buckets: Mutex::new(buckets.collect()),
            requests: Mutex::default(),
            connections: AtomicU64::new(0),
            cuts: Mutex::default(),
            faults: Faults::default(),
            uploads: AtomicU64::new(1),
            open: Arc::default(),
            options,
        })
    }

    /// Notes a connection that was accepted.
    pub(super) fn accepted(&self, cut: &Arc<Cut>) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let mut cuts = locked(&self.cuts);
        cuts.retain(|cut| cut.strong_count() > 0);
        cuts.push(Arc::downgrade(cut));
    }

    /// Ends all connections that are open.
    pub(super) fn reset_all(&self) {
        locked(&self.cuts).drain(..).filter_map(|cut| cut.upgrade()).for_each(|cut| cut.reset());
    }

    pub(super) fn settings(&self) -> Settings {
        locked(&self.settings).clone()
    }

    pub(super) fn change<R>(&self, with: impl FnOnce(&mut Settings) -> R) -> R {
        with(&mut locked(&self.settings))
    }

    /// Seconds since 1970 by the server's clock.
    pub(super) fn now(&self) -> i64 {
        clock::now(locked(&self.settings).clock_offset)
    }

    pub(super) fn buckets(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        locked(&self.buckets)
    }

    /// Works on a bucket while nobody else does.
    pub(super) fn with_bucket<R>(
        &self,
        name: &str,
        with: impl FnOnce(&mut Bucket) -> S3Result<R>,
    ) -> S3Result<R> {
        self.buckets().get_mut(name).ok_or_else(no_such_bucket).and_then(with)
    }

    pub(super) fn count(&self, operation: &'static str) {
        *locked(&self.requests).entry(operation).or_default() += 1;
    }

    pub(super) fn requests(&self) -> BTreeMap<&'static str, u64> {
        locked(&self.requests).clone()
    }

    pub(super) fn reset_requests(&self) {
        locked(&self.requests).clear();
    }

    /// Ids of uploads grow, so that those of one key are listed in the order in which they began.
    pub(super) fn new_upload_id(&self) -> String {
        format!("{:012x}.upload", self.uploads.fetch_add(1, Ordering::Relaxed))
    }
}

/// One request that may still have an effect.
#[derive(Debug)]
pub(super) struct Open(Arc<AtomicU64>);

impl Open {
    pub(super) fn new(server: &Server) -> Self {
        server.open.fetch_add(1, Ordering::AcqRel);
        Self(server.open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A panic in one request must not fail all that come after it.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
