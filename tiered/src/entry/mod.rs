//! What a front keeps for a key: the origin's answer, and what is needed to judge it.

mod codec;

use std::sync::OnceLock;
use std::time::SystemTime;

use bytes::Bytes;
use larder_store_core::{Key, Meta};

use crate::clocks::Asked;
use crate::fence::Stamp;
use crate::front::Remembered;

pub(crate) use codec::{Head, MAX_HEAD};

/// An answer of the origin, as a front keeps it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The state of its slot in the fence that it belongs to.
    pub(crate) stamp: Stamp,
    /// The store that it is an answer of, as a number.
    pub(crate) origin: u64,
    /// When the origin was asked.
    pub(crate) asked: Asked,
    pub(crate) key: Key,
    pub(crate) said: Said,
    /// Where a front remembers it.
    pub(crate) home: OnceLock<Remembered>,
}

/// What the origin said.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "most are values, and a box would cost each hit a cache line")]
pub(crate) enum Said {
    /// There is no value.
    Absent,
    /// There is this one, whole.
    Value(Meta, Bytes),
}

impl Entry {
    /// What the origin with this number said of a key.
    pub(crate) fn new(stamp: Stamp, origin: u64, asked: Asked, key: Key, said: Said) -> Entry {
        Entry { stamp, origin, asked, key, said, home: OnceLock::new() }
    }

    /// Bytes of the value.
    pub(crate) fn len(&self) -> usize {
        match &self.said {
            Said::Absent => 0,
            Said::Value(_, body) => body.len(),
        }
    }

    /// What it holds in memory: itself, its key, its meta and its value.
    pub(crate) fn bytes_in_memory(&self) -> u64 {
        // The meta's version, attributes and the counters of shared parts are small; so is what this leaves out.
        const SHARED_PARTS: usize = 128;
        (size_of::<Entry>() + SHARED_PARTS + self.key.len() + self.len()) as u64
    }

    /// Whether the value has expired: the origin is asked then, since only it knows.
    pub(crate) fn is_expired(&self, now: impl FnOnce() -> SystemTime) -> bool {
        match &self.said {
            Said::Absent => false,
            Said::Value(meta, _) => meta.expires.and_then(|e| e.at()).is_some_and(|at| at <= now()),
        }
    }

    /// When the value expires.
    pub(crate) fn expires(&self) -> Option<SystemTime> {
        match &self.said {
            Said::Absent => None,
            Said::Value(meta, _) => meta.expires.and_then(|e| e.at()),
        }
    }
}
