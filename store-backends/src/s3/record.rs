//! Reading objects that are Larder's records.

use bytes::Bytes;
use larder_store_core::record::{BLOCK, Head, MAX_HEAD};
use larder_store_core::{
    ByteRange, Call, Error, ErrorKind, GetOptions, Got, HeadOptions, Key, Meta, Op, Result, Version,
};

use super::condition::Current;
use super::read::{Answer, Ask, Found};
use super::wire::Wire;

/// How much of a record the first request for a part brings: small values whole, and any head.
const FIRST: u64 = 64 << 10;

const _: () = assert!(MAX_HEAD as u64 <= FIRST);

/// A record's beginning.
pub(super) struct Begun {
    pub(super) head: Head,
    pub(super) head_len: u64,
    pub(super) etag: String,
    /// Bytes of the record.
    pub(super) size: u64,
    /// Its first bytes, or all of them.
    pub(super) first: Bytes,
}

impl Begun {
    pub(super) fn version(&self) -> Version {
        version(&self.head, &self.etag)
    }

    pub(super) fn meta(&self) -> Meta {
        let mut meta = self.head.meta(self.size);
        meta.version = Some(self.version());
        meta
    }

    /// The value, if all of it is here.
    fn value(&self) -> Option<Result<Bytes>> {
        (self.first.len() as u64 == self.size).then(|| {
            let value = self.head.open(&self.first[self.head_len as usize..])?;
            let start = self.head_len as usize;
            Ok(self.first.slice(start..start + value.len()))
        })
    }
}

/// The version of the record with this ETag.
fn version(head: &Head, etag: &str) -> Version {
    Version::of_service(etag, Some(head.write_id), head.predecessors.iter().copied())
        .with_expiry(head.expires)
}

/// What a question for a record came to.
pub(super) enum Asked<B> {
    Begun(Begun),
    Got(Got<B>),
}

/// Asks for a record, or its beginning, and decides what the answer means for the caller.
pub(super) async fn begin<B>(
    wire: &Wire,
    op: Op,
    key: &Key,
    name: &str,
    options: &GetOptions,
    whole: bool,
) -> Result<Asked<B>> {
    let mut ask = Ask::of(options);
    ask.range = (!whole).then(|| ByteRange::from(0..FIRST));
    let answer = wire.ask(op, &options.call, name, &ask).await?;
    let found = match answer {
        Ok(Answer::Found(found)) => found,
        Ok(Answer::Absent) => return Ok(Asked::Got(Got::Absent)),
        Ok(Answer::Unchanged) => return Ok(Asked::Got(wire.unchanged(key, options.unless.as_ref()))),
        // Of an empty object there is no part.
        Err(failure) if failure.is(416) => {
            return Err(Error::new(ErrorKind::Corrupt, op, "the object is empty, and no record is"));
        }
        Err(failure) if failure.is(412) => {
            return wire.not_only(op, &options.call, key, name).await.map(Asked::Got);
        }
        Err(failure) => return Err(failure.into()),
    };
    let Found { object, body, live } = found;
    let len = if whole { object.size } else { object.size.min(FIRST) };
    let first = wire.whole(op, &options.call, &live, body, len).await?;
    let (head, head_len) = Head::decode(&first, Some(key))?;
    let head_len = head_len as u64;
    if head.parts.is_some() || head_len + head.body_len() != object.size {
        let why = format!("the object has {} bytes instead of {}", object.size, head_len + head.body_len());
        return Err(Error::new(ErrorKind::Corrupt, op, why));
    }
    if head.is_expired(wire.env.wall()) {
        return Ok(Asked::Got(Got::Absent));
    }
    let begun = Begun { head, head_len, etag: object.etag, size: object.size, first };
    match options.admits(&begun.version())? {
        true => Ok(Asked::Begun(begun)),
        false => Ok(Asked::Got(Got::Unchanged(begun.meta()))),
    }
}

