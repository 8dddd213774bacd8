//! Items: what is kept about a key, and how.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use larder_store_core::record::{BLOCK, Head, Parts};
use larder_store_core::{Error, ErrorKind, Key, Op, Result, time};

use super::name::{ALONE, SetId};

/// An item as the SDK knows it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Partition key, text.
pub(super) const PK: &str = "pk";
/// Sort key, bytes.
pub(super) const SK: &str = "sk";
/// The head of a record.
pub(super) const HEAD: &str = "h";
/// The body of a record: behind the head of a small value, or a chunk of a large one.
pub(super) const BODY: &str = "b";
/// The id of the write, for conditions.
pub(super) const WRITE: &str = "w";
/// The id of its chunks, for conditions; only if it has any.
pub(super) const PARTS: &str = "p";
/// When the value expires, in nanoseconds since 1970, for conditions.
pub(super) const EXPIRES: &str = "e";
/// When the service may remove the item, in seconds since 1970.
pub(super) const TTL: &str = "ttl";

/// For how long behind its expiry a value is left to the service's clock: readers decide by theirs.
const TTL_MARGIN: Duration = Duration::from_secs(3600);
/// How much longer the chunks of a value stay than its head.
const CHUNKS_LONGER: Duration = Duration::from_secs(3600);

/// Bytes of a body in a chunk: six blocks of a record. An item has at most 400 KiB, its names and keys included (Amazon
/// DynamoDB Developer Guide, "Quotas in Amazon DynamoDB").
pub(super) const CHUNK: u32 = 384 << 10;

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The key of an item.
pub(super) fn key(pk: impl Into<String>, sk: &[u8]) -> Item {
    HashMap::from([(PK.to_owned(), text(pk)), (SK.to_owned(), bytes(sk))])
}

pub(super) fn binary<'i>(item: &'i Item, name: &str) -> Option<&'i [u8]> {
    item.get(name)?.as_b().ok().map(AsRef::as_ref)
}

/// Takes bytes out of an item, without a copy.
pub(super) fn take(item: &mut Item, name: &str) -> Option<Bytes> {
    match item.remove(name)? {
        AttributeValue::B(blob) => Some(blob.into_inner().into()),
        _ => None,
    }
}

pub(super) fn integer(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

pub(super) fn string<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// A time as it is stored and compared.
pub(super) fn stored(at: SystemTime) -> SystemTime {
    time::to_nanos(at).map_or(at, time::from_nanos)
}

/// A time as a number of the service. One that no record holds was refused before.
pub(super) fn nanos(at: SystemTime) -> i64 {
    time::to_nanos(at).unwrap_or(i64::MAX)
}

/// When the service may remove something, in its own unit: the second behind `at`, or behind `now` where that is past
/// already, as it leaves alone what ended long ago.
pub(super) fn ttl(at: SystemTime, now: SystemTime, longer: Duration) -> AttributeValue {
    let at = at.max(now).checked_add(longer).unwrap_or(at);
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    number(since.as_secs() + 1)
}

/// When the service may remove the chunks of a value that expires.
pub(super) fn chunk_ttl(expires: Option<SystemTime>, now: SystemTime) -> Option<AttributeValue> {
    expires.map(|at| ttl(at, now, TTL_MARGIN + CHUNKS_LONGER))
}

/// The item of a key: its head, and the body of a small value.
pub(super) fn of_head(pk: String, head: &Head, value: Option<&[u8]>, now: SystemTime) -> Result<Item> {
    let mut item = key(pk, head.key.as_bytes());
    let mut record = match value {
        Some(value) => head.encode_with(value)?,
        None => head.encode()?,
    };
    let body = record.split_off(Head::head_len(&record)?);
    item.insert(HEAD.into(), bytes(record));
    if !body.is_empty() {
        item.insert(BODY.into(), bytes(body));
    }
    item.insert(WRITE.into(), bytes(*head.write_id.as_bytes()));
    if let Some(parts) = head.parts {
        item.insert(PARTS.into(), bytes(parts.id));
    }
    if let Some(at) = head.expires {
        item.insert(EXPIRES.into(), number(nanos(at)));
        item.insert(TTL.into(), ttl(at, now, TTL_MARGIN));
    }
    Ok(item)
}

/// A chunk.
pub(super) fn of_chunk(pk: String, body: &[u8], ttl: Option<AttributeValue>) -> Item {
    let mut item = key(pk, ALONE);
    item.insert(BODY.into(), bytes(body));
    if let Some(ttl) = ttl {
        item.insert(TTL.into(), ttl);
    }
    item
}

/// A head, and the bytes that it takes.
pub(super) struct Found {
    pub(super) head: Head,
    pub(super) head_len: usize,
}

impl Found {
    /// The head in an item, of `key` if that is known.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for an item without one, or one that is damaged.
    pub(super) fn of(op: Op, item: &Item, key: Option<&Key>) -> Result<Found> {
        let Some(bytes) = binary(item, HEAD) else {
            let why = "the item has no head of a record: something else than Larder wrote it";
            return Err(Error::new(ErrorKind::Corrupt, op, why));
        };
        let (head, head_len) = Head::decode(bytes, key)?;
        if head_len != bytes.len() {
            return Err(Error::new(ErrorKind::Corrupt, op, "the head of the record is longer than it says"));
        }
        if let Some(parts) = head.parts.filter(|parts| !(parts.part_len as usize).is_multiple_of(BLOCK)) {
            let why = format!("the record has chunks of {} bytes, which cut its blocks", parts.part_len);
            return Err(
                Error::new(ErrorKind::Unsupported, op, why).hint("a later version of Larder wrote it")
            );
        }
        Ok(Found { head, head_len })
    }

    /// Bytes that head and body take.
    pub(super) fn stored_size(&self) -> u64 {
        self.head_len as u64 + self.head.body_len()
    }

    /// The chunks that it has.
    pub(super) fn chunks(&self) -> Option<Chunks> {
        self.head.parts.map(|parts| Chunks::of(parts, self.head.body_len()))
    }
}

/// The chunks of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunks {
    pub(super) set: SetId,
    pub(super) len: u64,
    pub(super) body_len: u64,
}

