//! Reading objects.

use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_s3::primitives::ByteStream as Body;
use aws_sdk_s3::types::ChecksumMode;
use bytes::{Bytes, BytesMut};
use larder_store_core::{
    ByteRange, Call, Error, ErrorKind, GetOptions, Got, HeadOptions, Key, Meta, Op, Result, Version,
};

use super::client::Live;
use super::config::Layout;
use super::error::Failure;
use super::object::Object;
use super::record;
use super::wire::Wire;

/// What is asked for.
#[derive(Debug, Default)]
pub(super) struct Ask {
    pub(super) range: Option<ByteRange>,
    pub(super) if_match: Option<String>,
    pub(super) if_none_match: Option<String>,
}

impl Ask {
    /// What a get asks for at this time. That the value of an expired version is unchanged would say nothing: the same
    /// bytes may have been written again.
    pub(super) fn of(options: &GetOptions, now: SystemTime) -> Ask {
        Ask {
            range: options.range,
            if_match: etag(&options.only),
            if_none_match: standing(&options.unless, now),
        }
    }
}

/// An object that was found, and the bytes that come.
pub(super) struct Found {
    pub(super) object: Object,
    pub(super) body: Body,
    pub(super) live: Arc<Live>,
}

/// The answer to a question about an object.
pub(super) enum Answer<T> {
    Found(T),
    Absent,
    /// It is what the asker has.
    Unchanged,
}

impl<T> Answer<T> {
    fn of(found: Result<T, Failure>) -> Result<Answer<T>, Failure> {
        match found {
            Ok(found) => Ok(Answer::Found(found)),
            Err(failure) if failure.is(304) => Ok(Answer::Unchanged),
            Err(failure) if failure.is_absent() => Ok(Answer::Absent),
            Err(failure) => Err(failure),
        }
    }
}

/// The ETag in a version.
fn etag(version: &Option<Version>) -> Option<String> {
    Some(version.as_ref()?.tag()?.to_owned())
}

/// The ETag in a version whose value has not expired.
fn standing(version: &Option<Version>, now: SystemTime) -> Option<String> {
    etag(version).filter(|_| version.as_ref().and_then(Version::expires).is_none_or(|at| at > now))
}

/// `Range` as HTTP writes it (RFC 9110, 14.1.2).
pub(super) fn header(range: ByteRange) -> String {
    // Services read the numbers into types of their own; behind this there is no byte of any object.
    let within = |at: u64| at.min(1 << 53);
    match range {
        ByteRange::Bounded { start, end } if end > 1 << 53 => format!("bytes={}-", within(start)),
        ByteRange::Bounded { start, end } => format!("bytes={start}-{}", end - 1),
        ByteRange::From(start) => format!("bytes={}-", within(start)),
        ByteRange::Suffix(bytes) => format!("bytes=-{}", within(bytes)),
    }
}

impl Wire {
    /// Asks for an object's bytes.
    pub(super) async fn ask(
        &self,
        op: Op,
        call: &Call,
        name: &str,
        ask: &Ask,
    ) -> Result<Result<Answer<Found>, Failure>> {
        let live = self.live(op, call).await?;
        let mut request = live.sdk.get_object().bucket(self.bucket()).key(name);
        // Each of these moves all of the request, so that only those are called that say something.
        if self.config().checksums {
            request = request.checksum_mode(ChecksumMode::Enabled);
        }
        if let Some(range) = ask.range {
            request = request.range(header(range));
        }
        if ask.if_match.is_some() || ask.if_none_match.is_some() {
            request = request.set_if_match(ask.if_match.clone()).set_if_none_match(ask.if_none_match.clone());
        }
        let got = match self.read(op, call, &live, request.send()).await? {
            Ok(got) => Ok(Found { object: Object::of_get(op, &got)?, body: got.body, live }),
            Err(failure) => Err(failure),
        };
        Ok(Answer::of(got))
    }

