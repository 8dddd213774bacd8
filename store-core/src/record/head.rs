//! The head of a record.

use std::time::SystemTime;

use super::body::{Binding, blocks, body_len, damaged};
use super::{BLOCK, CHECK, FORMAT, crc64};
use crate::attributes::{Attributes, MAX_ATTRIBUTES};
use crate::error::{Error, ErrorKind, Op, Result};
use crate::key::Key;
use crate::meta::Meta;
use crate::system::{self, Space};
use crate::time::{from_nanos, to_nanos};
use crate::version::{MAX_PREDECESSORS, Version};
use crate::write_id::WriteId;

const MAGIC: [u8; 4] = *b"LRDR";
/// Bytes before the key.
const FIXED: usize = 40;
/// Bytes of lengths and times behind the key.
const NUMBERS: usize = 32;
const ID: usize = 16;
const HAS_EXPIRY: u8 = 1;
const NO_CODEC: u8 = 0;
const BLOCK_LOG2: u8 = BLOCK.ilog2() as u8;

/// How many first bytes tell the length of a head: [`Head::head_len`].
pub const PREFIX: usize = 12;

/// The longest head there is, in bytes: all lengths at their limits, a key id of 255 bytes included.
pub const MAX_HEAD: usize =
    FIXED + Key::MAX_LEN + NUMBERS + 255 + ID + MAX_PREDECESSORS * ID + MAX_ATTRIBUTES + CHECK;

/// A body that stands elsewhere: in parts of `part_len` bytes, the last one shorter, under a random id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Parts {
    /// The id of the parts, drawn anew for each attempt to write them.
    pub id: [u8; 16],
    /// Bytes of a part, at least 1.
    pub part_len: u32,
}

/// Everything that is kept about a value.
///
/// ```
/// use larder_store_core::{ErrorKind, Key, WriteId, record::Head};
/// let key = Key::new("greeting")?;
/// let head = Head::new(key.clone(), WriteId::from_bytes([7; 16]), std::time::UNIX_EPOCH);
/// let mut record = head.encode_with(b"hello")?;
///
/// let (read, head_len) = Head::decode(&record, Some(&key))?;
/// assert_eq!(read.open(&record[head_len..])?, b"hello");
///
/// record[head_len] ^= 1;
/// assert_eq!(read.open(&record[head_len..]).unwrap_err().kind(), ErrorKind::Corrupt);
/// # Ok::<(), larder_store_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The key.
    pub key: Key,
    /// The write that made the value.
    pub write_id: WriteId,
    /// The writes before it, newest first, at most [`MAX_PREDECESSORS`].
    pub predecessors: Vec<WriteId>,
    /// When it was written.
    pub modified: SystemTime,
    /// From when on it is absent.
    pub expires: Option<SystemTime>,
    /// What is kept beside it.
    pub attributes: Attributes,
    /// Bytes of the value.
    pub raw_len: u64,
    /// Where the body stands, if not behind the head.
    pub parts: Option<Parts>,
}

impl Head {
    /// The head of an empty value without attributes, expiry or predecessors, body inline.
    pub fn new(key: Key, write_id: WriteId, modified: SystemTime) -> Head {
        Head {
            key,
            write_id,
            predecessors: Vec::new(),
            modified,
            expires: None,
            attributes: Attributes::new(),
            raw_len: 0,
            parts: None,
        }
    }

    /// Bytes of the body.
    pub fn body_len(&self) -> u64 {
        body_len(self.raw_len)
    }

    /// Blocks of the value.
    pub fn blocks(&self) -> u64 {
        blocks(self.raw_len)
    }

    /// What a conditional write names.
    #[inline]
    pub fn version(&self) -> Version {
        Version::of_write(self.write_id, self.predecessors.iter().copied())
    }