impl Chunks {
    fn of(parts: Parts, body_len: u64) -> Chunks {
        Chunks { set: parts.id, len: u64::from(parts.part_len), body_len }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.body_len.div_ceil(self.len).try_into().unwrap_or(u32::MAX)
    }

    /// The bytes of the body that chunk `number` has.
    pub(super) fn range(&self, number: u32) -> std::ops::Range<u64> {
        let start = u64::from(number) * self.len;
        start..(start + self.len).min(self.body_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use larder_store_core::WriteId;

    fn head(key: &str) -> Head {
        Head::new(Key::new(key).unwrap(), WriteId::from_bytes([7; 16]), UNIX_EPOCH)
    }

    #[test]
    fn the_service_never_removes_early() {
        let seconds = |value: AttributeValue| value.as_n().unwrap().parse::<u64>().unwrap();
        let at = |s: u64, n: u32| UNIX_EPOCH + Duration::new(s, n);
        let now = at(1000, 0);
        assert_eq!(seconds(ttl(at(5000, 1), now, Duration::ZERO)), 5001);
        // What expired long ago would be left alone for ever.
        assert_eq!(seconds(ttl(at(1, 0), now, Duration::ZERO)), 1001);
        assert!(seconds(chunk_ttl(Some(at(5000, 0)), now).unwrap()) >= 5000 + 7200);
        assert!(chunk_ttl(None, now).is_none());
    }

    #[test]
    fn small_values_come_back_from_their_item() {
        for value in [&b""[..], b"v", &[7; 4096]] {
            let item = of_head("h:0:n".into(), &head("k"), Some(value), UNIX_EPOCH).unwrap();
            assert_eq!(item.contains_key(BODY), !value.is_empty(), "no attribute is empty");
            let found = Found::of(Op::Get, &item, Some(&Key::new("k").unwrap())).unwrap();
            let body = binary(&item, BODY).unwrap_or_default();
            assert_eq!(found.head.open(body).unwrap(), value);
            assert_eq!(found.stored_size(), (found.head_len + body.len()) as u64);
            let other = Found::of(Op::Get, &item, Some(&Key::new("other").unwrap()));
            assert_eq!(other.err().unwrap().kind(), ErrorKind::Corrupt);
        }
        let foreign = key("h:0:n", b"k");
        assert_eq!(Found::of(Op::Get, &foreign, None).err().unwrap().kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn the_largest_chunk_is_an_item() {
        // 400 KiB, names and the longest partition key included.
        assert!(u64::from(CHUNK) + 2048 + 100 <= 400 << 10);
        assert_eq!(CHUNK as usize % BLOCK, 0, "a chunk has whole blocks");
        let chunks = Chunks { set: [0; 16], len: 10, body_len: 21 };
        assert_eq!((chunks.count(), chunks.range(0), chunks.range(2)), (3, 0..10, 20..21));
    }
}