    /// Asks what is known about an object, expired or not.
    pub(super) async fn look(
        &self,
        op: Op,
        call: &Call,
        name: &str,
        ask: &Ask,
    ) -> Result<Result<Answer<Object>, Failure>> {
        let live = self.live(op, call).await?;
        let request = live
            .sdk
            .head_object()
            .bucket(self.bucket())
            .key(name)
            .set_if_match(ask.if_match.clone())
            .set_if_none_match(ask.if_none_match.clone())
            .send();
        let seen = match self.read(op, call, &live, request).await? {
            Ok(seen) => Ok(Object::of_head(op, &seen)?),
            // A head has no body that would say why.
            Err(head) if head.code.is_none() && matches!(head.status, Some(301 | 400 | 403)) => {
                let first = Ask { range: Some(ByteRange::from(0..1)), ..Ask::default() };
                match self.ask(op, call, name, &first).await? {
                    Err(why) if !why.is(416) => Err(why),
                    _ => {
                        let why =
                            format!("{}, and a get of the same object is not refused", head.error.why());
                        let hint = "if it stays so: a policy or a proxy on the way lets no HEAD request pass";
                        return Err(Error::new(ErrorKind::Unavailable, op, why).hint(hint));
                    }
                }
            }
            // Nor which of the two is missing.
            Err(failure) if failure.is(404) => {
                self.bucket_is_there(op, call).await?;
                return Ok(Ok(Answer::Absent));
            }
            Err(failure) => Err(failure),
        };
        Ok(Answer::of(seen))
    }

    /// All of a body, of which `len` bytes are to come.
    pub(super) async fn whole(
        &self,
        op: Op,
        call: &Call,
        live: &Arc<Live>,
        mut body: Body,
        len: u64,
    ) -> Result<Bytes> {
        let mut first: Option<Bytes> = None;
        // A length is only what somebody says: no room is made for more than this before the bytes are there.
        let mut whole = BytesMut::new();
        while let Some(piece) = self.piece(op, call, body.next()).await? {
            let piece = piece.map_err(|e| {
                self.broke(live);
                cut(op, &e)
            })?;
            match first.take() {
                None if whole.is_empty() => first = Some(piece),
                None => whole.extend_from_slice(&piece),
                Some(head) => {
                    whole.reserve(usize::try_from(len).unwrap_or(usize::MAX).min(ROOM));
                    whole.extend_from_slice(&head);
                    whole.extend_from_slice(&piece);
                }
            }
        }
        let whole = first.unwrap_or_else(|| whole.freeze());
        if whole.len() as u64 != len {
            self.broke(live);
            let why = format!("{} bytes came of {len} that were promised", whole.len());
            return Err(Error::new(ErrorKind::Unavailable, op, why));
        }
        Ok(whole)
    }

    /// A whole value, or a part of it.
    pub(super) async fn get(&self, op: Op, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.guarantees.check_get(op, key, options)?;
        let name = self.names.of(op, key)?;
        let mut tried = 0;
        loop {
            tried += 1;
            let got = match self.layout_of(key) {
                Layout::Plain => self.get_once(op, key, &name, options).await,
                Layout::Record => Box::pin(record::get(self, op, key, &name, options)).await,
            };
            match got {
                // What was damaged on its way is whole the next time; what is damaged where it lies is not.
                Err(error) if error.is(ErrorKind::Corrupt) && tried < DAMAGED => {}
                // A part of a record that was replaced between two requests.
                Err(error) if error.is(ErrorKind::Conflict) && options.only.is_none() && tried < REPLACED => {
                }
                got => return got,
            }
        }
    }

    async fn get_once(&self, op: Op, key: &Key, name: &str, options: &GetOptions) -> Result<Got<Bytes>> {
        let found = match self.find(op, key, name, options).await? {
            Sought::Found(found) => found,
            Sought::Got(got) => return Ok(got),
        };
        let Found { object, body, live } = found;
        let len = options
            .range
            .map_or(Ok(object.size), |range| range.resolve(object.size).map(|r| r.end - r.start))?;
        let body = self.whole(op, &options.call, &live, body, len).await?;
        Ok(Got::found(object.into_meta(key), body))
    }