    /// What the caller is told. `stored_size` is what the store uses for the record.
    pub fn meta(&self, stored_size: u64) -> Meta {
        let mut meta = Meta::new(self.key.clone());
        meta.size = Some(self.raw_len);
        meta.stored_size = Some(stored_size);
        meta.version = Some(self.version());
        meta.modified = Some(self.modified);
        meta.expires = Some(self.expires.into());
        meta.attributes = Some(self.attributes.clone());
        meta.write_id = Some(self.write_id);
        meta
    }

    /// The same from a head that is not needed any more, which costs less.
    #[inline]
    pub fn into_meta(self, stored_size: u64) -> Meta {
        let version = self.version();
        let mut meta = Meta::new(self.key);
        meta.size = Some(self.raw_len);
        meta.stored_size = Some(stored_size);
        meta.version = Some(version);
        meta.modified = Some(self.modified);
        meta.expires = Some(self.expires.into());
        meta.attributes = Some(self.attributes);
        meta.write_id = Some(self.write_id);
        meta
    }

    /// Whether the value is absent at `now`.
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// What ties the body's checks to this head. It covers what is known before a stream begins: format, codecs, key,
    /// write id, and the lengths of what the head holds; not the length of the value and not the times.
    pub fn binding(&self) -> Binding {
        let attributes = self.attributes.encode().map_or(0, |bytes| bytes.len());
        let mut bytes = Vec::with_capacity(FIXED + self.key.len());
        self.begin(attributes, &mut bytes);
        Binding(crc64(&bytes))
    }

    /// The same from the bytes that this head was decoded from, which costs less.
    #[inline]
    pub fn binding_in(&self, record: &[u8]) -> Binding {
        match record.get(..FIXED + self.key.len()) {
            Some(begin) => Binding(crc64(begin)),
            None => self.binding(),
        }
    }

    /// The part that [`Head::binding`] covers.
    fn begin(&self, attributes: usize, out: &mut Vec<u8>) {
        let parts = if self.parts.is_some() { ID } else { 0 };
        let head_len =
            FIXED + self.key.len() + NUMBERS + parts + self.predecessors.len() * ID + attributes + CHECK;
        out.extend_from_slice(&MAGIC);
        let flags = if self.expires.is_some() { HAS_EXPIRY } else { 0 };
        out.extend_from_slice(&[FORMAT, flags, NO_CODEC, NO_CODEC]);
        out.extend_from_slice(&(head_len as u32).to_le_bytes());
        let space = u8::from(self.key.is_system());
        out.extend_from_slice(&[BLOCK_LOG2, space, 0, self.predecessors.len() as u8]);
        out.extend_from_slice(&(self.key.len() as u16).to_le_bytes());
        out.extend_from_slice(&(attributes as u16).to_le_bytes());
        out.extend_from_slice(&self.parts.map_or(0, |p| p.part_len).to_le_bytes());
        out.extend_from_slice(self.write_id.as_bytes());
        out.extend_from_slice(self.key.as_bytes());
    }

    /// Encodes the head.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for attributes above their limit, a time before 1677 or after 2262, or more
    /// predecessors than are kept.
    pub fn encode(&self) -> Result<Vec<u8>> {
        self.encode_reserving(0)
    }

    /// Encodes the head and, behind it, the body of `value`; the head is that of a value of this length.
    ///
    /// # Errors
    /// Those of [`Head::encode`]; [`ErrorKind::Invalid`] if [`Head::raw_len`] is neither 0 nor the length of `value`.
    pub fn encode_with(&self, value: &[u8]) -> Result<Vec<u8>> {
        let mut whole = self.clone();
        whole.raw_len = value.len() as u64;
        if self.raw_len != 0 && self.raw_len != whole.raw_len {
            return Err(self.invalid("the head is that of a value of another length"));
        }
        let mut out = whole.encode_reserving(whole.body_len() as usize)?;
        let bound = Binding(crc64(&out[..FIXED + self.key.len()]));
        out.extend_from_slice(value);
        bound.index_into(value, &mut out);
        Ok(out)
    }

