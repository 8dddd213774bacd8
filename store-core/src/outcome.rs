//! What operations answer.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_core::Stream;

use crate::error::Result;
use crate::meta::Meta;
use crate::version::Version;
use crate::write_id::WriteId;

/// A stream of results that outlives the store it came from.
pub type Items<T> = Pin<Box<dyn Stream<Item = Result<T>> + Send>>;

/// The bytes of a value, in pieces. After an error nothing more comes.
pub type ByteStream = Items<Bytes>;

/// The answer of a get or a head: three different things, always.
#[derive(Debug, Clone, PartialEq)]
pub enum Got<B> {
    /// There is no value, or it has expired.
    Absent,
    /// The value has the version that the caller already has.
    Unchanged(Meta),
    /// The value.
    Found {
        /// What is known about it. Its size is that of the whole value, also for a range.
        meta: Meta,
        /// The value, or the part that was asked for.
        body: B,
        /// Who answered.
        served: Served,
    },
}

impl<B> Got<B> {
    /// A value from a store that stands alone.
    pub fn found(meta: Meta, body: B) -> Got<B> {
        Got::Found { meta, body, served: Served::default() }
    }

    /// What is known about the value, if there is one.
    pub fn meta(&self) -> Option<&Meta> {
        match self {
            Got::Absent => None,
            Got::Unchanged(meta) | Got::Found { meta, .. } => Some(meta),
        }
    }

    /// The body, if one was sent.
    pub fn into_body(self) -> Option<B> {
        match self {
            Got::Found { body, .. } => Some(body),
            _ => None,
        }
    }

    /// Changes the body.
    pub fn map<C>(self, change: impl FnOnce(B) -> C) -> Got<C> {
        match self {
            Got::Absent => Got::Absent,
            Got::Unchanged(meta) => Got::Unchanged(meta),
            Got::Found { meta, body, served } => Got::Found { meta, body: change(body), served },
        }
    }

    /// Changes the meta, if there is one.
    pub fn map_meta(self, change: impl FnOnce(Meta) -> Meta) -> Got<B> {
        match self {
            Got::Absent => Got::Absent,
            Got::Unchanged(meta) => Got::Unchanged(change(meta)),
            Got::Found { meta, body, served } => Got::Found { meta: change(meta), body, served },
        }
    }
}

/// Who answered a get. The default: a store that stands alone, or the origin, just now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Served {
    /// The tier, 0 being the hottest; `None` for a store that stands alone.
    pub tier: Option<u8>,
    /// How long ago the origin was asked, where a front answered.
    pub age: Option<Duration>,
    /// The answer may be older than the policy allows, and the caller allowed that.
    pub stale: bool,
}

/// How long what was written lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// As long as the process.
    Process,
    /// It outlives the process, and not a crash of the machine.
    Host,
    /// It outlives a crash of the machine.
    Durable,
}

/// A write that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// The version that now stands, for the next conditional write.
    pub version: Version,
    /// The id of the write.
    pub write_id: WriteId,
    /// How long it lasts.
    pub durability: Durability,
    /// Whether every attempt that was sent got an answer. If not, an earlier attempt may still land.
    pub settled: bool,
    /// What [`Meta::modified`] will be, where the store tells without another request.
    pub modified: Option<SystemTime>,
    /// What [`Meta::stored_size`] will be. It counts only if `modified` is told; then `None` says that a get will not
    /// know it either.
    pub stored_size: Option<u64>,
}

impl Written {
    /// A write that was answered at the first attempt.
    pub fn new(version: Version, write_id: WriteId, durability: Durability) -> Written {
        Written { version, write_id, durability, settled: true, modified: None, stored_size: None }
    }

    /// Adds all that a get will say about the value.
    pub fn with_facts(mut self, modified: SystemTime, stored_size: Option<u64>) -> Written {
        self.modified = Some(modified);
        self.stored_size = stored_size;
        self
    }
}

/// Whether there was a value to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Deleted {
    /// There was.
    Yes,
    /// There was none.
    No,
    /// The service does not tell, and was not asked.
    NotTold,
}

/// A delete that was made. Afterwards the key is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Removed {
    /// Whether there was a value.
    pub existed: Deleted,
    /// Whether every attempt that was sent got an answer.
    pub settled: bool,
}

impl Removed {
    /// A delete that was answered at the first attempt.
    pub fn new(existed: Deleted) -> Removed {
        Removed { existed, settled: true }
    }
}

/// A copy that was made, or had nothing to copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Copied {
    /// The source is absent; the target is as it was.
    Absent,
    /// The target was written.
    Done(Written),
}

/// What a step of a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepDone {
    /// The precondition held.
    Checked,
    /// It wrote.
    Written(Written),
    /// It removed.
    Removed(Removed),
}

/// A transaction that was made, all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transacted {
    /// What each step did, in their order.
    pub steps: Vec<StepDone>,
    /// Whether every attempt that was sent got an answer.
    pub settled: bool,
}

impl Transacted {
    /// A transaction that was answered at the first attempt.
    pub fn new(steps: Vec<StepDone>) -> Transacted {
        Transacted { steps, settled: true }
    }
}

/// One thing that a listing found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Listed {
    /// A value.
    Entry(Meta),
    /// What several keys have in common up to the delimiter, the delimiter included.
    Prefix(String),
    /// Something in the store's place that is no value of it: a name that is no legal key, a file that Larder did
    /// not write. These come in no particular order.
    Foreign {
        /// Its name, as text that can be shown.
        name: String,
        /// Why it is no value.
        why: String,
    },
}

impl Listed {
    /// The key or common prefix, by which listings are ordered.
    pub fn name(&self) -> &str {
        match self {
            Listed::Entry(meta) => meta.key.as_str(),
            Listed::Prefix(name) | Listed::Foreign { name, .. } => name,
        }
    }

    /// The value's meta, if it is one.
    pub fn into_entry(self) -> Option<Meta> {
        match self {
            Listed::Entry(meta) => Some(meta),
            _ => None,
        }
    }
}

/// What a sweep found and removed: temporary files, parts of uploads that were never finished.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Swept {
    /// How many leftovers were old enough.
    pub found: u64,
    /// How many of those were removed.
    pub removed: u64,
    /// Bytes of those found.
    pub bytes: u64,
    /// The first hundred of those found, by a name that can be shown.
    pub names: Vec<String>,
}

impl Swept {
    /// How many names are kept.
    pub const MAX_NAMES: usize = 100;

    /// Counts one leftover.
    pub fn count(&mut self, name: impl FnOnce() -> String, bytes: u64, removed: bool) {
        self.found += 1;
        self.bytes += bytes;
        self.removed += u64::from(removed);
        if self.names.len() < Swept::MAX_NAMES {
            self.names.push(name());
        }
    }
}
