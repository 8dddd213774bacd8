//! Reading a value that stands in its record, or finding out that it does not.

use bytes::Bytes;
use larder_store_core::record::Head;
use larder_store_core::{ByteRange, Error, ErrorKind, GetOptions, Got, Key, Meta, Op, Result, Version};

use super::error;
use super::handle::Handle;
use super::keys::{self, RawKey};
use super::snapshot::Snapshot;
use super::sys;
use super::tree::{Node, TreeCursor};

/// What a look at a key gave.
#[expect(clippy::large_enum_variant, reason = "most are answers, which are not to cost an allocation")]
pub(super) enum Look {
    /// The answer.
    Got(Got<Bytes>),
    /// The value stands in parts.
    Parts(Box<(Head, Meta)>),
}

/// What is asked about a version.
pub(super) struct Wanted<'o> {
    pub(super) range: Option<ByteRange>,
    pub(super) unless: Option<&'o Version>,
    pub(super) only: Option<&'o Version>,
    pub(super) body: bool,
}

impl<'o> Wanted<'o> {
    #[inline]
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
    /// The record under a key, and in a cache its birth.
    #[inline]
    fn record<'s>(
        &self,
        snapshot: &Snapshot<'s>,
        op: Op,
        key: &Key,
    ) -> Result<Option<(Option<u64>, &'s [u8])>> {
        let raw = RawKey::record(key);
        match snapshot.view.find(&snapshot.meta.main, raw.as_bytes()) {
            Ok(Some(stored)) => Ok(Some(self.shared.settings.split(stored))),
            Ok(None) => self.prove_absent(snapshot, op, key, &raw).map(|()| None),
            Err(damage) => Err(self.damage(op, damage)),
        }
    }

    /// The head under a key, unless it has expired.
    pub(super) fn head(&self, snapshot: &Snapshot<'_>, op: Op, key: &Key) -> Result<Option<Head>> {
        let Some((_, record)) = self.record(snapshot, op, key)? else { return Ok(None) };
        let (head, _) = Head::decode(record, Some(key))?;
        Ok(Some(head).filter(|head| !self.is_expired(head)))
    }

    /// Whether a value has expired. The clock is asked only if it can.
    #[inline]
    pub(super) fn is_expired(&self, head: &Head) -> bool {
        head.expires.is_some() && head.is_expired(self.env.wall())
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
        let Some((birth, record)) = self.record(snapshot, op, key)? else {
            return Ok(Look::Got(Got::Absent));
        };
        sys::prefetch(record);
        let (head, head_len) = Head::decode(record, Some(key))?;
        if self.is_expired(&head) {
            return Ok(Look::Got(Got::Absent));
        }
        if let (Some(cache), Some(birth)) = (self.shared.cache.get(), birth) {
            cache.recency.touch(birth);
        }
        let stored = stored(key.len(), record.len(), &head);
        if !admits(op, wanted, &head)? {
            return Ok(Look::Got(Got::Unchanged(head.into_meta(stored))));
        }
        if !wanted.body {
            return Ok(Look::Got(Got::found(head.into_meta(stored), Bytes::new())));
        }
        if head.parts.is_some() {
            let meta = head.meta(stored);
            return Ok(Look::Parts(Box::new((head, meta))));
        }
        let body = inline(&head, record, head_len, wanted.range)?;
        Ok(Look::Got(Got::found(head.into_meta(stored), body)))
    }
}

/// Bytes that a value takes: its key with the byte before it, its record, and its parts.
pub(super) fn stored(key: usize, record: usize, head: &Head) -> u64 {
    let parts = if head.parts.is_some() { head.body_len() } else { 0 };
    (1 + key + record) as u64 + parts
}

/// Whether the value is to be sent.
#[inline]
fn admits(op: Op, wanted: &Wanted<'_>, head: &Head) -> Result<bool> {
    if wanted.only.is_none() && wanted.unless.is_none() {
        return Ok(true);
    }
    let mut options = GetOptions::new();
    (options.only, options.unless) = (wanted.only.cloned(), wanted.unless.cloned());
    options.admits(&head.version()).map_err(|e| e.during(op))
}

/// The value, or a part of it, out of its record. What is given is what was verified.
#[inline]
fn inline(head: &Head, record: &[u8], head_len: usize, range: Option<ByteRange>) -> Result<Bytes> {
    let body = &record[head_len..];
    if body.len() as u64 != head.body_len() {
        let why = format!("its body has {} bytes instead of {}", body.len(), head.body_len());
        return Err(Error::new(ErrorKind::Corrupt, Op::Get, why).on(&head.key));
    }
    let binding = head.binding_in(record);
    let Some(range) = range else {
        let (raw, index) = body.split_at(head.raw_len as usize);
        let copy = binding.copy_verified(0, raw, index).map_err(|e| e.on(&head.key))?;
        return Ok(Bytes::from(copy));
    };
    let range = range.resolve(head.raw_len)?;
    let cover = head.cover(range.clone());
    let at = |r: &std::ops::Range<u64>| r.start as usize..r.end as usize;
    let copy = binding
        .copy_verified(cover.first_block, &body[at(&cover.raw)], &body[at(&cover.index)])
        .map_err(|e| e.on(&head.key))?;
    let start = (range.start - cover.raw.start) as usize;
    Ok(Bytes::from(copy).slice(start..start + (range.end - range.start) as usize))
}

impl Handle {
    /// Makes sure that a key that was not found is not there: a damaged key of a branch, or of the entry itself, would
    /// hide it.
    #[cold]
    fn prove_absent(&self, snapshot: &Snapshot<'_>, op: Op, key: &Key, raw: &RawKey) -> Result<()> {
        let damage = |d| self.damage(op, d);
        let cursor = TreeCursor::seek(snapshot.view, &snapshot.meta.main, raw.as_bytes()).map_err(damage)?;
        for node in cursor.absent(raw.as_bytes()).map_err(damage)?.into_iter().flatten() {
            if self.is_record_of(&cursor, &node, key) {
                let why = "the value is there, and the key that leads to it is damaged";
                return Err(Error::new(ErrorKind::Corrupt, op, why).hint(error::DAMAGED_HINT));
            }
        }
        Ok(())
    }

    /// Whether the record of `key` stands under the key of `node`, which is another one.
    fn is_record_of(&self, cursor: &TreeCursor<'_>, node: &Node<'_>, key: &Key) -> bool {
        if keys::is_known(node.key) {
            return false;
        }
        // If it is damaged itself, its key is not: that would be two faults at once.
        cursor.value(node).is_ok_and(|stored| {
            Head::decode(self.shared.settings.split(stored).1, None).is_ok_and(|(head, _)| head.key == *key)
        })
    }
}
