//! Asking a front.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use larder_store_core::{ByteRange, ByteStream, Error, ErrorKind, GetOptions, Got, Key, Op, Store, Version};

use super::Front;
use crate::entry::{Entry, Head, MAX_HEAD, Said};

/// What a front says at once.
pub(crate) enum LookNow {
    /// It has this.
    Found(Arc<Entry>),
    /// It has nothing that can be used.
    Nothing,
    /// It must be asked by [`Front::look`].
    Ask,
}

/// Why nothing can be made of what a front said.
enum Flaw {
    /// It gave an error.
    Refused(Error),
    /// It gave bytes that are no entry.
    Garbled,
}

/// An entry without its value, and where that is.
pub(crate) struct Large {
    pub(crate) entry: Entry,
    /// What the front calls this entry, so that no other one takes its place.
    version: Option<Version>,
    /// Bytes before the value.
    skip: u64,
}

impl Large {
    fn options(&self, range: Range<u64>) -> GetOptions {
        let mut options = GetOptions::new().with_range(range.start + self.skip..range.end + self.skip);
        options.only = self.version.clone();
        options
    }
}

impl Front {
    /// Asks it, without waiting.
    pub(crate) fn look_now(&self, key: &Key) -> LookNow {
        let Some(store) = self.usable() else { return LookNow::Nothing };
        self.consult(store, key).unwrap_or_else(|flaw| {
            self.flawed(key, &flaw);
            LookNow::Nothing
        })
    }

    /// The same for who comes back with [`Front::look_now`] if nobody has an answer: a failure is not counted yet, and a
    /// trial is not used up. `None` where it comes to that.
    #[inline]
    pub(crate) fn peek(&self, key: &Key) -> Option<LookNow> {
        let Some(store) = self.store() else { return Some(LookNow::Nothing) };
        match self.fuse.is_open(&self.env) {
            None => self.consult(store, key).ok(),
            Some(true) => Some(LookNow::Nothing),
            Some(false) => None,
        }
    }

    #[inline]
    fn consult(&self, store: &Arc<dyn Store>, key: &Key) -> Result<LookNow, Flaw> {
        if let Some(objects) = store.objects() {
            return Ok(match objects.get(key).map(Arc::downcast::<Entry>) {
                Some(Ok(entry)) if entry.origin == self.origin => LookNow::Found(entry),
                _ => LookNow::Nothing,
            });
        }
        match store.try_get(key, &self.plain) {
            None => Ok(LookNow::Ask),
            Some(Ok(got)) => {
                self.worked();
                Ok(self.read(key, got)?.map_or(LookNow::Nothing, LookNow::Found))
            }
            Some(Err(error)) => Err(Flaw::Refused(error)),
        }
    }

    /// Asks it.
    pub(crate) async fn look(&self, key: &Key) -> Option<Arc<Entry>> {
        match self.look_now(key) {
            LookNow::Found(entry) => return Some(entry),
            LookNow::Nothing => return None,
            LookNow::Ask => {}
        }
        let store = self.store()?;
        let got = self.ask(key, store.get_opts(key, &self.plain)).await?;
        self.read(key, got).unwrap_or_else(|flaw| {
            self.flawed(key, &flaw);
            None
        })
    }

    /// What it says about a key, without the value. To be asked after [`LookNow::Ask`], which has the leave for it.
    pub(crate) async fn look_head(&self, key: &Key) -> Option<Large> {
        let store = self.store()?;
        let options = GetOptions::new().with_range(0..MAX_HEAD as u64);
        let Got::Found { meta, body, .. } = self.ask(key, store.get_opts(key, &options)).await? else {
            return None;
        };
        let Some(head) = Head::decode(&body, key) else {
            self.counts.corrupt.add();
            return None;
        };
        let said = head.meta.map_or(Said::Absent, |meta| Said::Value(meta, Bytes::new()));
        let entry = Entry::new(head.stamp, head.origin, head.asked, key.clone(), said);
        let large = Large { entry, version: meta.version, skip: head.len as u64 };
        (head.origin == self.origin).then_some(large)
    }

    /// A part of a value, if it is still the one whose head was read.
    pub(crate) async fn part(&self, large: &Large, range: Range<u64>) -> Option<Bytes> {
        let (key, options) = (&large.entry.key, large.options(range));
        self.ask(key, self.store()?.get_opts(key, &options)).await?.into_body()
    }

    /// The same as a stream.
    pub(crate) async fn stream(&self, large: &Large, range: Range<u64>) -> Option<ByteStream> {
        let (key, options) = (&large.entry.key, large.options(range));
        self.ask(key, self.store()?.get_stream_opts(key, &options)).await?.into_body()
    }

    /// Waits for an answer, for as long as a front may take.
    async fn ask<T>(&self, key: &Key, work: impl Future<Output = Result<T, Error>>) -> Option<T> {
        match self.within(work).await {
            Ok(Ok(got)) => {
                self.worked();
                Some(got)
            }
            Ok(Err(error)) => {
                self.refused(key, &error);
                None
            }
            Err(super::TooSlow) => {
                self.too_slow();
                None
            }
        }
    }

    /// An entry from its bytes.
    fn read(&self, key: &Key, got: Got<Bytes>) -> Result<Option<Arc<Entry>>, Flaw> {
        let Got::Found { body, .. } = got else { return Ok(None) };
        let entry = decode(key, body).ok_or(Flaw::Garbled)?;
        Ok((entry.origin == self.origin).then(|| Arc::new(entry)))
    }

    fn flawed(&self, key: &Key, flaw: &Flaw) {
        match flaw {
            Flaw::Refused(error) => self.refused(key, error),
            Flaw::Garbled => self.counts.corrupt.add(),
        }
    }

    /// A key that the front does not take was never put there.
    fn refused(&self, key: &Key, error: &Error) {
        // Nor is it a failure that another entry took the place of the one that was being read.
        let harmless =
            matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Invalid | ErrorKind::Conflict);
        if harmless {
            // An answer is an answer: the front works.
            return self.worked();
        }
        tracing::debug!(tier = self.number, %key, %error, "a front could not be read");
        self.failed(error);
    }
}

fn decode(key: &Key, bytes: Bytes) -> Option<Entry> {
    let head = Head::decode(&bytes, key)?;
    let said = match head.meta {
        None if bytes.len() == head.len => Said::Absent,
        None => return None,
        Some(meta) => {
            let body = bytes.slice(head.len..);
            if meta.size.is_some_and(|size| size != body.len() as u64) {
                return None;
            }
            Said::Value(meta, body)
        }
    };
    Some(Entry::new(head.stamp, head.origin, head.asked, key.clone(), said))
}

/// The error of a read for which no front had an answer, and the origin may not be asked.
pub(crate) fn not_in_fronts(op: Op) -> Error {
    Error::new(ErrorKind::Unavailable, op, "no front has an answer, and the origin may not be asked")
        .hint("ask with another consistency, or a stack with another read policy")
}

/// A part of an entry's value.
pub(crate) fn part(body: &Bytes, range: Option<ByteRange>) -> Result<Bytes, Error> {
    Ok(match range {
        None => body.clone(),
        Some(range) => {
            let range = range.resolve(body.len() as u64)?;
            body.slice(range.start as usize..range.end as usize)
        }
    })
}