    fn encode_reserving(&self, more: usize) -> Result<Vec<u8>> {
        let attributes = self.attributes.encode()?;
        if self.predecessors.len() > MAX_PREDECESSORS || self.parts.is_some_and(|p| p.part_len == 0) {
            return Err(self.invalid("more predecessors than are kept, or parts without a length"));
        }
        let nanos = |time| to_nanos(time).ok_or_else(|| self.invalid("a time is before 1677 or after 2262"));
        let mut out =
            Vec::with_capacity(FIXED + self.key.len() + NUMBERS + 9 * ID + attributes.len() + CHECK + more);
        self.begin(attributes.len(), &mut out);
        out.extend_from_slice(&self.raw_len.to_le_bytes());
        out.extend_from_slice(&self.body_len().to_le_bytes());
        out.extend_from_slice(&nanos(self.modified)?.to_le_bytes());
        out.extend_from_slice(&self.expires.map_or(Ok(0), nanos)?.to_le_bytes());
        if let Some(parts) = self.parts {
            out.extend_from_slice(&parts.id);
        }
        for id in &self.predecessors {
            out.extend_from_slice(id.as_bytes());
        }
        out.extend_from_slice(&attributes);
        let check = crc64(&out);
        out.extend_from_slice(&check.to_le_bytes());
        Ok(out)
    }

    fn invalid(&self, why: &str) -> Error {
        Error::new(ErrorKind::Invalid, Op::Put, why).on(&self.key)
    }

    /// The length of a head whose first [`PREFIX`] bytes are these.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if no head begins like this.
    pub fn head_len(first: &[u8]) -> Result<usize> {
        let first: &[u8; PREFIX] = first
            .get(..PREFIX)
            .and_then(|b| b.try_into().ok())
            .ok_or_else(|| damaged("its head is cut off"))?;
        if first[..4] != MAGIC {
            return Err(damaged("it does not begin as a record does"));
        }
        let len = u32::from_le_bytes([first[8], first[9], first[10], first[11]]) as usize;
        if !(FIXED + 1 + NUMBERS + CHECK..=MAX_HEAD).contains(&len) {
            return Err(damaged("its head has a length that none has"));
        }
        Ok(len)
    }

    /// Decodes the head that `bytes` begin with, and says how long it is. With a key, it must be the head of that.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for damage or the head of another key; [`ErrorKind::Unsupported`] for a whole head of a
    /// later format, or with a codec that is not known here.
    pub fn decode(bytes: &[u8], expected: Option<&Key>) -> Result<(Head, usize)> {
        let named = |e: Error| match expected {
            Some(key) => e.on(key),
            None => e,
        };
        decode(bytes, expected).map_err(named)
    }

    /// Decodes and verifies a whole record whose body stands behind its head: the head, and the value.
    ///
    /// # Errors
    /// Those of [`Head::decode`]; [`ErrorKind::Corrupt`] for a body that is damaged or stands elsewhere.
    pub fn decode_record<'b>(record: &'b [u8], expected: &Key) -> Result<(Head, &'b [u8])> {
        let (head, len) = Head::decode(record, Some(expected))?;
        let body = &record[len..];
        if head.parts.is_some() || body.len() as u64 != head.body_len() {
            let why = format!("its body has {} bytes instead of {}", body.len(), head.body_len());
            return Err(damaged(&why).on(expected));
        }
        let (raw, index) = body.split_at(head.raw_len as usize);
        // The bytes are at hand: no need to make them again, as `binding` does.
        let bound = Binding(crc64(&record[..FIXED + expected.len()]));
        bound.verify(0, raw, index).map_err(|e| e.on(expected))?;
        Ok((head, raw))
    }
}

fn short() -> Error {
    damaged("its head is shorter than it says")
}

