//! What is known about a value.

use std::time::SystemTime;

use crate::attributes::Attributes;
use crate::key::Key;
use crate::version::Version;
use crate::write_id::WriteId;

/// What is known about a value. What a listing cannot know without another request is `None`, never a guess; a get
/// or a head knows everything that the store keeps.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Meta {
    /// The key.
    pub key: Key,
    /// Bytes of the value, as it was given.
    pub size: Option<u64>,
    /// Bytes that the store uses for it, its own overhead included where that is known.
    pub stored_size: Option<u64>,
    /// What a conditional write names.
    pub version: Option<Version>,
    /// When it was written, by the clock of whoever wrote it (of the service, where it keeps that time).
    pub modified: Option<SystemTime>,
    /// Whether and when it expires.
    pub expires: Option<Expires>,
    /// What is kept beside it.
    pub attributes: Option<Attributes>,
    /// The write that made it.
    pub write_id: Option<WriteId>,
}

/// Whether and when a value expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expires {
    /// It does not.
    Never,
    /// It is absent from this time on.
    At(SystemTime),
}

impl Expires {
    /// Whether a value with this expiry is absent at `now`.
    pub fn is_past(self, now: SystemTime) -> bool {
        match self {
            Expires::Never => false,
            Expires::At(at) => at <= now,
        }
    }

    /// The time, if there is one.
    pub fn at(self) -> Option<SystemTime> {
        match self {
            Expires::Never => None,
            Expires::At(at) => Some(at),
        }
    }
}

impl From<Option<SystemTime>> for Expires {
    fn from(at: Option<SystemTime>) -> Expires {
        at.map_or(Expires::Never, Expires::At)
    }
}

impl Meta {
    /// A meta that knows only its key.
    pub fn new(key: Key) -> Meta {
        Meta {
            key,
            size: None,
            stored_size: None,
            version: None,
            modified: None,
            expires: None,
            attributes: None,
            write_id: None,
        }
    }
}
