//! Names of a store's keys in Redis.
//!
//! Each begins with a hash tag, `{larder:NAMESPACE:SHARD}`, so that all keys of a shard lie in one slot of a cluster. The
//! namespace is escaped: what is left in it are letters, digits and `.`, `_`, `~`, `/`, `-`, so that none is the
//! beginning of another one's tag, none ends a tag early, and none is a pattern to `SCAN`.

use std::sync::Arc;

use larder_store_core::record::crc64;
use larder_store_core::system::{self, Space};
use larder_store_core::{Error, ErrorKind, Key, Op, Result};

/// The longest namespace, in bytes.
const MAX_NAMESPACE: usize = 256;

const MARKER: &str = "m";
const USER_INDEX: &str = "i";
const SYSTEM_INDEX: &str = "I";
/// What expires.
const EXPIRY: &str = "e";
const LEFTOVERS: &str = "g";
/// What never exists: scripts try their rights on it.
const NOTHING: &str = "0";
const FRAME: [&str; 6] = [MARKER, USER_INDEX, SYSTEM_INDEX, EXPIRY, LEFTOVERS, NOTHING];

/// The most shards.
pub(super) const MAX_SHARDS: u64 = 1024;

/// One of the hash tags that a namespace is spread over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Shard(pub(super) u16);

/// Names of keys in one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    /// What all of them begin with, up to the shard's number.
    root: String,
    shards: u16,
    tags: Arc<[Tag]>,
    marker_text: String,
}

/// What is known of a shard for good.
#[derive(Debug, PartialEq, Eq)]
struct Tag {
    /// What the names in it begin with.
    begin: String,
    slot: u16,
    /// The first keys of every script that writes.
    frame: [Vec<u8>; 6],
}

/// What a key in Redis turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The marker of a shard.
    Marker,
    /// Something else that this store keeps.
    Own,
    /// Nothing that this store would write.
    Foreign,
}

impl Names {
    /// Names in `namespace`, spread over so many hash tags.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a namespace that is too long.
    pub(super) fn new(namespace: &str, shards: u16) -> Result<Names> {
        if namespace.len() > MAX_NAMESPACE {
            let why =
                format!("redis: a namespace of {} bytes is longer than {MAX_NAMESPACE}", namespace.len());
            return Err(Error::new(ErrorKind::Invalid, Op::Open, why));
        }
        let root = format!("{{larder:{}:", escape(namespace));
        let tag = |shard| {
            let begin = format!("{root}{shard}}}");
            let frame = FRAME.map(|what| [begin.as_bytes(), what.as_bytes()].concat());
            Tag { slot: crc16(&begin.as_bytes()[1..begin.len() - 1]) % SLOTS, begin, frame }
        };
        let marker_text = format!("larder 1 shards={shards}");
        Ok(Names { tags: (0..shards).map(tag).collect(), root, shards, marker_text })
    }

    /// How many hash tags there are.
    pub(super) fn shards(&self) -> impl ExactSizeIterator<Item = Shard> + DoubleEndedIterator + use<> {
        (0..self.shards).map(Shard)
    }

    /// The shard of a key. Every version of Larder must say the same.
    pub(super) fn shard(&self, key: &Key) -> Shard {
        match self.shards {
            1 => Shard(0),
            shards => Shard((crc64(key.as_bytes()) % u64::from(shards)) as u16),
        }
    }

    /// The slot of a cluster that holds a shard (Redis cluster specification, "Hash tags").
    pub(super) fn slot(&self, shard: Shard) -> u16 {
        self.tags[usize::from(shard.0)].slot
    }

    fn with(&self, shard: Shard, what: &str) -> Vec<u8> {
        self.with_key(shard, what, b"")
    }

    fn with_key(&self, shard: Shard, what: &str, key: &[u8]) -> Vec<u8> {
        [self.tags[usize::from(shard.0)].begin.as_bytes(), what.as_bytes(), key].concat()
    }

    /// The key that holds a value's record.
    pub(super) fn value(&self, key: &Key) -> Vec<u8> {
        self.with_key(self.shard(key), if key.is_system() { "V:" } else { "v:" }, key.as_bytes())
    }

    /// The first keys of every script that writes: marker, indexes of both spaces, what expires, leftovers, and a key that
    /// never exists.
    pub(super) fn frame(&self, shard: Shard) -> impl Iterator<Item = &[u8]> {
        self.tags[usize::from(shard.0)].frame.iter().map(Vec::as_slice)
    }

    /// The key that says whose the others are.
    pub(super) fn marker(&self, shard: Shard) -> Vec<u8> {
        self.with(shard, MARKER)
    }

    /// The sorted set of the keys of a space.
    pub(super) fn index(&self, shard: Shard, space: Space) -> Vec<u8> {
        self.with(shard, if space == Space::System { SYSTEM_INDEX } else { USER_INDEX })
    }

    /// The sorted set of parts that belong to no value.
    pub(super) fn leftovers(&self, shard: Shard) -> Vec<u8> {
        self.with(shard, LEFTOVERS)
    }

    /// The key that holds a part of a large value.
    pub(super) fn part(&self, shard: Shard, id: &str, number: u64) -> Vec<u8> {
        self.with(shard, &format!("p:{id}:{number}"))
    }

    /// What `SCAN` finds all keys of the namespace with.
    pub(super) fn pattern(&self) -> String {
        format!("{}*", self.root)
    }

    /// What all names begin with, for people.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// What the markers hold: the format, and what must be the same for all who open the namespace.
    pub(super) fn marker_text(&self) -> &str {
        &self.marker_text
    }

