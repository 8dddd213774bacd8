//! What all handles of an environment share.

use std::sync::OnceLock;

use larder_store_core::{Env, Error};

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
}

impl Settings {
    /// Bytes of a part of a long value: with LMDB's header of 16 bytes it fills its pages.
    pub(super) fn part_len(&self) -> u32 {
        (64 * self.page_size - 16).min((1 << 20) - 16) as u32
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
    poisoned: OnceLock<Error>,
    fork: u32,
}

impl Shared {
    pub(super) fn new(settings: Settings, readers: Readers, data: Data, guard: Guard, env: Env) -> Shared {
        let (queue, poisoned, fork) = (Queue::new(), OnceLock::new(), sys::forks());
        Shared { settings, readers, data, guard, queue, env, poisoned, fork }
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

    /// Takes no more writes, and says why.
    pub(super) fn poison(&self, error: Error) {
        if self.poisoned.set(error.clone()).is_ok() {
            tracing::error!(%error, "an LMDB store takes no more writes");
        }
    }

    /// Why no more writes are taken.
    pub(super) fn poisoned(&self) -> Option<Error> {
        self.poisoned.get().cloned()
    }
}
