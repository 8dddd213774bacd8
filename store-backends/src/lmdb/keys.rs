//! Keys inside the environment: one database, a byte in front that says what an entry is.
//!
//! | first byte | then | value |
//! |---|---|---|
//! | 0 | a key of the system space | its record |
//! | 1 | a key of the user | its record |
//! | 2 | id of the parts (16 bytes), number (4 bytes, big-endian) | a part of a body |
//! | 3 | `F` | the format marker |
//! | 3 | `U`, id of the parts | an upload under way: who makes it, since when |
//! | 3 | `G`, id of the parts | parts that nothing names any more, to be removed |
//! | 4 | last use, birth (8 bytes each, big-endian) | only in a cache: the key of the record, as it stands here |
//!
//! In a cache a record and the marker are as in an origin, but eight bytes stand before each record: its birth.

use larder_store_core::Key;
use larder_store_core::system::{self, Space};

/// The longest key that fits, in bytes: LMDB's 511 less the first byte.
pub(super) const MAX_KEY: usize = 510;

pub(super) const SYSTEM: u8 = 0;
pub(super) const USER: u8 = 1;
pub(super) const PART: u8 = 2;
pub(super) const BOOK: u8 = 3;
pub(super) const ORDER: u8 = 4;

/// The id of the parts of a value.
pub(super) type PartsId = [u8; 16];

/// The key of the format marker.
pub(super) const FORMAT: &[u8] = &[BOOK, b'F'];

fn tag(space: Space) -> u8 {
    match space {
        Space::System => SYSTEM,
        Space::User => USER,
    }
}

/// Keys up to this many bytes, with the first, stand on the stack.
const SHORT: usize = 96;

/// A key inside the environment. Most are short, and reading them allocates nothing.
pub(super) struct RawKey {
    short: [u8; SHORT],
    len: usize,
    long: Vec<u8>,
}

impl RawKey {
    /// The key of a record.
    #[inline]
    pub(super) fn record(key: &Key) -> RawKey {
        let mut raw = RawKey { short: [0; SHORT], len: key.len() + 1, long: Vec::new() };
        if raw.len <= SHORT {
            raw.short[0] = tag(key.space());
            raw.short[1..raw.len].copy_from_slice(key.as_bytes());
        } else {
            raw.long = place(key.space(), key.as_bytes());
        }
        raw
    }

    /// Its bytes.
    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self.len {
            0..=SHORT => &self.short[..self.len],
            _ => &self.long,
        }
    }
}

/// The place of a listing.
pub(super) fn place(space: Space, text: &[u8]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(text.len() + 1);
    raw.push(tag(space));
    raw.extend_from_slice(text);
    raw
}

/// The key of a part.
pub(super) fn part(id: &PartsId, number: u32) -> [u8; 21] {
    let mut raw = [PART; 21];
    raw[1..17].copy_from_slice(id);
    raw[17..].copy_from_slice(&number.to_be_bytes());
    raw
}

/// What the keys of all parts of an id begin with.
pub(super) fn parts(id: &PartsId) -> [u8; 17] {
    let mut raw = [PART; 17];
    raw[1..].copy_from_slice(id);
    raw
}

/// A kind of entry in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Book {
    Upload,
    Garbage,
}

impl Book {
    fn letter(self) -> u8 {
        match self {
            Book::Upload => b'U',
            Book::Garbage => b'G',
        }
    }

    /// What the keys of its entries begin with.
    pub(super) fn prefix(self) -> [u8; 2] {
        [BOOK, self.letter()]
    }

    /// The key of an entry.
    pub(super) fn key(self, id: &PartsId) -> [u8; 18] {
        let mut raw = [BOOK; 18];
        raw[1] = self.letter();
        raw[2..].copy_from_slice(id);
        raw
    }

    /// The id in the key of an entry, if it is one of this kind.
    pub(super) fn id(self, raw: &[u8]) -> Option<PartsId> {
        raw.strip_prefix(&self.prefix())?.try_into().ok()
    }
}

/// The key of the record at a key of the environment; `None` for what is no record.
pub(super) fn record_key(raw: &[u8]) -> Option<Result<Key, &'static str>> {
    let (tag, text) = raw.split_first()?;
    let space = match *tag {
        SYSTEM => Space::System,
        USER => Space::User,
        _ => return None,
    };
    Some(match str::from_utf8(text) {
        Ok(text) => system::key_in(space, text).map_err(|_| "its name is no legal key"),
        Err(_) => Err("its name is no text"),
    })
}

/// Whether a key is one that Larder makes, of anything but a record.
pub(super) fn is_known(raw: &[u8]) -> bool {
    match raw.first() {
        Some(&PART) => raw.len() == 21,
        Some(&ORDER) => super::cache::Place::decode(raw).is_some(),
        Some(&BOOK) => raw == FORMAT || Book::Upload.id(raw).is_some() || Book::Garbage.id(raw).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_do_not_mix() {
        let user = Key::new("k").unwrap();
        let system = system::key("k").unwrap();
        assert_eq!(RawKey::record(&user).as_bytes(), b"\x01k");
        assert_eq!(RawKey::record(&system).as_bytes(), b"\x00k");
        for key in [user, system] {
            assert_eq!(record_key(RawKey::record(&key).as_bytes()).unwrap().unwrap(), key);
        }
        for len in [SHORT - 2, SHORT - 1, SHORT, MAX_KEY] {
            let key = Key::new("x".repeat(len)).unwrap();
            assert_eq!(record_key(RawKey::record(&key).as_bytes()).unwrap().unwrap(), key);
        }
        let id = [7; 16];
        assert!(part(&id, 1) < part(&id, 256));
        assert!(part(&id, 0).starts_with(&parts(&id)));
        assert_eq!(Book::Upload.id(&Book::Upload.key(&id)), Some(id));
        assert_eq!(Book::Garbage.id(&Book::Upload.key(&id)), None);
        for known in [&part(&id, 0)[..], FORMAT, &Book::Garbage.key(&id)] {
            assert!(is_known(known) && record_key(known).is_none());
        }
        assert!(!is_known(b"\x03U") && !is_known(b"\x04") && !is_known(b""));
        assert!(record_key(b"\x01\xff").unwrap().is_err());
    }

    #[test]
    fn the_longest_key_fits() {
        let key = Key::new("x".repeat(MAX_KEY)).unwrap();
        assert_eq!(RawKey::record(&key).as_bytes().len(), 511);
    }
}
