//! Reading a value as a stream.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use larder_store_core::{
    ByteRange, ByteStream, Error, ErrorKind, Fill, GetOptions, Got, Key, Meta, Op, Result, derived,
};

use super::origin::stale;
use super::{View, answer, named, served, wants_other};
use crate::clocks::Asked;
use crate::entry::{Entry, Said};
use crate::fence::Stamp;
use crate::front::{Front, LookNow, not_in_fronts};
use crate::policy::{Need, Verdict, Wish};
use crate::stack::Stack;

/// Values up to this many bytes are kept by the fronts when they were read to the end as a stream.
pub(crate) const KEPT_FROM_STREAMS: u64 = 8 << 20;

impl Stack {
    /// Reads a value as a stream of one version.
    pub(crate) async fn get_stream(
        self: &Arc<Self>,
        key: &Key,
        options: &GetOptions,
    ) -> Result<Got<ByteStream>> {
        let op = Op::GetStream;
        self.begin(op, &options.call)?;
        self.guarantees.check_get(op, key, options).map_err(|e| e.at(&self.id))?;
        if key.is_system() {
            return self.origin.get_stream_opts(key, options).await;
        }
        self.revive_later();
        let wish = self.policy.wish(key, options.consistency);
        let view = self.view(key);
        if wish.need != Need::Origin {
            for front in self.fronts() {
                match self.stream_from(&view, front, key, options, &wish).await? {
                    Some(got) => {
                        front.counts.hits.add();
                        return Ok(got);
                    }
                    None => front.counts.misses.add(),
                }
            }
        }
        if wish.fronts_only {
            return Err(not_in_fronts(op).at(&self.id).on(key));
        }
        self.tend(&view);
        let asked = self.clocks.asked();
        self.counts.origin_reads.add();
        let got = self.origin.get_stream_opts(key, &options.clone().with_consistency(wish.below)).await;
        self.note(&got);
        let got = got.map_err(named(self, op, key))?;
        let stamp = match options.range.is_none() && options.fill != Fill::Never && !stale(&got) {
            true => view.table.fill(&view.lease),
            false => None,
        };
        let got = self.told(got);
        Ok(match (got, stamp) {
            (Got::Found { meta, body, served }, Some(stamp)) => {
                let asked = served.age.map_or(asked, |age| asked.earlier(age));
                let body = self.copying(key, &meta, body, stamp, asked);
                Got::Found { meta, body, served }
            }
            (got, _) => got,
        })
    }

    /// The answer of a front, if it can be served.
    async fn stream_from(
        self: &Arc<Self>,
        view: &View,
        front: &Front,
        key: &Key,
        options: &GetOptions,
        wish: &Wish,
    ) -> Result<Option<Got<ByteStream>>> {
        let large = match front.look_now(key) {
            LookNow::Nothing => return Ok(None),
            LookNow::Found(entry) => {
                if !view.table.serves(&view.lease, &entry.stamp) {
                    return Ok(None);
                }
                let Verdict::Serve(age) = wish.judge(&entry, &self.clocks) else { return Ok(None) };
                let got = answer(&entry, options, served(front.number, age));
                return Ok(got.map_err(|e| e.at(&self.id).on(key))?.map(|got| got.map(derived::pieces)));
            }
            LookNow::Ask => match front.look_head(key).await {
                Some(large) => large,
                None => return Ok(None),
            },
        };
        if !view.table.serves(&view.lease, &large.entry.stamp) {
            return Ok(None);
        }
        let Verdict::Serve(age) = wish.judge(&large.entry, &self.clocks) else { return Ok(None) };
        let Said::Value(meta, _) = &large.entry.said else { return Ok(Some(Got::Absent)) };
        if wants_other(options.only.as_ref(), meta.version.as_ref()) {
            return Ok(None);
        }
        if options.unless.is_some() && options.unless == meta.version {
            return Ok(Some(Got::Unchanged(meta.clone())));
        }
        let (Some(size), Some(_)) = (meta.size, &meta.version) else { return Ok(None) };
        let wanted = match options.range {
            Some(range) => range.resolve(size).map_err(|e| e.at(&self.id).on(key))?,
            None => 0..size,
        };
        let Some(body) = front.stream(&large, wanted.clone()).await else { return Ok(None) };
        let resumed = Resumed {
            stack: self.clone(),
            key: key.clone(),
            meta: meta.clone(),
            options: options.clone(),
            front: Some(front.number),
            body,
            at: wanted.start,
            end: wanted.end,
        };
        let got =
            Got::Found { meta: meta.clone(), body: resumed.stream(), served: served(front.number, age) };
        Ok(Some(got))
    }

