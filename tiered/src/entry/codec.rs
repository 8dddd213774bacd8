//! An entry as bytes, for fronts that keep bytes: a head, then the value. `docs/format.md` has the layout.
//!
//! The front checks its own bytes; here is only made sure that no bytes whatever do harm.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use larder_store_core::{Attributes, Expires, Key, MAX_PREDECESSORS, Meta, Version, WriteId};

use super::{Entry, Said};
use crate::clocks::Asked;
use crate::fence::Stamp;

const MAGIC: [u8; 4] = *b"LRE1";
/// More than any head has: attributes and tag are bounded by their length fields and [`MAX_TEXT`].
pub(crate) const MAX_HEAD: usize = 8192;
/// The longest version tag that is kept.
const MAX_TEXT: usize = 2048;

const VALUE: u8 = 1;
/// Bytes before the meta.
const FIXED: usize = 64;

/// The head of an entry.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) stamp: Stamp,
    pub(crate) origin: u64,
    pub(crate) asked: Asked,
    /// The meta of a value; `None` for an absent one.
    pub(crate) meta: Option<Meta>,
    /// Bytes of the head itself.
    pub(crate) len: usize,
}

/// Writes the fields of a meta, each behind a bit that says that it is there.
#[derive(Default)]
struct Fields {
    present: u16,
    bytes: Vec<u8>,
}

impl Fields {
    fn put(&mut self, bit: u32, bytes: Option<impl AsRef<[u8]>>) {
        if let Some(bytes) = bytes {
            self.present |= 1 << bit;
            self.bytes.extend_from_slice(bytes.as_ref());
        }
    }
}

fn nanos(time: SystemTime) -> Option<[u8; 8]> {
    let nanos = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_nanos()).ok()?,
        Err(before) => -i64::try_from(before.duration().as_nanos()).ok()?,
    };
    Some(nanos.to_le_bytes())
}

fn time(nanos: i64) -> SystemTime {
    let distance = Duration::from_nanos(nanos.unsigned_abs());
    if nanos < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
}

/// Text behind its length.
fn text(bytes: &[u8]) -> Option<Vec<u8>> {
    let len = u16::try_from(bytes.len()).ok().filter(|len| usize::from(*len) <= MAX_TEXT)?;
    Some([&len.to_le_bytes()[..], bytes].concat())
}

fn meta_bytes(meta: &Meta) -> Option<(u16, Vec<u8>)> {
    let mut fields = Fields::default();
    fields.put(0, meta.size.map(u64::to_le_bytes));
    fields.put(1, meta.stored_size.map(u64::to_le_bytes));
    fields.put(2, meta.modified.map(|at| nanos(at).ok_or(())).transpose().ok()?);
    match meta.expires {
        None => {}
        Some(Expires::Never) => fields.put(3, Some([])),
        Some(Expires::At(at)) => fields.put(4, Some(nanos(at)?)),
    }
    if let Some(attributes) = &meta.attributes {
        fields.put(5, Some(text(&attributes.encode().ok()?)?));
    }
    fields.put(6, meta.write_id.map(|id| *id.as_bytes()));
    if let Some(version) = &meta.version {
        if let Some(tag) = version.tag() {
            fields.put(7, Some(text(tag.as_bytes())?));
        }
        fields.put(8, version.write_id().map(|id| *id.as_bytes()));
        let ids = version.predecessors();
        if !ids.is_empty() {
            let mut all = vec![ids.len() as u8];
            ids.iter().for_each(|id| all.extend_from_slice(id.as_bytes()));
            fields.put(9, Some(all));
        }
    }
    Some((fields.present, fields.bytes))
}