    /// What a key that begins as ours do is.
    pub(super) fn parse(&self, name: &[u8]) -> Named {
        self.parsed(name).unwrap_or(Named::Foreign)
    }

    fn parsed(&self, name: &[u8]) -> Option<Named> {
        let rest = name.strip_prefix(self.root.as_bytes())?;
        let end = rest.iter().position(|b| *b == b'}')?;
        let (shard, what) = (str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..]);
        let shard: u16 = shard.parse().ok().filter(|n: &u16| n.to_string() == shard && *n < self.shards)?;
        let (kind, behind) = what.split_first()?;
        match (kind, behind.strip_prefix(b":")) {
            (b'm', None) if behind.is_empty() => Some(Named::Marker),
            (b'i' | b'I' | b'e' | b'g', None) if behind.is_empty() => Some(Named::Own),
            (b'v' | b'V', Some(text)) => {
                let space = if *kind == b'V' { Space::System } else { Space::User };
                let key = system::key_in(space, str::from_utf8(text).ok()?).ok()?;
                (self.shard(&key) == Shard(shard)).then_some(Named::Own)
            }
            (b'p', Some(part)) => {
                let (id, number) = str::from_utf8(part).ok()?.split_once(':')?;
                let hex = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
                (hex && number.parse::<u64>().is_ok()).then_some(Named::Own)
            }
            _ => None,
        }
    }
}

/// Slots of a cluster (Redis cluster specification, "Key distribution model").
pub(super) const SLOTS: u16 = 16384;

/// CRC-16/XMODEM, as a cluster finds slots by (Redis cluster specification, appendix A).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| match crc & 0x8000 {
            0 => crc << 1,
            _ => (crc << 1) ^ 0x1021,
        })
    })
}

fn escape(namespace: &str) -> String {
    let mut escaped = String::with_capacity(namespace.len());
    for byte in namespace.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'~' | b'/' | b'-' => {
                escaped.push(byte.into());
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&str; 18] = [
        "", "a", "ab", "a:0", "a:0}v:", "a}", "{a}", "{", "}", "{}", "a*", "*", "a?", "[a-z]", "\\", "a\\*",
        "%7B", "é\n",
    ];

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(crc16(b""), 0);
    }

    #[test]
    fn no_name_of_one_namespace_begins_like_those_of_another() {
        for one in HOSTILE {
            for other in HOSTILE.iter().filter(|other| **other != one) {
                let (one, other) = (Names::new(one, 2).unwrap(), Names::new(other, 2).unwrap());
                assert!(!one.root.starts_with(&other.root), "{} {}", one.root, other.root);
                let name = one.value(&Key::new("k").unwrap());
                assert_eq!(other.parse(&name), Named::Foreign);
            }
        }
    }

    #[test]
    fn the_tag_is_what_a_cluster_hashes() {
        for namespace in HOSTILE {
            let names = Names::new(namespace, 3).unwrap();
            for shard in names.shards() {
                let key = names.marker(shard);
                // From the first { to the first } behind it, as the specification says.
                let open = key.iter().position(|b| *b == b'{').unwrap();
                let close = open + key[open..].iter().position(|b| *b == b'}').unwrap();
                assert_eq!(crc16(&key[open + 1..close]) % SLOTS, names.slot(shard), "{namespace:?}");
                assert_eq!(key[close + 1..], *b"m");
                assert!(!names.root.contains(['*', '?', '[', '\\']), "{namespace:?}");
            }
        }
    }

    #[test]
    fn names_are_known_again() {
        let names = Names::new("app", 4).unwrap();
        let key = Key::new("a}:*\u{10ffff}").unwrap();
        let shard = names.shard(&key);
        for own in [
            names.value(&key),
            names.value(&system::key("lease").unwrap()),
            names.index(shard, Space::User),
            names.index(shard, Space::System),
            names.with(shard, EXPIRY),
            names.leftovers(shard),
            names.part(shard, &"0f".repeat(16), 7),
        ] {
            assert_eq!(names.parse(&own), Named::Own, "{}", String::from_utf8_lossy(&own));
        }
        assert_eq!(names.parse(&names.marker(Shard(3))), Named::Marker);
        for foreign in [
            "{larder:app:0}",
            "{larder:app:0}x",
            "{larder:app:4}m",
            "{larder:app:00}m",
            "{larder:app:0}v:",
            "{larder:app:0}mm",
            "{larder:app:0}p:xx:1",
            "{larder:app:0}v:\n",
            "{larder:app:",
            "other",
        ] {
            assert_eq!(names.parse(foreign.as_bytes()), Named::Foreign, "{foreign}");
        }
        let other = names.with(Shard((shard.0 + 1) % 4), "v:a}:*\u{10ffff}");
        assert_eq!(names.parse(&other), Named::Foreign, "a key lies in its own shard");
    }

    #[test]
    fn shards_are_used_alike() {
        let names = Names::new("", 4).unwrap();
        let mut counts = [0; 4];
        for n in 0..4000 {
            counts[usize::from(names.shard(&Key::new(format!("user/{n}")).unwrap()).0)] += 1;
        }
        assert!(counts.iter().all(|n| (800..1200).contains(n)), "{counts:?}");
        // Where the keys of a store lie may never change.
        assert_eq!(names.shard(&Key::new("user/7").unwrap()), names.shard(&Key::new("user/7").unwrap()));
        assert!(Names::new(&"x".repeat(257), 1).is_err());
    }
}
