//! Reading a value that stands in its record, or finding out that it does not.

use bytes::Bytes;
use larder_store_core::record::Head;
use larder_store_core::{ByteRange, Error, ErrorKind, GetOptions, Got, Key, Meta, Op, Result, Version};

use super::error;
use super::handle::Handle;
use super::keys::{self, RawKey};
use super::snapshot::Snapshot;
use super::tree::{Node, TreeCursor};

/// A record that was found, and what is known about it.
pub(super) struct Found<'s> {
    pub(super) head: Head,
    pub(super) head_len: usize,
    pub(super) record: &'s [u8],
    pub(super) stored: u64,
}

/// What a look at a key gave.
pub(super) enum Look {
    /// The answer.
    Got(Got<Bytes>),
    /// The value stands in parts.
    Parts { head: Head, meta: Meta },
}

/// What is asked about a version.
pub(super) struct Wanted<'o> {
    pub(super) range: Option<ByteRange>,
    pub(super) unless: Option<&'o Version>,
    pub(super) only: Option<&'o Version>,
    pub(super) body: bool,
}

impl<'o> Wanted<'o> {
    pub(super) fn of(options: &'o GetOptions) -> Wanted<'o> {
        Wanted {
            range: options.range,
            unless: options.unless.as_ref(),
            only: options.only.as_ref(),
            body: true,
        }
    }
}

impl Handle {
    /// The record under a key, unless it has expired.
    #[inline]
    pub(super) fn find<'s>(&self, snapshot: &Snapshot<'s>, op: Op, key: &Key) -> Result<Option<Found<'s>>> {
        let raw = RawKey::record(key);
        let found = snapshot.view.find(&snapshot.meta.main, raw.as_bytes());
        let Some(record) = found.map_err(|d| error::damage(op, d))? else {
            prove_absent(snapshot, op, key, &raw)?;
            return Ok(None);
        };
        let (head, head_len) = Head::decode(record, Some(key))?;
        if head.expires.is_some() && head.is_expired(self.env.wall()) {
            return Ok(None);
        }
        let parts = if head.parts.is_some() { head.body_len() } else { 0 };
        let stored = (raw.as_bytes().len() + record.len()) as u64 + parts;
        Ok(Some(Found { head, head_len, record, stored }))
    }

    /// Answers from a snapshot.
    #[inline]
    pub(super) fn look(
        &self,
        snapshot: &Snapshot<'_>,
        op: Op,
        key: &Key,
        wanted: &Wanted<'_>,
    ) -> Result<Look> {
        let Some(found) = self.find(snapshot, op, key)? else { return Ok(Look::Got(Got::Absent)) };
        let meta = found.head.meta(found.stored);
        if !admits(op, wanted, &meta)? {
            return Ok(Look::Got(Got::Unchanged(meta)));
        }
        if !wanted.body {
            return Ok(Look::Got(Got::found(meta, Bytes::new())));
        }
        if found.head.parts.is_some() {
            return Ok(Look::Parts { head: found.head, meta });
        }
        let body = inline(&found, wanted.range)?;
        Ok(Look::Got(Got::found(meta, body)))
    }
}

/// Whether the value is to be sent.
pub(super) fn admits(op: Op, wanted: &Wanted<'_>, meta: &Meta) -> Result<bool> {
    if wanted.only.is_none() && wanted.unless.is_none() {
        return Ok(true);
    }
    let mut options = GetOptions::new();
    (options.only, options.unless) = (wanted.only.cloned(), wanted.unless.cloned());
    match &meta.version {
        Some(version) => options.admits(version).map_err(|e| e.during(op)),
        None => Ok(true),
    }
}

/// The value, or a part of it, out of its record. What is given is what was verified.
fn inline(found: &Found<'_>, range: Option<ByteRange>) -> Result<Bytes> {
    let Found { head, head_len, record, .. } = found;
    let body = &record[*head_len..];
    if body.len() as u64 != head.body_len() {
        let why = format!("its body has {} bytes instead of {}", body.len(), head.body_len());
        return Err(Error::new(ErrorKind::Corrupt, Op::Get, why).on(&head.key));
    }
    let binding = head.binding_in(record);
    let Some(range) = range else {
        let (raw, index) = body.split_at(head.raw_len as usize);
        let copy = raw.to_vec();
        binding.verify(0, &copy, index).map_err(|e| e.on(&head.key))?;
        return Ok(Bytes::from(copy));
    };
    let range = range.resolve(head.raw_len)?;
    let cover = head.cover(range.clone());
    let at = |r: &std::ops::Range<u64>| r.start as usize..r.end as usize;
    let copy = body[at(&cover.raw)].to_vec();
    binding.verify(cover.first_block, &copy, &body[at(&cover.index)]).map_err(|e| e.on(&head.key))?;
    let start = (range.start - cover.raw.start) as usize;
    Ok(Bytes::from(copy).slice(start..start + (range.end - range.start) as usize))
}

/// Makes sure that a key that was not found is not there: a damaged key of a branch, or of the entry itself, would
/// hide it.
#[cold]
fn prove_absent(snapshot: &Snapshot<'_>, op: Op, key: &Key, raw: &RawKey) -> Result<()> {
    let damage = |d| error::damage(op, d);
    let cursor = TreeCursor::seek(snapshot.view, &snapshot.meta.main, raw.as_bytes()).map_err(damage)?;
    for node in cursor.absent(raw.as_bytes()).map_err(damage)?.into_iter().flatten() {
        if is_record_of(&cursor, &node, key) {
            let why = "the value is there, and the key that leads to it is damaged";
            return Err(Error::new(ErrorKind::Corrupt, op, why).hint(error::DAMAGED_HINT));
        }
    }
    Ok(())
}

/// Whether the record of `key` stands under the key of `node`, which is another one.
fn is_record_of(cursor: &TreeCursor<'_>, node: &Node<'_>, key: &Key) -> bool {
    if keys::is_known(node.key) {
        return false;
    }
    // If it is damaged itself, its key is not: that would be two faults at once.
    cursor.value(node).is_ok_and(|record| Head::decode(record, None).is_ok_and(|(head, _)| head.key == *key))
}