    /// Asks for a plain value, and decides what the answer means for the caller.
    pub(super) async fn find<B>(
        &self,
        op: Op,
        key: &Key,
        name: &str,
        options: &GetOptions,
    ) -> Result<Sought<B>> {
        let answer = match self.ask(op, &options.call, name, &Ask::of(options, self.env.wall())).await? {
            Ok(answer) => answer,
            Err(failure) if failure.is(416) => {
                return Box::pin(self.past_the_end(op, options, name, failure)).await;
            }
            Err(failure) if failure.is(412) => {
                return Box::pin(self.not_only(op, &options.call, key, name)).await.map(Sought::Got);
            }
            Err(failure) => return Err(failure.into()),
        };
        let found = match answer {
            Answer::Found(found) => found,
            Answer::Absent => return Ok(Sought::Got(Got::Absent)),
            Answer::Unchanged => return Ok(Sought::Got(self.unchanged(key, options.unless.as_ref()))),
        };
        if found.object.is_expired(self.env.wall()) {
            return Ok(Sought::Got(Got::Absent));
        }
        if !options.admits(&found.object.version())? {
            return Ok(Sought::Got(Got::Unchanged(found.object.into_meta(key))));
        }
        Ok(Sought::Found(found))
    }

    /// A range past the end of a value; of an expired one there is none.
    async fn past_the_end<B>(
        &self,
        op: Op,
        options: &GetOptions,
        name: &str,
        failure: Failure,
    ) -> Result<Sought<B>> {
        match self.look(op, &options.call, name, &Ask::default()).await?? {
            Answer::Found(object) if !object.is_expired(self.env.wall()) => {
                Err(Error::range_not_satisfiable(op, failure.more.unwrap_or(object.size)))
            }
            _ => Ok(Sought::Got(Got::Absent)),
        }
    }

    /// The service says that a value is what the asker has. It says nothing more, and the asker knows the rest.
    pub(super) fn unchanged<B>(&self, key: &Key, unless: Option<&Version>) -> Got<B> {
        let mut meta = Meta::new(key.clone());
        meta.version = unless.cloned();
        Got::Unchanged(meta)
    }

    /// The value has not the only version wanted: a conflict, unless what is there has expired.
    pub(super) async fn not_only<B>(&self, op: Op, call: &Call, key: &Key, name: &str) -> Result<Got<B>> {
        match self.current(op, call, key, name).await? {
            Some(now) if !now.expired => {
                let why = "the value has another version than the only one wanted";
                Err(Error::new(ErrorKind::Conflict, op, why).with_current(Some(now.version)))
            }
            _ => Ok(Got::Absent),
        }
    }

    /// What is known about a value.
    pub(super) async fn head(&self, op: Op, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        self.guarantees.check_key(op, key)?;
        let name = self.names.of(op, key)?;
        if self.layout_of(key) == Layout::Record {
            return record::head(self, op, key, &name, options).await;
        }
        let ask = Ask {
            range: None,
            if_match: etag(&options.only),
            if_none_match: standing(&options.unless, self.env.wall()),
        };
        let object = match self.look(op, &options.call, &name, &ask).await? {
            Ok(Answer::Found(object)) => object,
            Ok(Answer::Absent) => return Ok(Got::Absent),
            Ok(Answer::Unchanged) => return Ok(self.unchanged(key, options.unless.as_ref())),
            Err(failure) if failure.is(412) => return self.not_only(op, &options.call, key, &name).await,
            Err(failure) => return Err(failure.into()),
        };
        if object.is_expired(self.env.wall()) {
            return Ok(Got::Absent);
        }
        match options.admits(&object.version())? {
            true => Ok(Got::found(object.into_meta(key), ())),
            false => Ok(Got::Unchanged(object.into_meta(key))),
        }
    }
}

/// What became of a question for a value.
pub(super) enum Sought<B> {
    Found(Found),
    Got(Got<B>),
}

/// How often a value is asked for whose bytes are not what their checksum says.
const DAMAGED: u32 = 3;
/// How often a part of a record is asked for that is replaced meanwhile.
const REPLACED: u32 = 100;

/// The most room that is made at once for a body of which only the length is known.
const ROOM: usize = 32 << 20;

/// A body that broke off, or was not what was stored.
pub(super) fn cut(op: Op, error: &(dyn std::error::Error + 'static)) -> Error {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(aws_smithy_checksums::body::validate::Error::ChecksumMismatch { .. }) =
            error.downcast_ref()
        {
            let why = "what came is not what was stored: its checksum is another one";
            return Error::new(ErrorKind::Corrupt, op, why);
        }
        next = error.source();
    }
    Error::new(ErrorKind::Unavailable, op, format!("the value broke off on its way: {error}"))
}
