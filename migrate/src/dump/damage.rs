//! Why bytes are no dump, before anybody knows where they came from.

use larder_store_core::{Error, ErrorKind, Key, Op};

pub(super) type Result<T> = std::result::Result<T, Damage>;

const LOST: &str =
    "the dump is damaged: everything before this place is whole, and nothing behind it was taken";

/// Why bytes are no dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Damage {
    /// They are something else from the first one on.
    Other,
    /// They end too early.
    Short,
    /// They cannot be what a dump holds.
    Wrong(&'static str),
    /// They hold more small things than a segment may.
    Many(&'static str),
    /// A later version wrote them.
    Unknown(&'static str),
    /// An entry, or what claims to be it, is not what was written.
    Entry(Key),
}

impl Damage {
    /// The error, with the place.
    pub(super) fn at(self, place: &str) -> Error {
        let (kind, why) = match &self {
            Damage::Entry(_) => (ErrorKind::Corrupt, "this entry does not match its digest"),
            Damage::Other => (ErrorKind::Corrupt, "this is no dump of Larder"),
            Damage::Short => (ErrorKind::Corrupt, "the dump ends in the middle"),
            Damage::Wrong(why) | Damage::Many(why) => (ErrorKind::Corrupt, *why),
            Damage::Unknown(why) => (ErrorKind::Unsupported, *why),
        };
        let error = Error::new(kind, Op::Import, format!("{place}: {why}"));
        match self {
            Damage::Entry(key) => error.on(&key).hint(LOST),
            Damage::Other => error.hint("name what an export wrote, or lines of JSON"),
            Damage::Unknown(_) => error.hint("a later version of Larder wrote it, and reads it"),
            _ => error.hint(LOST),
        }
    }
}