impl Entry {
    /// The bytes before the value; `None` if something in it has no place there (a time before 1677, say), so that it
    /// is not kept.
    pub(crate) fn head(&self) -> Option<Vec<u8>> {
        let (kind, present, meta) = match &self.said {
            Said::Absent => (0, 0, Vec::new()),
            Said::Value(meta, _) => {
                let (present, bytes) = meta_bytes(meta)?;
                (VALUE, present, bytes)
            }
        };
        let len = FIXED + meta.len();
        if len > MAX_HEAD {
            return None;
        }
        let mut head = Vec::with_capacity(len);
        head.extend_from_slice(&MAGIC);
        head.extend_from_slice(&[kind, 0]);
        head.extend_from_slice(&present.to_le_bytes());
        head.extend_from_slice(&(len as u32).to_le_bytes());
        head.extend_from_slice(&[0; 4]);
        head.extend_from_slice(&self.stamp.to_bytes());
        head.extend_from_slice(&self.origin.to_le_bytes());
        head.extend_from_slice(&nanos(self.asked.wall)?);
        head.extend_from_slice(&u64::try_from(self.asked.boot.as_nanos()).ok()?.to_le_bytes());
        head.extend_from_slice(&self.asked.boot_number.to_le_bytes());
        head.extend_from_slice(&meta);
        Some(head)
    }
}

/// Reads from the front; every answer is `None` past the end.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn time(&mut self) -> Option<SystemTime> {
        let nanos = self.array().map(i64::from_le_bytes)?;
        (nanos != i64::MIN).then(|| time(nanos))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let len = self.array().map(u16::from_le_bytes)?;
        self.take(len.into()).filter(|text| text.len() <= MAX_TEXT)
    }

    fn id(&mut self) -> Option<WriteId> {
        self.array().map(WriteId::from_bytes)
    }
}

impl Head {
    /// Reads the head at the beginning of `bytes`; `None` if there is none.
    pub(crate) fn decode(bytes: &[u8], key: &Key) -> Option<Head> {
        let mut fixed = Reader(bytes);
        if fixed.array()? != MAGIC {
            return None;
        }
        let [kind, zero] = fixed.array()?;
        let present = u16::from_le_bytes(fixed.array()?);
        let len = u32::from_le_bytes(fixed.array()?) as usize;
        if zero != 0 || fixed.array()? != [0; 4] || !(FIXED..=MAX_HEAD).contains(&len) || len > bytes.len() {
            return None;
        }
        let stamp = Stamp::from_bytes(fixed.array()?);
        let origin = fixed.u64()?;
        let asked = Asked {
            wall: fixed.time()?,
            boot: Duration::from_nanos(fixed.u64()?),
            boot_number: fixed.u64()?,
        };
        let mut rest = Reader(&bytes[FIXED..len]);
        let meta = match (kind, present) {
            (0, 0) => None,
            (VALUE, _) => Some(meta(&mut rest, present, key)?),
            _ => return None,
        };
        rest.0.is_empty().then_some(Head { stamp, origin, asked, meta, len })
    }
}

