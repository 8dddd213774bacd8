//! What all handles of an environment share.

use std::sync::OnceLock;

use larder_store_core::{Env, Error};

use super::cache::{self, Cache};
use super::config::LmdbRole;
use super::guard::Guard;
use super::snapshot::{Data, Trouble};
use super::sys::{self, Lease, Readers};
use super::tree::Meta;
use super::writer::Queue;

/// What an environment was opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) role: LmdbRole,
    pub(super) sync: bool,
    pub(super) map_size: usize,
    pub(super) max_size: usize,
    pub(super) page_size: usize,
    /// The bound of a cache.
    pub(super) capacity: Option<u64>,
}

impl Settings {
    /// Bytes of a part of a long value: with LMDB's header of 16 bytes it fills its pages. In a cache, whose free pages
    /// are where they happen to be, long runs of them are rare.
    pub(super) fn part_len(&self) -> u32 {
        let pages = if self.is_cache() { 4 } else { 64 };
        (pages * self.page_size - 16).min((1 << 20) - 16) as u32
    }

    /// Values up to this many bytes stand in their record. In a small cache runs of free pages are short.
    pub(super) fn inline(&self) -> usize {
        const MOST: usize = 64 * 1024;
        if self.is_cache() { (self.max_size / 1024).clamp(MOST / 4, MOST) } else { MOST }
    }

    /// Bytes of values that are written at once, about: a commit is to dirty a small part of a cache, so that most of its
    /// free pages can be used by the next one. Where a commit does not wait for the disk there is little to be won by large
    /// ones, and LMDB keeps in memory what a commit changes.
    pub(super) fn batch(&self) -> usize {
        const UNSYNCED: usize = 1 << 20;
        match (self.role, self.sync) {
            (LmdbRole::Origin, _) => usize::MAX,
            (LmdbRole::Cache, true) => self.max_size / 32,
            (LmdbRole::Cache, false) => (self.max_size / 32).min(UNSYNCED),
        }
    }

    /// Whether it may forget.
    pub(super) fn is_cache(&self) -> bool {
        self.role == LmdbRole::Cache
    }

    /// Pages that there may be.
    pub(super) fn pages(&self) -> u64 {
        (self.max_size / self.page_size) as u64
    }

    /// The largest value that a cache takes: one that takes more of it than a sixteenth would cost too many others.
    pub(super) fn largest(&self) -> u64 {
        if self.is_cache() { self.max_size as u64 / 16 } else { u64::MAX }
    }

    /// The birth that stands before a record in a cache, if it is whole, and the record.
    #[inline]
    pub(super) fn split<'a>(&self, stored: &'a [u8]) -> (Option<u64>, &'a [u8]) {
        if self.is_cache() { cache::split_birth(stored) } else { (None, stored) }
    }
}

/// An open environment.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) readers: Readers,
    pub(super) data: Data,
    pub(super) guard: Guard,
    pub(super) queue: Queue,
    pub(super) env: Env,
    /// What makes it a cache; there once it is known that the folder is one.
    pub(super) cache: OnceLock<Cache>,
    poisoned: OnceLock<Error>,
    fork: u32,
}

impl Shared {
    pub(super) fn new(settings: Settings, readers: Readers, data: Data, guard: Guard, env: Env) -> Shared {
        let (queue, poisoned, fork) = (Queue::new(settings.batch()), OnceLock::new(), sys::forks());
        Shared { settings, readers, data, guard, queue, env, cache: OnceLock::new(), poisoned, fork }
    }

    /// Whether this process opened it, and not a parent that it was forked from.
    #[inline]
    pub(super) fn is_ours(&self) -> bool {
        self.fork == sys::forks()
    }

    /// Takes the newest snapshot with `lease`: [`Data::renew`].
    #[inline]
    pub(super) fn renew(&self, lease: &mut Lease<'_>, patient: bool) -> Result<Meta, Trouble> {
        self.data.renew(lease, patient, || self.guard.writer_died())
    }

    /// The structure of a cache is damaged: it takes no more writes, and begins anew as soon as it is opened by one
    /// process alone.
    pub(super) fn give_up(&self, error: Error) {
        self.guard.set_damaged();
        self.poison(error);
    }

    /// Takes no more writes, and says why.
    pub(super) fn poison(&self, error: Error) {
        if self.poisoned.set(error.clone()).is_ok() {
            tracing::error!(%error, "an LMDB store takes no more writes");
        }
    }

    /// The same, without a copy.
    #[inline]
    pub(super) fn poisoned_yet(&self) -> Option<&Error> {
        self.poisoned.get()
    }

    /// Why no more writes are taken.
    pub(super) fn poisoned(&self) -> Option<Error> {
        self.poisoned.get().cloned()
    }
}
