//! The items of a dump: `docs/format.md`, "Dump".

use std::time::SystemTime;

use bytes::Bytes;
use larder_store_core::{Attributes, Key, Native, time};

use super::damage::{Damage, Result};
use super::wire::{self, Reader};

/// A BLAKE3 hash.
pub(crate) type Digest = [u8; 32];

/// Values above this many bytes come in chunks, each at most this long.
pub const CHUNK: usize = 1 << 20;

/// The most bytes of a segment: the items up to a checkpoint or the trailer.
pub const MAX_SEGMENT: usize = 8 << 20;

/// The most items of a segment, its header and its end included.
pub(super) const MAX_ITEMS: u64 = 4096;

/// The most fields of facts that all entries of a segment have together, each attribute counted.
pub(super) const MAX_FIELDS: u64 = 16_384;

/// What a segment may still hold. Small things take more memory than bytes: without this, a kilobyte of zstd that becomes
/// four million items of two bytes would take most of a gigabyte.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    items: u64,
    fields: u64,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget { items: MAX_ITEMS, fields: MAX_FIELDS }
    }
}

impl Budget {
    /// Pays for an item.
    pub(super) fn item(&mut self) -> Result<()> {
        let left = self.items.checked_sub(1);
        self.items = left.ok_or(Damage::Many("more items than a segment can have"))?;
        Ok(())
    }

    /// Pays for fields.
    pub(super) fn fields(&mut self, n: u64) -> Result<()> {
        let left = self.fields.checked_sub(n);
        self.fields = left.ok_or(Damage::Many("more attributes than a segment can have"))?;
        Ok(())
    }
}

/// How many fields an entry's facts have.
pub(super) fn fields_of(facts: &Facts) -> u64 {
    let own = facts.attributes.iter().count();
    let natives = NATIVE.iter().filter(|(field, _)| facts.attributes.native(*field).is_some()).count();
    let times = [facts.expires, facts.modified].iter().flatten().count();
    (own + usize::from(own > 0) + natives + times) as u64
}

/// The tag of an item that says of itself that it is CBOR (RFC 8949, 3.4.6).
pub(super) const SELF_DESCRIBED: u64 = 55_799;

pub(super) const HEADER: u64 = 0;
pub(super) const ENTRY: u64 = 1;
pub(super) const BEGIN: u64 = 2;
pub(super) const PIECE: u64 = 3;
pub(super) const END: u64 = 4;
pub(super) const CHECKPOINT: u64 = 5;
pub(super) const TRAILER: u64 = 6;
pub(super) const ABANDON: u64 = 7;

/// What is carried beside a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Its attributes.
    pub attributes: Attributes,
    /// From when on it is absent.
    pub expires: Option<SystemTime>,
    /// When it was written. Told, and used by [`OnConflict::Newer`](crate::OnConflict::Newer); no store can be given it.
    pub modified: Option<SystemTime>,
}

/// A value that comes whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: Key,
    pub(crate) facts: Facts,
    pub(crate) value: Bytes,
}

/// The key and facts as they stand in a dump: what a digest covers besides the value.
pub(super) fn context(key: &Key, facts: &Facts) -> Vec<u8> {
    let mut out = Vec::with_capacity(key.len() + 48);
    wire::text(&mut out, key.as_str());
    write_facts(&mut out, facts);
    out
}

/// The digest of an entry: of the digests of its pieces, and of what stands beside them.
pub(super) fn digest(pieces: &[Digest], context: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    for piece in pieces {
        hasher.update(piece);
    }
    hasher.update(context);
    hasher.finalize().into()
}

/// The names of native fields in the order of their encodings.
const NATIVE: [(Native, &str); 5] = [
    (Native::ContentType, "content-type"),
    (Native::CacheControl, "cache-control"),
    (Native::ContentEncoding, "content-encoding"),
    (Native::ContentLanguage, "content-language"),
    (Native::ContentDisposition, "content-disposition"),
];

/// Writes facts as a map, its names in the bytewise order of their encodings: the shorter first.
pub(super) fn write_facts(out: &mut Vec<u8>, facts: &Facts) {
    let attributes = &facts.attributes;
    let mut own: Vec<_> = attributes.iter().collect();
    own.sort_by_key(|(name, _)| (name.len(), *name));
    // A time that nanoseconds cannot tell (after 2262) is told as the last that they can.
    let nanos = |at: SystemTime| time::to_nanos(at).unwrap_or(i64::MAX);
    let natives = NATIVE.iter().filter(|(field, _)| attributes.native(*field).is_some()).count();
    let times = usize::from(facts.expires.is_some()) + usize::from(facts.modified.is_some());
    wire::head(out, wire::MAP, (times + usize::from(!own.is_empty()) + natives) as u64);
    for (name, at) in [("expires", facts.expires), ("modified", facts.modified)] {
        if let Some(at) = at {
            wire::text(out, name);
            wire::int(out, nanos(at));
        }
    }
    if !own.is_empty() {
        wire::text(out, "attributes");
        wire::head(out, wire::MAP, own.len() as u64);
        for (name, value) in own {
            wire::text(out, name);
            wire::text(out, value);
        }
    }
    for (field, name) in NATIVE {
        if let Some(value) = attributes.native(field) {
            wire::text(out, name);
            wire::text(out, value);
        }
    }
}

pub(super) fn read_facts(reader: &mut Reader<'_>, budget: &mut Budget) -> Result<Facts> {
    let mut facts = Facts::default();
    // Paid for before any is read: what is too much is not begun.
    let fields = reader.map()?;
    budget.fields(fields)?;
    for _ in 0..fields {
        let name = reader.text()?;
        match name {
            "expires" => facts.expires = Some(time::from_nanos(reader.int()?)),
            "modified" => facts.modified = Some(time::from_nanos(reader.int()?)),
            "attributes" => {
                let own = reader.map()?;
                budget.fields(own)?;
                for _ in 0..own {
                    let (name, value) = (reader.text()?, reader.text()?);
                    facts.attributes = facts.attributes.set(name, value);
                }
            }
            _ => {
                let native = NATIVE.iter().find(|(_, known)| *known == name);
                let (field, _) =
                    native.ok_or(Damage::Unknown("an entry has a field that is not known here"))?;
                facts.attributes = facts.attributes.set_native(*field, reader.text()?);
            }
        }
    }
    Ok(facts)
}

pub(super) fn read_key(reader: &mut Reader<'_>) -> Result<Key> {
    Key::new(reader.text()?).map_err(|_| Damage::Wrong("a key that is none"))
}
