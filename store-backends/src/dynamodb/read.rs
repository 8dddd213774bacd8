//! Reading values.

use std::sync::Arc;

use bytes::Bytes;
use larder_store_core::{ErrorKind, GetOptions, Got, HeadOptions, Key, Op, Result};

use super::chunks::Reader;
use super::item::{self, BODY, Found, HEAD, Item};
use super::single::Single;

/// How often a value is asked for whose chunks go away while it is read.
const REPLACED: u32 = 100;

/// What a get needs of an item.
pub(super) const RECORD: &str = "h, b";

/// A value that was found, and is to be given.
pub(super) struct Value {
    pub(super) pk: String,
    pub(super) found: Found,
    /// The body of a small one.
    body: Bytes,
}

/// What a head means to a caller.
pub(super) enum Sought<B> {
    Value(Value),
    Got(Got<B>),
}

impl Single {
    /// A whole value, or a part of it.
    pub(super) async fn get(&self, op: Op, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.wire.guarantees.check_get(op, key, options)?;
        let mut tried = 0;
        loop {
            tried += 1;
            let pk = self.wire.home(op, &options.call, key, false).await?;
            let item =
                self.wire.fetch(op, &options.call, item::key(&*pk, key.as_bytes()), Some(RECORD)).await?;
            match self.give(op, key, pk, item, options).await {
                // A large value that was replaced between head and chunks.
                Err(error) if error.is(ErrorKind::Conflict) && options.only.is_none() && tried < REPLACED => {
                }
                got => return got,
            }
        }
    }

    /// What the caller gets of an item.
    pub(super) async fn give(
        &self,
        op: Op,
        key: &Key,
        pk: String,
        item: Option<Item>,
        options: &GetOptions,
    ) -> Result<Got<Bytes>> {
        let value = match self.seek(op, key, pk, item, options)? {
            Sought::Value(value) => value,
            Sought::Got(got) => return Ok(got),
        };
        let raw_len = value.found.head.raw_len;
        let range =
            options.range.map_or(Ok(0..raw_len), |range| range.resolve(raw_len)).map_err(|e| e.during(op))?;
        let stored = value.found.stored_size();
        let body = match self.reader(op, &value, options) {
            Some(reader) => Box::pin(reader.value(range)).await?,
            None => small(&value)?.slice(range.start as usize..range.end as usize),
        };
        Ok(Got::found(value.found.head.into_meta(stored), body))
    }

    /// Decides what an item means to a read.
    pub(super) fn seek<B>(
        &self,
        op: Op,
        key: &Key,
        pk: String,
        item: Option<Item>,
        options: &GetOptions,
    ) -> Result<Sought<B>> {
        let Some(mut item) = item else { return Ok(Sought::Got(Got::Absent)) };
        let found = Found::of(op, &item, Some(key))?;
        if found.head.is_expired(self.wire.env.wall()) {
            return Ok(Sought::Got(Got::Absent));
        }
        if !options.admits(&found.head.version())? {
            let stored = found.stored_size();
            return Ok(Sought::Got(Got::Unchanged(found.head.into_meta(stored))));
        }
        let body = item::take(&mut item, BODY).unwrap_or_default();
        Ok(Sought::Value(Value { pk, found, body }))
    }

    /// Who reads the chunks of a value; `None` for one without.
    pub(super) fn reader(&self, op: Op, value: &Value, options: &GetOptions) -> Option<Reader> {
        // First: most values have none, and nothing is copied for them.
        let chunks = value.found.chunks()?;
        Some(Reader {
            wire: self.wire.clone(),
            retries: self.retries.clone(),
            op,
            call: options.call.clone(),
            pk: value.pk.clone(),
            head: Arc::new(value.found.head.clone()),
            chunks,
        })
    }

    /// What is known about a value.
    pub(super) async fn head(&self, op: Op, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let wire = &self.wire;
        wire.guarantees.check_key(op, key)?;
        let pk = wire.home(op, &options.call, key, false).await?;
        let item = wire.fetch(op, &options.call, item::key(pk, key.as_bytes()), Some(HEAD)).await?;
        let Some(item) = item else { return Ok(Got::Absent) };
        let found = Found::of(op, &item, Some(key))?;
        if found.head.is_expired(wire.env.wall()) {
            return Ok(Got::Absent);
        }
        let unchanged = !options.admits(&found.head.version())?;
        let stored = found.stored_size();
        let meta = found.head.into_meta(stored);
        Ok(if unchanged { Got::Unchanged(meta) } else { Got::found(meta, ()) })
    }
}

/// The value in an item, verified.
pub(super) fn small(value: &Value) -> Result<Bytes> {
    let len = value.found.head.open(&value.body)?.len();
    Ok(value.body.slice(..len))
}
