//! Reading objects.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use google_cloud_storage::model_ext::ReadRange;
use google_cloud_storage::read_object::ReadObjectResponse as Body;
use larder_store_core::{
    ByteRange, Call, Error, ErrorKind, GetOptions, Got, HeadOptions, Key, Meta, Op, Result, Version,
};

use super::client::Live;
use super::error::{Failure, Said, failure};
use super::object::{Object, generation};
use super::wire::Wire;

/// An object that was found, and the bytes that come.
pub(super) struct Found {
    pub(super) object: Object,
    pub(super) body: Body,
    pub(super) live: Arc<Live>,
}

/// What became of a question for a value.
pub(super) enum Sought<B> {
    Found(Found),
    Got(Got<B>),
}

/// How often a value is asked for whose bytes are not what their checksum says.
const DAMAGED: u32 = 3;
/// How often an object is asked for that is replaced before all is known about it.
const REPLACED: u32 = 100;

/// The most room that is made at once for a body of which only the length is known.
const ROOM: usize = 32 << 20;

/// A range as the crate wants it.
fn part(range: ByteRange) -> ReadRange {
    // The crate counts in signed numbers; behind this there is no byte of any object.
    let within = |at: u64| at.min(1 << 53);
    match range {
        ByteRange::Bounded { start, end } => ReadRange::segment(within(start), within(end - start)),
        ByteRange::From(start) => ReadRange::offset(within(start)),
        ByteRange::Suffix(bytes) => ReadRange::tail(within(bytes)),
    }
}

/// Which object is asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ask {
    range: Option<ByteRange>,
    only: Option<i64>,
    unless: Option<i64>,
    /// Not the live one.
    generation: Option<i64>,
}

impl Wire {
    /// Asks for an object's bytes.
    async fn ask(
        &self,
        op: Op,
        call: &Call,
        name: &str,
        ask: &Ask,
    ) -> Result<Result<(Body, Arc<Live>), Failure>> {
        let (live, client) = self.storage(op, call).await?;
        let mut request = client.read_object(self.bucket.as_str(), name);
        if let Some(range) = ask.range {
            request = request.set_read_range(part(range));
        }
        if let Some(only) = ask.only {
            request = request.set_if_generation_match(only);
        }
        if let Some(unless) = ask.unless {
            request = request.set_if_generation_not_match(unless);
        }
        if let Some(generation) = ask.generation {
            request = request.set_generation(generation);
        }
        let got = self.read(op, call, &live, request.send()).await?;
        Ok(got.map(|body| (body, live)))
    }