    /// Passes a stream of the origin on, and keeps the value if it comes to its end and is no larger than
    /// [`KEPT_FROM_STREAMS`].
    fn copying(
        self: &Arc<Self>,
        key: &Key,
        meta: &Meta,
        body: ByteStream,
        stamp: Stamp,
        asked: Asked,
    ) -> ByteStream {
        let Some(size) = meta.size.filter(|size| *size <= KEPT_FROM_STREAMS) else {
            self.fill_lost();
            return body;
        };
        let copy = Copy {
            stack: self.clone(),
            entry: Entry::new(
                stamp,
                self.origin_number,
                asked,
                key.clone(),
                Said::Value(meta.clone(), Bytes::new()),
            ),
            size,
            bytes: BytesMut::new(),
        };
        stream::unfold((body, Some(copy)), |(mut body, mut copy)| async move {
            match body.next().await {
                Some(Ok(piece)) => {
                    if let Some(copy) = &mut copy {
                        copy.bytes.extend_from_slice(&piece);
                    }
                    Some((Ok(piece), (body, copy)))
                }
                Some(Err(error)) => Some((Err(error), (body, None))),
                None => {
                    if let Some(copy) = copy {
                        copy.keep();
                    }
                    None
                }
            }
        })
        .boxed()
    }
}

/// What a stream has brought so far.
struct Copy {
    stack: Arc<Stack>,
    entry: Entry,
    size: u64,
    bytes: BytesMut,
}

impl Copy {
    fn keep(mut self) {
        if self.bytes.len() as u64 == self.size
            && let Said::Value(_, body) = &mut self.entry.said
        {
            *body = self.bytes.freeze();
            self.stack.keep_later(Arc::new(self.entry), u8::MAX);
        }
    }
}

/// A stream of a front. If the front fails in the middle, the origin goes on with the same version.
struct Resumed {
    stack: Arc<Stack>,
    key: Key,
    meta: Meta,
    options: GetOptions,
    /// The front that it comes from, or none any more.
    front: Option<u8>,
    body: ByteStream,
    at: u64,
    end: u64,
}

impl Resumed {
    fn stream(self) -> ByteStream {
        stream::unfold(Some(self), |state| async move {
            let mut this = state?;
            match this.next().await {
                Ok(Some(piece)) => Some((Ok(piece), Some(this))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            self.stack.begin(Op::GetStream, &self.options.call).map_err(|e| e.on(&self.key))?;
            match self.body.next().await {
                Some(Ok(piece)) => {
                    self.at += piece.len() as u64;
                    return Ok(Some(piece));
                }
                None if self.at == self.end => return Ok(None),
                failed => self.resume(failed.and_then(Result::err)).await?,
            }
        }
    }

    async fn resume(&mut self, error: Option<Error>) -> Result<()> {
        let op = Op::GetStream;
        let short = || Error::new(ErrorKind::Corrupt, op, "the stream ended before the value did");
        let error = error.unwrap_or_else(short);
        let Some(number) = self.front.take() else {
            return Err(named(&self.stack, op, &self.key)(error));
        };
        tracing::debug!(tier = number, key = %self.key, %error, "a stream goes on from the origin");
        if let Some(front) = self.stack.fronts.get(usize::from(number)) {
            front.broke_off(&error);
        }
        let mut options = self.options.clone();
        options.range = Some(ByteRange::from(self.at..self.end));
        options.unless = None;
        options.only = self.meta.version.clone();
        self.stack.counts.origin_reads.add();
        let got = self.stack.origin.get_stream_opts(&self.key, &options).await;
        self.stack.note(&got);
        match got.map_err(named(&self.stack, op, &self.key))? {
            Got::Found { body, .. } => self.body = body,
            _ => {
                let gone = Error::new(ErrorKind::Conflict, op, "the value was replaced while it was read");
                return Err(named(&self.stack, op, &self.key)(gone));
            }
        }
        Ok(())
    }
}
