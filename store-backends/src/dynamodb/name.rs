//! The keys of items.
//!
//! A partition key is text: a letter that says what the item is, numbers of a fixed form, and the namespace as the rest
//! of it. So no namespace, whatever it is made of, has a partition key in common with another one. A sort key is bytes,
//! which DynamoDB orders as keys are ordered.

use larder_store_core::record::crc64;
use larder_store_core::system::Space;
use larder_store_core::{Error, ErrorKind, Key, Op, Result};

/// The longest sort key, in bytes (Amazon DynamoDB Developer Guide, "Quotas in Amazon DynamoDB").
pub(super) const MAX_SORT: usize = 1024;
/// The longest namespace. A partition key takes 2048 bytes, of which the longest of ours needs 46 for itself.
const MAX_NAMESPACE: usize = 1024;
/// The most write shards.
pub(super) const MAX_SHARDS: u16 = 256;

/// The sort key of an item that is alone in its partition.
pub(super) const ALONE: &[u8] = b"-";

/// The id of a set of chunks.
pub(super) type SetId = [u8; 16];

/// Partition keys of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    namespace: String,
}

impl Names {
    /// # Errors
    /// [`ErrorKind::Invalid`] for a namespace that is too long, or that nobody could type.
    pub(super) fn new(namespace: &str) -> Result<Names> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Invalid, Op::Open, why));
        if namespace.len() > MAX_NAMESPACE {
            return refuse(format!(
                "dynamodb: a namespace of {} bytes is longer than {MAX_NAMESPACE}",
                namespace.len()
            ));
        }
        if namespace.contains(|c: char| c.is_control()) {
            return refuse("dynamodb: the namespace holds a control character".into());
        }
        Ok(Names { namespace: namespace.to_owned() })
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Of what says how the namespace is kept.
    pub(super) fn marker(&self) -> String {
        format!("m:{}", self.namespace)
    }

    /// Of a write shard of the heads of one space. Larder's own keys are few, and in one.
    pub(super) fn heads(&self, space: Space, shard: u16) -> String {
        match space {
            Space::User => format!("h:{shard}:{}", self.namespace),
            Space::System => format!("s:{}", self.namespace),
        }
    }

    /// Of the head of a key.
    pub(super) fn head(&self, key: &Key, shards: u16) -> String {
        self.heads(key.space(), shard_of(key, shards))
    }

    /// Of the register of all sets of chunks.
    pub(super) fn sets(&self) -> String {
        format!("p:{}", self.namespace)
    }

    /// Of a chunk: each has one of its own, so that no partition of the service is written alone.
    pub(super) fn chunk(&self, set: &SetId, number: u32) -> String {
        format!("c:{}:{number}:{}", hex(set), self.namespace)
    }
}

/// The write shard of a key.
fn shard_of(key: &Key, shards: u16) -> u16 {
    match key.space() {
        Space::System => 0,
        Space::User => (crc64(key.as_bytes()) % u64::from(shards.max(1))) as u16,
    }
}

/// An id as text.
pub(super) fn hex(id: &SetId) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every partition key that a namespace has, with odd numbers of shards and chunks.
    fn all(namespace: &str) -> Vec<String> {
        let names = Names::new(namespace).unwrap();
        let mut all = vec![names.marker(), names.sets(), names.heads(Space::System, 0)];
        for shard in [0, 1, 10, 11, 255] {
            all.push(names.heads(Space::User, shard));
        }
        for set in [[0; 16], [0xab; 16], *b"0:app:0:app:0:ap"] {
            for number in [0, 1, 10, u32::MAX] {
                all.push(names.chunk(&set, number));
            }
        }
        all
    }

    #[test]
    fn no_namespace_has_a_key_of_another() {
        let hostile = [
            "",
            ":",
            "0:",
            ":0",
            "0",
            "0:0",
            "app",
            "app/",
            "app/b",
            "/app",
            "0:app",
            "1:app",
            "h:0:app",
            "h:0:",
            "m:app",
            "s:app",
            "p:app",
            "..",
            "../app",
            "%2f",
            "app ",
            " app",
            "*",
            "\u{202e}app",
            "é",
            "\u{10ffff}",
            "c:00000000000000000000000000000000:0:app",
            "00000000000000000000000000000000:0:app",
            "0:0:0:0",
        ];
        let mut seen = std::collections::HashMap::new();
        for namespace in hostile {
            for key in all(namespace) {
                let other = seen.insert(key.clone(), namespace);
                assert_eq!(other, None, "{key:?} is of {namespace:?} too");
            }
        }
    }

    #[test]
    fn the_longest_names_fit() {
        let longest = "x".repeat(MAX_NAMESPACE);
        assert!(all(&longest).iter().all(|key| key.len() <= 2048));
        for bad in ["x".repeat(MAX_NAMESPACE + 1).as_str(), "a\nb", "\0", "\u{85}"] {
            assert_eq!(Names::new(bad).unwrap_err().kind(), ErrorKind::Invalid, "{bad:?}");
        }
        const { assert!(Key::MAX_LEN <= MAX_SORT) };
    }

    #[test]
    fn keys_are_spread_and_stay_where_they_are() {
        let names = Names::new("n").unwrap();
        let mut counts = [0; 4];
        for i in 0..4000 {
            let key = Key::new(format!("user/{i}")).unwrap();
            counts[usize::from(shard_of(&key, 4))] += 1;
            assert_eq!(names.head(&key, 1), "h:0:n");
        }
        assert!(counts.iter().all(|count| *count > 800), "{counts:?}");
        // What is written stays in its shard with every later version.
        let shards: Vec<_> =
            ["a", "b", "user/7", "é"].iter().map(|k| shard_of(&Key::new(*k).unwrap(), 16)).collect();
        assert_eq!(shards, SHARDS_OF_OLD);
    }

    /// Shards of the four keys above, of sixteen, by CRC-64/NVME.
    const SHARDS_OF_OLD: [u16; 4] = [12, 7, 5, 11];
}