// The check is compared first, so that no field lies.
fn decode(bytes: &[u8], expected: Option<&Key>) -> Result<(Head, usize)> {
    let head_len = Head::head_len(bytes)?;
    let head = bytes.get(..head_len).ok_or_else(|| damaged("its head is cut off"))?;
    let (covered, check) = head.split_at(head_len - CHECK);
    if crc64(covered).to_le_bytes() != check {
        return Err(damaged("its head does not match its check"));
    }
    let (fixed, rest) = covered.split_first_chunk::<FIXED>().ok_or_else(short)?;
    let [
        _,
        _,
        _,
        _,
        format,
        flags,
        compression,
        encryption,
        _,
        _,
        _,
        _,
        block_log2,
        space,
        key_id_len,
        before,
        ..,
    ] = *fixed;
    // The check matched: this is no damage, but somebody else's record.
    let unknown = |what: String| {
        Err(Error::new(ErrorKind::Unsupported, Op::Get, format!("the record has {what}"))
            .hint("a later version of Larder, or a feature that is not compiled in, wrote it"))
    };
    if format != FORMAT {
        return unknown(format!("the format version {format}, and this reads {FORMAT}"));
    }
    if flags & !HAS_EXPIRY != 0 {
        return unknown(format!("the flags {flags:#04x}"));
    }
    if compression != NO_CODEC {
        return unknown(format!("the compression {compression}"));
    }
    if encryption != NO_CODEC || key_id_len != 0 {
        return unknown(format!("the encryption {encryption}"));
    }
    if block_log2 != BLOCK_LOG2 {
        return unknown(format!("blocks of 2^{block_log2} bytes"));
    }
    let [.., k0, k1, a0, a1, p0, p1, p2, p3] = fixed[..FIXED - ID] else { return Err(short()) };
    let (key_len, attributes_len) = (u16::from_le_bytes([k0, k1]), u16::from_le_bytes([a0, a1]));
    let part_len = u32::from_le_bytes([p0, p1, p2, p3]);
    let write_id = WriteId::from_bytes(*fixed.last_chunk().ok_or_else(short)?);
    let (key, rest) = rest.split_at_checked(key_len.into()).ok_or_else(short)?;
    let key = read_key(key, space, expected)?;
    let (numbers, mut rest) = rest.split_first_chunk::<NUMBERS>().ok_or_else(short)?;
    let number = |i: usize| u64::from_le_bytes(std::array::from_fn(|b| numbers[8 * i + b]));
    let (raw_len, stored_body) = (number(0), number(1));
    let (modified, expires) = (from_nanos(number(2) as i64), number(3) as i64);
    let mut id = || -> Result<[u8; ID]> {
        let (id, behind) = rest.split_first_chunk::<ID>().ok_or_else(short)?;
        rest = behind;
        Ok(*id)
    };
    let parts = match part_len {
        0 => None,
        part_len => Some(Parts { id: id()?, part_len }),
    };
    if usize::from(before) > MAX_PREDECESSORS {
        return Err(damaged("it has more predecessors than are kept"));
    }
    let mut predecessors = Vec::with_capacity(before.into());
    for _ in 0..before {
        predecessors.push(WriteId::from_bytes(id()?));
    }
    let (attributes, rest) = rest.split_at_checked(attributes_len.into()).ok_or_else(short)?;
    let attributes = Attributes::decode(attributes)?;
    let expires = (flags & HAS_EXPIRY != 0).then(|| from_nanos(expires));
    // The length is somebody's word: no arithmetic on it may overflow later.
    if raw_len > i64::MAX as u64 || stored_body != body_len(raw_len) || !rest.is_empty() {
        return Err(damaged("the lengths in its head do not agree"));
    }
    Ok((Head { key, write_id, predecessors, modified, expires, attributes, raw_len, parts }, head_len))
}

fn read_key(text: &[u8], space: u8, expected: Option<&Key>) -> Result<Key> {
    let space = match space {
        0 => Space::User,
        1 => Space::System,
        _ => return Err(damaged("it is of a key space that there is not")),
    };
    match expected {
        Some(key) if key.as_bytes() == text && key.space() == space => Ok(key.clone()),
        Some(_) => Err(damaged("it is the value of another key")),
        None => {
            let text = str::from_utf8(text).map_err(|_| damaged("its key is no text"))?;
            system::key_in(space, text).map_err(|_| damaged("its key is not legal"))
        }
    }
}

#[cfg(test)]
mod tests;
