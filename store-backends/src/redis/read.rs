//! Reading values.

use std::ops::Range;

use ::redis::Value;
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::record::{Head, MAX_HEAD, Parts};
use larder_store_core::{
    ByteRange, Call, Error, ErrorKind, GetOptions, Got, HeadOptions, Key, Meta, Op, Result,
};

use super::client::Lane;
use super::command::{RANGE, plain, script};
use super::name::Shard;
use super::wire::Wire;

/// How often a value is asked for that is replaced while it is read.
const REPLACED: u32 = 100;
/// Parts of one value that are under way at once, each of a megabyte.
const AT_ONCE: usize = 4;
/// The most room that is made at once for a value of which only the length is known.
const ROOM: usize = 32 << 20;

/// A record that was found, and has not expired.
pub(super) struct Found {
    pub(super) head: Head,
    pub(super) head_len: usize,
    /// All of it, or its head.
    pub(super) record: Bytes,
}

/// What a look at a key told the caller, or what is still to be read.
pub(super) enum Look {
    Got(Got<Bytes>),
    Found(Found),
}

pub(super) fn stored(head: &Head, head_len: usize) -> u64 {
    head_len as u64 + head.body_len()
}

impl Found {
    pub(super) fn meta(&self) -> Meta {
        self.head.meta(stored(&self.head, self.head_len))
    }

    /// The value that stands behind its head, verified; the part of it that is `wanted`.
    pub(super) fn inline(&self, wanted: Range<u64>) -> Result<Bytes> {
        let body = &self.record[self.head_len..];
        if body.len() as u64 != self.head.body_len() {
            let why = format!("its body has {} bytes instead of {}", body.len(), self.head.body_len());
            return Err(damaged(&why).on(&self.head.key));
        }
        let (raw, index) = body.split_at(self.head.raw_len as usize);
        let bound = self.head.binding_in(&self.record);
        bound.verify(0, raw, index).map_err(|e| e.on(&self.head.key))?;
        let at = |n: u64| self.head_len + n as usize;
        Ok(self.record.slice(at(wanted.start)..at(wanted.end)))
    }
}

pub(super) fn damaged(why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, Op::Get, format!("the stored value is damaged: {why}"))
}

/// `GETRANGE` of `range`.
pub(super) fn get_range(name: &[u8], range: Range<u64>) -> ::redis::Cmd {
    let (from, to) = (range.start.to_string(), (range.end - 1).to_string());
    plain("GETRANGE", &[name, from.as_bytes(), to.as_bytes()])
}

/// The length of a part of a body.
pub(super) fn part_range(parts: &Parts, number: u64, body_len: u64) -> Range<u64> {
    let len = u64::from(parts.part_len);
    number * len..((number + 1) * len).min(body_len)
}

