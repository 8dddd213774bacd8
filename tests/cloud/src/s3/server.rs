//! What all connections share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use s3s::S3Result;

use super::bucket::{Bucket, no_such_bucket};
use super::clock;
use super::faults::Faults;
use super::options::DoubleOptions;
use super::settings::Settings;
use crate::content::Spool;
use crate::lock::locked;
use crate::traffic::Traffic;

#[derive(Debug)]
pub(super) struct Server {
    pub(super) options: DoubleOptions,
    pub(super) spool: Spool,
    settings: Mutex<Settings>,
    /// Every decision and every effect happens under this one lock: the server is linearizable.
    buckets: Mutex<BTreeMap<String, Bucket>>,
    pub(super) traffic: Traffic,
    pub(super) faults: Faults,
    uploads: AtomicU64,
}

impl Server {
    pub(super) fn new(options: DoubleOptions) -> std::io::Result<Self> {
        let region = options.region.clone();
        let buckets = options.buckets.iter().map(|name| (name.clone(), Bucket::new(region.clone())));
        Ok(Self {
            spool: Spool::new(options.bodies.as_deref())?,
            settings: Mutex::default(),
            buckets: Mutex::new(buckets.collect()),
            traffic: Traffic::default(),
            faults: Faults::default(),
            uploads: AtomicU64::new(1),
            options,
        })
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

    /// Ids of uploads grow, so that those of one key are listed in the order in which they began.
    pub(super) fn new_upload_id(&self) -> String {
        format!("{:012x}.upload", self.uploads.fetch_add(1, Ordering::Relaxed))
    }
}
