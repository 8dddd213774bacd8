//! What the sorted sets hold for each key: its text, a zero byte, and the facts that a listing tells.
//!
//! All scores are zero, so that Redis orders members by their bytes; no key has a zero byte in it, so that this is the
//! order of keys. A page of a listing is one command that reads nothing but the set.

use std::time::SystemTime;

use larder_store_core::record::{Head, crc64};
use larder_store_core::system::{self, Space};
use larder_store_core::time::{from_nanos, to_nanos};
use larder_store_core::{Error, ErrorKind, Expires, Meta, Op, Result, Version, WriteId};

/// Bytes behind the zero: write id, length, stored length, time of writing, whether it expires, when, and a check.
pub(super) const FACTS: usize = 16 + 8 + 8 + 8 + 1 + 8 + 8;

/// The member for a value whose record takes `stored` bytes.
pub(super) fn member(head: &Head, stored: u64) -> Result<Vec<u8>> {
    let out_of_range =
        || Error::new(ErrorKind::Invalid, Op::Put, "a time is before 1677 or after 2262").on(&head.key);
    let nanos = |time| to_nanos(time).ok_or_else(out_of_range);
    let mut member = Vec::with_capacity(head.key.len() + 1 + FACTS);
    member.extend_from_slice(head.key.as_bytes());
    member.push(0);
    member.extend_from_slice(head.write_id.as_bytes());
    member.extend_from_slice(&head.raw_len.to_le_bytes());
    member.extend_from_slice(&stored.to_le_bytes());
    member.extend_from_slice(&nanos(head.modified)?.to_le_bytes());
    member.push(u8::from(head.expires.is_some()));
    member.extend_from_slice(&head.expires.map_or(Ok(0), nanos)?.to_le_bytes());
    let check = crc64(&member);
    member.extend_from_slice(&check.to_le_bytes());
    Ok(member)
}

/// The text of the key in a member; `None` for what is none of ours.
pub(super) fn text(member: &[u8]) -> Option<&str> {
    let at = member.len().checked_sub(FACTS + 1)?;
    let (text, facts) = member.split_at(at);
    str::from_utf8(text).ok().filter(|_| facts[0] == 0)
}

/// What a member tells. `Err` says why it is foreign.
pub(super) fn read(space: Space, member: &[u8]) -> Result<Meta, &'static str> {
    let text = text(member).ok_or("it is no member of an index of Larder's")?;
    let (covered, check) = member.split_at(member.len() - 8);
    if crc64(covered).to_le_bytes() != check {
        return Err("its entry in the index does not match its check");
    }
    let key = system::key_in(space, text).map_err(|_| "its name is no legal key")?;
    let facts = &covered[text.len() + 1..];
    let (id, rest) = facts.split_first_chunk::<16>().ok_or("its entry in the index is cut off")?;
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| rest[at + i]));
    let write_id = WriteId::from_bytes(*id);
    let mut meta = Meta::new(key);
    meta.size = Some(number(0));
    meta.stored_size = Some(number(8));
    meta.version = Some(Version::of_write(write_id, []));
    meta.modified = Some(from_nanos(number(16) as i64));
    meta.expires = Some(match rest[24] {
        0 => Expires::Never,
        _ => Expires::At(from_nanos(number(25) as i64)),
    });
    meta.write_id = Some(write_id);
    Ok(meta)
}

/// Whether what a listing found is absent.
pub(super) fn is_expired(meta: &Meta, now: SystemTime) -> bool {
    meta.expires.is_some_and(|expires| expires.is_past(now))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use larder_store_core::Key;

    use super::*;

    fn head(text: &str) -> Head {
        let mut head = Head::new(Key::new(text).unwrap(), WriteId::from_bytes([0; 16]), UNIX_EPOCH);
        head.raw_len = 7;
        head
    }

    #[test]
    fn members_come_back_and_keep_the_order_of_keys() {
        let texts = [" ", "a", "a ", "a!", "a-b", "a/b", "ab", "é", "\u{10ffff}"];
        let mut last = Vec::new();
        for text in texts {
            let mut head = head(text);
            let member = member(&head, 99).unwrap();
            assert!(last < member, "{text:?}");
            assert_eq!(super::text(&member), Some(text));
            let meta = read(Space::User, &member).unwrap();
            assert_eq!((meta.key.as_str(), meta.size, meta.stored_size), (text, Some(7), Some(99)));
            assert!(!is_expired(&meta, UNIX_EPOCH + Duration::from_secs(1 << 30)));
            head.expires = Some(UNIX_EPOCH + Duration::from_nanos(5));
            let meta = read(Space::System, &super::member(&head, 99).unwrap()).unwrap();
            assert!(meta.key.is_system() && is_expired(&meta, UNIX_EPOCH + Duration::from_nanos(5)));
            assert!(!is_expired(&meta, UNIX_EPOCH + Duration::from_nanos(4)));
            last = member;
        }
    }

    #[test]
    fn damage_is_told() {
        let member = member(&head("key"), 1).unwrap();
        for at in 0..member.len() {
            let mut bad = member.clone();
            bad[at] ^= 1;
            assert!(read(Space::User, &bad).is_err(), "byte {at}");
        }
        for bad in [&b""[..], b"k", &member[1..4]] {
            assert!(read(Space::User, bad).is_err());
        }
    }
}