/// A part's id in names.
pub(super) fn hex(id: &[u8; 16]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Wire {
    /// What a record means to a reader with these options: `None` for what has expired.
    pub(super) fn open(&self, key: &Key, record: Bytes) -> Result<Option<Found>> {
        let (head, head_len) = Head::decode(&record, Some(key))?;
        let expired = head.is_expired(self.env.wall());
        Ok((!expired).then_some(Found { head, head_len, record }))
    }

    /// The two commands that read a whole record.
    pub(super) fn read_whole(&self, key: &Key) -> Vec<::redis::Cmd> {
        vec![self.ask_marker(self.names.shard(key)), plain("GET", &[&self.names.value(key)])]
    }

    /// What the answer to a whole record means.
    pub(super) fn look(&self, op: Op, key: &Key, options: &GetOptions, record: Value) -> Result<Look> {
        let Some(record) = self.bytes(op, record)? else { return Ok(Look::Got(Got::Absent)) };
        let Some(found) = self.open(key, record)? else { return Ok(Look::Got(Got::Absent)) };
        if !options.admits(&found.head.version())? {
            return Ok(Look::Got(Got::Unchanged(found.meta())));
        }
        if found.head.parts.is_some() {
            return Ok(Look::Found(found));
        }
        let body = found.inline(0..found.head.raw_len)?;
        Ok(Look::Got(Got::found(found.meta(), body)))
    }

    /// A whole value, or a part of it.
    pub(super) async fn get(&self, op: Op, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.guarantees.check_get(op, key, options)?;
        self.home(op, &options.call, false).await?;
        let mut before = None;
        for _ in 0..REPLACED {
            let found = match self.begin_get(op, key, options).await? {
                Look::Got(got) => return Ok(got),
                Look::Found(found) => found,
            };
            let Some(parts) = found.head.parts else {
                return Err(damaged("it is said to stand in parts, and has none"));
            };
            if before == Some(parts.id) {
                return Err(damaged("parts of it are missing"));
            }
            if let Some(body) = self.get_parts(op, key, options, &found).await? {
                return Ok(Got::found(found.meta(), body));
            }
            // It was replaced long ago, or is damaged: who stands there now tells.
            before = Some(parts.id);
        }
        Err(Error::new(ErrorKind::Unavailable, op, "the value is replaced faster than it can be read"))
    }

    /// The first request: all of a small value.
    pub(super) async fn begin_get(&self, op: Op, key: &Key, options: &GetOptions) -> Result<Look> {
        let shard = self.names.shard(key);
        if let Some(range) = options.range {
            return self.begin_range(op, key, options, range).await;
        }
        let commands = self.read_whole(key);
        let answers = self.ask(op, &options.call, Lane::Small, &self.to(shard), commands).await?;
        let [marker, record] = two(answers, op)?;
        self.check_marker(op, marker)?;
        self.look(op, key, options, record)
    }

    /// The same for a part of a value: no more comes than covers it.
    async fn begin_range(&self, op: Op, key: &Key, options: &GetOptions, range: ByteRange) -> Result<Look> {
        let shard = self.names.shard(key);
        let (kind, from, to) = match range {
            ByteRange::Bounded { start, end } => ("b", start, end),
            ByteRange::From(start) => ("f", start, 0),
            ByteRange::Suffix(bytes) => ("s", bytes, 0),
        };
        // Lua counts in floating point; behind this there is no byte of any value.
        let within = |n: u64| n.min(1 << 52);
        let mut command = script(&RANGE, &[&self.names.marker(shard), &self.names.value(key)], 40);
        command.arg(kind).arg(within(from)).arg(within(to));
        let answers = self.ask(op, &options.call, Lane::Small, &self.to(shard), vec![command]).await?;
        let mut parts = self.list(op, answers.into_iter().next().unwrap_or(Value::Nil))?.into_iter();
        self.check_marker(op, parts.next().unwrap_or(Value::Nil))?;
        let mut next = || parts.next().map_or(Ok(None), |part| self.bytes(op, part));
        let (head, raw, checks) = (next()?, next()?, next()?);
        let Some(record) = head else { return Ok(Look::Got(Got::Absent)) };
        let Some(found) = self.open(key, record)? else { return Ok(Look::Got(Got::Absent)) };
        if !options.admits(&found.head.version())? {
            return Ok(Look::Got(Got::Unchanged(found.meta())));
        }
        let wanted = range.resolve(found.head.raw_len)?;
        if found.head.parts.is_some() {
            return Ok(Look::Found(found));
        }
        let (Some(raw), Some(checks)) = (raw, checks) else {
            return Err(damaged("its head is none that the server's script reads"));
        };
        let cover = found.head.cover(wanted.clone());
        if raw.len() as u64 != cover.raw.end - cover.raw.start {
            return Err(damaged("it ends early"));
        }
        found.head.binding_in(&found.record).verify(cover.first_block, &raw, &checks)?;
        let at = |n: u64| (n - cover.raw.start) as usize;
        let body = raw.slice(at(wanted.start)..at(wanted.end));
        Ok(Look::Got(Got::found(found.meta(), body)))
    }

    /// What is asked for of a value in parts; `None` if its parts are gone.
    async fn get_parts(
        &self,
        op: Op,
        key: &Key,
        options: &GetOptions,
        found: &Found,
    ) -> Result<Option<Bytes>> {
        let head = &found.head;
        let wanted = options.range.map_or(Ok(0..head.raw_len), |range| range.resolve(head.raw_len))?;
        let cover = head.cover(wanted.clone());
        let call = &options.call;
        let Some(checks) = self.body(op, call, key, head, cover.index).await? else { return Ok(None) };
        let Some(raw) = self.body(op, call, key, head, cover.raw.clone()).await? else { return Ok(None) };
        head.binding().verify(cover.first_block, &raw, &checks)?;
        let at = |n: u64| (n - cover.raw.start) as usize;
        Ok(Some(raw.slice(at(wanted.start)..at(wanted.end))))
    }

    /// A range of a body that stands in parts; `None` if one of them is gone.
    pub(super) async fn body(
        &self,
        op: Op,
        call: &Call,
        key: &Key,
        head: &Head,
        range: Range<u64>,
    ) -> Result<Option<Bytes>> {
        let Some(parts) = head.parts.filter(|_| !range.is_empty()) else { return Ok(Some(Bytes::new())) };
        let (shard, id, len) = (self.names.shard(key), hex(&parts.id), u64::from(parts.part_len));
        let numbers = range.start / len..range.end.div_ceil(len);
        let pieces = numbers.map(|number| {
            let part = part_range(&parts, number, head.body_len());
            let (from, to) = (range.start.max(part.start) - part.start, range.end.min(part.end) - part.start);
            self.piece(op, call, shard, self.names.part(shard, &id, number), from..to)
        });
        let pieces: Vec<_> = pieces.collect();
        let mut pieces = stream::iter(pieces).buffered(AT_ONCE);
        let mut whole = BytesMut::new();
        let mut first: Option<Bytes> = None;
        while let Some(piece) = pieces.try_next().await? {
            let Some(piece) = piece else { return Ok(None) };
            match first.take() {
                None if whole.is_empty() => first = Some(piece),
                None => whole.extend_from_slice(&piece),
                Some(begin) => {
                    whole.reserve(usize::try_from(range.end - range.start).unwrap_or(usize::MAX).min(ROOM));
                    whole.extend_from_slice(&begin);
                    whole.extend_from_slice(&piece);
                }
            }
        }
        Ok(Some(first.unwrap_or_else(|| whole.freeze())))
    }

    /// A range of a part; `None` if the part is gone.
    async fn piece(
        &self,
        op: Op,
        call: &Call,
        shard: Shard,
        name: Vec<u8>,
        range: Range<u64>,
    ) -> Result<Option<Bytes>> {
        let len = range.end - range.start;
        let answers = self.ask(op, call, Lane::Bulk, &self.to(shard), vec![get_range(&name, range)]).await?;
        let piece = self.bytes(op, answers.into_iter().next().unwrap_or(Value::Nil))?.unwrap_or_default();
        match piece.len() as u64 {
            0 => Ok(None),
            found if found == len => Ok(Some(piece)),
            found => Err(damaged(&format!("a part of it has {found} bytes instead of {len}"))),
        }
    }

    /// What is known about a value.
    pub(super) async fn head(&self, op: Op, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        self.guarantees.check_key(op, key)?;
        self.home(op, &options.call, false).await?;
        let Some(found) = self.look_at(op, &options.call, key).await? else { return Ok(Got::Absent) };
        match options.admits(&found.head.version())? {
            true => Ok(Got::found(found.meta(), ())),
            false => Ok(Got::Unchanged(found.meta())),
        }
    }

    /// The head that stands under a key.
    pub(super) async fn look_at(&self, op: Op, call: &Call, key: &Key) -> Result<Option<Found>> {
        let (shard, name) = (self.names.shard(key), self.names.value(key));
        let commands =
            vec![self.ask_marker(shard), get_range(&name, 0..MAX_HEAD as u64), plain("EXISTS", &[&name])];
        let mut answers = self.ask(op, call, Lane::Small, &self.to(shard), commands).await?.into_iter();
        self.check_marker(op, answers.next().unwrap_or(Value::Nil))?;
        let head = self.bytes(op, answers.next().unwrap_or(Value::Nil))?.unwrap_or_default();
        if head.is_empty() && self.good(op, answers.next().unwrap_or(Value::Nil))? == Value::Int(0) {
            return Ok(None);
        }
        self.open(key, head)
    }
}

fn two(answers: Vec<Value>, op: Op) -> Result<[Value; 2]> {
    answers.try_into().map_err(|_| super::error::strange(op, false, "answers are missing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_read_heads_of_every_length() {
        // scripts/write.lua and scripts/range.lua have the number.
        assert_eq!(MAX_HEAD, 2527);
        for text in [include_str!("scripts/write.lua"), include_str!("scripts/range.lua")] {
            assert!(text.contains("0, 2526"));
        }
    }

    #[test]
    fn parts_cover_a_body() {
        let parts = Parts { id: [1; 16], part_len: 10 };
        assert_eq!((part_range(&parts, 0, 25), part_range(&parts, 2, 25)), (0..10, 20..25));
        assert_eq!(hex(&[0xab; 16]), "ab".repeat(16));
    }
}