fn meta(from: &mut Reader<'_>, present: u16, key: &Key) -> Option<Meta> {
    if present >> 10 != 0 {
        return None;
    }
    let has = |bit: u32| present & 1 << bit != 0;
    let mut meta = Meta::new(key.clone());
    if has(0) {
        meta.size = Some(from.u64()?);
    }
    if has(1) {
        meta.stored_size = Some(from.u64()?);
    }
    if has(2) {
        meta.modified = Some(from.time()?);
    }
    if has(3) {
        meta.expires = Some(Expires::Never);
    }
    if has(4) {
        meta.expires = Some(Expires::At(from.time()?));
    }
    if has(5) {
        meta.attributes = Some(Attributes::decode(from.text()?).ok()?);
    }
    if has(6) {
        meta.write_id = Some(from.id()?);
    }
    let tag = if has(7) { Some(str::from_utf8(from.text()?).ok()?) } else { None };
    let id = if has(8) { Some(from.id()?) } else { None };
    let mut predecessors = Vec::new();
    if has(9) {
        let [count] = from.array()?;
        if usize::from(count) > MAX_PREDECESSORS {
            return None;
        }
        for _ in 0..count {
            predecessors.push(from.id()?);
        }
    }
    meta.version = match (tag, id) {
        (Some(tag), id) => {
            let expires = meta.expires.and_then(Expires::at);
            Some(Version::of_service(tag, id, predecessors).with_expiry(expires))
        }
        (None, Some(id)) => Some(Version::of_write(id, predecessors)),
        (None, None) => None,
    };
    Some(meta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn id(n: u8) -> WriteId {
        WriteId::from_bytes([n; 16])
    }

    fn metas() -> Vec<Meta> {
        let mut bare = Meta::new(Key::new("k").unwrap());
        let mut full = bare.clone();
        full.size = Some(5);
        full.stored_size = Some(77);
        full.modified = Some(UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789));
        full.expires = Some(Expires::At(UNIX_EPOCH - Duration::from_nanos(5)));
        full.attributes = Some(Attributes::new().content_type("text/plain").set("a", "ä"));
        full.write_id = Some(id(3));
        full.version = Some(Version::of_write(id(3), [id(2), id(1)]));
        let mut service = full.clone();
        service.version = Some(Version::of_service("\"etag\"", None, []));
        service.expires = Some(Expires::Never);
        bare.version = Some(Version::of_service("7", Some(id(9)), [id(8)]));
        vec![Meta::new(Key::new("k").unwrap()), bare, full, service]
    }

    fn entry(said: Said) -> Entry {
        Entry::new(
            Stamp { incarnation: 7, epoch: 9 },
            42,
            Asked {
                wall: UNIX_EPOCH + Duration::from_nanos(1_800_000_000_000_000_001),
                boot: Duration::from_nanos(12_345),
                boot_number: 6,
            },
            Key::new("k").unwrap(),
            said,
        )
    }

    fn all() -> Vec<Entry> {
        let values = metas().into_iter().map(|meta| Said::Value(meta, Bytes::from_static(b"value")));
        values.chain([Said::Absent]).map(entry).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        for entry in all() {
            let mut bytes = entry.head().unwrap();
            let len = bytes.len();
            bytes.extend_from_slice(b"value");
            let head = Head::decode(&bytes, &entry.key).unwrap();
            assert_eq!((head.stamp, head.origin, head.asked, head.len), (entry.stamp, 42, entry.asked, len));
            let want = match &entry.said {
                Said::Absent => None,
                Said::Value(meta, _) => Some(meta.clone()),
            };
            assert_eq!(head.meta, want);
            let chains = [&head.meta, &want]
                .map(|meta| meta.as_ref().and_then(|m| m.version.clone()).map(|v| v.predecessors().to_vec()));
            assert_eq!(chains[0], chains[1], "equality of versions does not look at the chain");
        }
    }

    #[test]
    fn what_cannot_be_written_is_not() {
        let mut early = metas().remove(2);
        early.modified = UNIX_EPOCH.checked_sub(Duration::from_secs(1 << 40));
        assert!(early.modified.is_some() && entry(Said::Value(early, Bytes::new())).head().is_none());
        let mut long = metas().remove(2);
        long.version = Some(Version::of_service("x".repeat(MAX_TEXT + 1), None, []));
        assert!(entry(Said::Value(long, Bytes::new())).head().is_none());
    }

    #[test]
    fn no_bytes_do_harm() {
        for entry in all() {
            let bytes = entry.head().unwrap();
            for len in 0..bytes.len() {
                assert!(Head::decode(&bytes[..len], &entry.key).is_none(), "cut to {len}");
            }
            for at in 0..bytes.len() {
                for bit in 0..8 {
                    let mut bytes = bytes.clone();
                    bytes[at] ^= 1 << bit;
                    // Whatever it says now, it says it without a panic, and within its length.
                    assert!(Head::decode(&bytes, &entry.key).is_none_or(|head| head.len <= bytes.len()));
                }
            }
        }
    }
}