pub(super) async fn get(
    wire: &Wire,
    op: Op,
    key: &Key,
    name: &str,
    options: &GetOptions,
) -> Result<Got<Bytes>> {
    let begun = match begin(wire, op, key, name, options, options.range.is_none()).await? {
        Asked::Begun(begun) => begun,
        Asked::Got(got) => return Ok(got),
    };
    let meta = begun.meta();
    let raw_len = begun.head.raw_len;
    let range = options.range.map_or(Ok(0..raw_len), |range| range.resolve(raw_len))?;
    if let Some(value) = begun.value() {
        return Ok(Got::found(meta, value?.slice(range.start as usize..range.end as usize)));
    }
    let cover = begun.head.cover(range.clone());
    let part = |at: &std::ops::Range<u64>| begun.head_len + at.start..begun.head_len + at.end;
    let (raw, checks) = futures_util::future::try_join(
        fetch(wire, op, &options.call, name, &begun.etag, part(&cover.raw)),
        fetch(wire, op, &options.call, name, &begun.etag, part(&cover.index)),
    )
    .await?;
    begun.head.binding().verify(cover.first_block, &raw, &checks)?;
    let from = (range.start - cover.raw.start) as usize;
    Ok(Got::found(meta, raw.slice(from..from + (range.end - range.start) as usize)))
}

/// A part of the object that still has this ETag.
pub(super) async fn fetch(
    wire: &Wire,
    op: Op,
    call: &Call,
    name: &str,
    etag: &str,
    part: std::ops::Range<u64>,
) -> Result<Bytes> {
    if part.is_empty() {
        return Ok(Bytes::new());
    }
    let len = part.end - part.start;
    let Found { body, live, .. } = open(wire, op, call, name, etag, part).await?;
    wire.whole(op, call, &live, body, len).await
}

/// Opens a part of the object that still has this ETag.
pub(super) async fn open(
    wire: &Wire,
    op: Op,
    call: &Call,
    name: &str,
    etag: &str,
    part: std::ops::Range<u64>,
) -> Result<Found> {
    let ask = Ask { range: Some(part.into()), if_match: Some(etag.to_owned()), if_none_match: None };
    match wire.ask(op, call, name, &ask).await? {
        Ok(Answer::Found(found)) => Ok(found),
        Ok(_) => Err(Error::new(ErrorKind::Conflict, op, "the value was removed while it was read")),
        Err(failure) if failure.is(412) => {
            Err(Error::new(ErrorKind::Conflict, op, "the value was replaced while it was read"))
        }
        Err(failure) => Err(failure.into()),
    }
}

pub(super) async fn head(
    wire: &Wire,
    op: Op,
    key: &Key,
    name: &str,
    options: &HeadOptions,
) -> Result<Got<()>> {
    let mut get = GetOptions::new().with_call(options.call.clone());
    get.unless = options.unless.clone();
    get.only = options.only.clone();
    Ok(match begin(wire, op, key, name, &get, false).await? {
        Asked::Begun(begun) => Got::found(begun.meta(), ()),
        Asked::Got(got) => got,
    })
}

/// Blocks whose checks are fetched at once: 512 MiB of a value, 64 KiB of checks.
pub(super) const WINDOW: u64 = 8192 * BLOCK as u64;

/// What is under a key, expired or not.
pub(super) async fn current(
    wire: &Wire,
    op: Op,
    call: &Call,
    key: &Key,
    name: &str,
) -> Result<Option<Current>> {
    let ask = Ask { range: Some(ByteRange::from(0..FIRST)), ..Ask::default() };
    let Answer::Found(Found { object, body, live }) = wire.ask(op, call, name, &ask).await?? else {
        return Ok(None);
    };
    let first = wire.whole(op, call, &live, body, object.size.min(FIRST)).await?;
    let (head, _) = Head::decode(&first, Some(key))?;
    let version = version(&head, &object.etag);
    Ok(Some(Current { version, etag: object.etag, expired: head.is_expired(wire.env.wall()) }))
}