    /// Asks what is known about an object, expired or not; of the live generation, or of one.
    pub(super) async fn look(
        &self,
        op: Op,
        call: &Call,
        name: &str,
        generation: Option<i64>,
    ) -> Result<Option<Object>> {
        let (live, client) = self.control(op, call).await?;
        let request = client
            .get_object()
            .set_bucket(self.bucket.as_str())
            .set_object(name)
            .set_generation(generation.unwrap_or(0))
            .send();
        match self.read(op, call, &live, request).await? {
            Ok(object) => Object::of(&object).map(Some),
            Err(failure) if self.is_absent(op, call, &failure).await? => Ok(None),
            Err(failure) => Err(failure.into()),
        }
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
                cut(op, e)
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
            match self.get_once(op, key, &name, options, None).await {
                // What was damaged on its way is whole the next time; what is damaged where it lies is not.
                Err(error) if error.is(ErrorKind::Corrupt) && tried < DAMAGED => {}
                got => return got,
            }
        }
    }

    pub(super) async fn get_once(
        &self,
        op: Op,
        key: &Key,
        name: &str,
        options: &GetOptions,
        generation: Option<i64>,
    ) -> Result<Got<Bytes>> {
        let found = match self.find(op, key, name, options, generation).await? {
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

    /// Asks for a value, the live one or that of a generation, and decides what the answer means for the caller.
    pub(super) async fn find<B>(
        &self,
        op: Op,
        key: &Key,
        name: &str,
        options: &GetOptions,
        of: Option<i64>,
    ) -> Result<Sought<B>> {
        let (call, now) = (&options.call, self.env.wall());
        // That the value of an expired version is unchanged would say nothing.
        let unless = options.unless.as_ref().filter(|unless| unless.expires().is_none_or(|at| at > now));
        let ask = Ask {
            range: options.range,
            // An older one that is asked for may be compared when it is here.
            only: options.only.as_ref().filter(|_| of.is_none()).and_then(generation),
            unless: unless.filter(|_| of.is_none()).and_then(generation),
            generation: of,
        };
        for _ in 0..REPLACED {
            let (body, live) = match self.ask(op, call, name, &ask).await? {
                Ok(found) => found,
                Err(failure) => {
                    return match failure.said {
                        Said::NotModified => Ok(Sought::Got(self.unchanged(key, options.unless.as_ref()))),
                        Said::Precondition => Box::pin(self.not_only(op, call, name)).await.map(Sought::Got),
                        Said::Range(size) => {
                            Box::pin(self.past_the_end(op, call, name, of, size)).await.map(Sought::Got)
                        }
                        _ if self.is_absent(op, call, &failure).await? => Ok(Sought::Got(Got::Absent)),
                        _ => Err(failure.into()),
                    };
                }
            };
            let told = body.object();
            let object = match Object::of_get(&told)? {
                Some(object) => object,
                // Not Larder's, or the answer does not tell: the object is asked for itself.
                None => match Box::pin(self.look(op, call, name, Some(told.generation))).await? {
                    Some(object) => object,
                    None => continue,
                },
            };
            if of.is_none() && object.is_expired(self.env.wall()) {
                return Ok(Sought::Got(Got::Absent));
            }
            if !options.admits(&object.version())? {
                return Ok(Sought::Got(Got::Unchanged(object.into_meta(key))));
            }
            return Ok(Sought::Found(Found { object, body, live }));
        }
        let why = format!("the object was replaced {REPLACED} times while it was looked at");
        Err(Error::new(ErrorKind::Unavailable, op, why))
    }

    /// A range past the end of a value; of an expired one there is none.
    async fn past_the_end<B>(
        &self,
        op: Op,
        call: &Call,
        name: &str,
        of: Option<i64>,
        size: Option<u64>,
    ) -> Result<Got<B>> {
        match self.look(op, call, name, of).await? {
            Some(object) if of.is_some() || !object.is_expired(self.env.wall()) => {
                Err(Error::range_not_satisfiable(op, size.unwrap_or(object.size)))
            }
            _ => Ok(Got::Absent),
        }
    }

    /// The service says that a value is what the asker has. It says nothing more, and the asker knows the rest.
    fn unchanged<B>(&self, key: &Key, unless: Option<&Version>) -> Got<B> {
        let mut meta = Meta::new(key.clone());
        meta.version = unless.cloned();
        Got::Unchanged(meta)
    }

    /// The value has not the only version wanted: a conflict, unless what is there has expired.
    async fn not_only<B>(&self, op: Op, call: &Call, name: &str) -> Result<Got<B>> {
        match self.look(op, call, name, None).await? {
            Some(object) if !object.is_expired(self.env.wall()) => {
                let why = "the value has another version than the only one wanted";
                Err(Error::new(ErrorKind::Conflict, op, why).with_current(Some(object.version())))
            }
            _ => Ok(Got::Absent),
        }
    }

    /// What is known about a value.
    pub(super) async fn head(&self, op: Op, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        self.guarantees.check_key(op, key)?;
        let name = self.names.of(op, key)?;
        // One answer has everything, so what is wanted is compared here.
        let Some(object) = self.look(op, &options.call, &name, None).await? else {
            return Ok(Got::Absent);
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

/// A body that broke off, or was not what was stored.
pub(super) fn cut(op: Op, error: google_cloud_storage::Error) -> Error {
    let failed = failure(op, false, error).error;
    match failed.is(ErrorKind::Corrupt) {
        true => failed,
        false => {
            let why = format!("the value broke off on its way: {}", failed.why());
            Error::new(ErrorKind::Unavailable, op, why)
        }
    }
}
