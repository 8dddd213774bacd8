//! Writing values: short ones in their record, long ones in parts.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder_store_core::record::Head;
use larder_store_core::{
    ByteStream, DeleteItem, Deleted, Durability, Error, ErrorKind, Key, Op, PutOptions, Removed, Result,
    WriteId, Written,
};

use super::error;
use super::handle::Handle;
use super::read::stored;
use super::upload::{Upload, WriteSpec};
use super::writer::{Change, Done};

/// A write that is ready to be made, and what guards its parts until then.
pub(super) struct Ready {
    pub(super) change: Change,
    pub(super) upload: Option<Upload>,
    pub(super) written: Written,
}

impl Handle {
    /// How long a write of this store lasts.
    pub(super) fn durability(&self) -> Durability {
        self.guarantees.durability
    }

    /// Checks the options of a put.
    pub(super) fn spec(
        &self,
        op: Op,
        key: &Key,
        options: &PutOptions,
        size: Option<u64>,
    ) -> Result<WriteSpec> {
        self.guarantees.check_put(op, key, options, size)?;
        self.check_largest(op, size.unwrap_or(0))?;
        let write_id = options.write_id.unwrap_or_else(|| WriteId::random(&self.env));
        Ok(WriteSpec { op, key: key.clone(), options: options.clone(), write_id })
    }

    /// Makes the record of a value, and uploads a long one.
    pub(super) async fn ready(self: &Arc<Handle>, spec: &WriteSpec, value: &Bytes) -> Result<Ready> {
        if value.len() <= self.shared.settings.inline() {
            return self.inline(spec, value);
        }
        let mut upload = Upload::begin(self.clone(), spec);
        upload.push(value).await?;
        self.uploaded(spec, upload).await
    }

    fn inline(&self, spec: &WriteSpec, value: &[u8]) -> Result<Ready> {
        let head = spec.head(self);
        let record = head.encode_with(value)?;
        let written = self.written(&head, record.len());
        Ok(Ready { change: spec.change(&head, record), upload: None, written })
    }

    async fn uploaded(&self, spec: &WriteSpec, mut upload: Upload) -> Result<Ready> {
        let (change, record) = upload.finish(spec).await?;
        let written = self.written(upload.head(), record);
        Ok(Ready { change, upload: Some(upload), written })
    }

    /// What the writer of a value is told.
    fn written(&self, head: &Head, record: usize) -> Written {
        Written::new(head.version(), head.write_id, self.durability())
            .with_facts(head.modified, Some(stored(head.key.len(), record, head)))
    }

    /// Makes a write.
    pub(super) async fn make(&self, spec: &WriteSpec, ready: Ready) -> Result<Written> {
        let Ready { change, upload, written } = ready;
        let made = self.submit_one(spec.op, &spec.options.call, change).await;
        if let Some(upload) = upload {
            upload.done(&made);
        }
        made.map(|_| written)
    }

    /// Writes a value.
    pub(super) async fn put(
        self: &Arc<Handle>,
        op: Op,
        key: &Key,
        value: &Bytes,
        options: &PutOptions,
    ) -> Result<Written> {
        self.begin(op, &options.call)?;
        let spec = self.spec(op, key, options, Some(value.len() as u64))?;
        let ready = self.ready(&spec, value).await?;
        self.make(&spec, ready).await
    }

    /// Writes a value from a stream.
    pub(super) async fn put_stream(
        self: &Arc<Handle>,
        op: Op,
        key: &Key,
        body: ByteStream,
        options: &PutOptions,
    ) -> Result<Written> {
        self.begin(op, &options.call)?;
        let spec = self.spec(op, key, options, options.size_hint)?;
        // What is read of the stream is visible nowhere: given up in here, nothing was changed.
        let read = self.read_stream(&spec, body);
        let ready = options.call.guard(&self.env, op, read).await?;
        self.begin(op, &options.call)?;
        self.make(&spec, ready).await
    }

    async fn read_stream(self: &Arc<Handle>, spec: &WriteSpec, mut body: ByteStream) -> Result<Ready> {
        let mut short = Vec::new();
        let mut long: Option<Upload> = None;
        while let Some(piece) = body.try_next().await? {
            self.begin(spec.op, &spec.options.call)?;
            let so_far = long.as_ref().map_or(short.len() as u64, Upload::len);
            self.check_length(spec, so_far + piece.len() as u64, false)?;
            if long.is_none() && short.len() + piece.len() > self.shared.settings.inline() {
                let mut upload = Upload::begin(self.clone(), spec);
                upload.push(&std::mem::take(&mut short)).await?;
                long = Some(upload);
            }
            match &mut long {
                Some(upload) => upload.push(&piece).await?,
                None => short.extend_from_slice(&piece),
            }
        }
        let total = long.as_ref().map_or(short.len() as u64, Upload::len);
        self.check_length(spec, total, true)?;
        match long {
            Some(upload) => self.uploaded(spec, upload).await,
            None => self.inline(spec, &short),
        }
    }

    /// Refuses a value that would take too much of a cache.
    fn check_largest(&self, op: Op, size: u64) -> Result<()> {
        let largest = self.shared.settings.largest();
        if size > largest { Err(error::too_large(op, size, largest)) } else { Ok(()) }
    }

    /// Refuses a stream that brings more than it may, or at its end, other than it said.
    fn check_length(&self, spec: &WriteSpec, len: u64, is_end: bool) -> Result<()> {
        self.guarantees.check_size(spec.op, len)?;
        self.check_largest(spec.op, len)?;
        match spec.options.size_hint {
            Some(hint) if len > hint || (is_end && len < hint) => {
                let how = if is_end { "brought" } else { "brings at least" };
                let why = format!("the size hint says {hint} bytes, and the stream {how} {len}");
                Err(Error::new(ErrorKind::Invalid, spec.op, why))
            }
            _ => Ok(()),
        }
    }

    /// The change that removes a value.
    pub(super) fn deletion(&self, op: Op, item: &DeleteItem) -> Result<Change> {
        self.guarantees.check_delete(op, &item.key, item.only.is_some())?;
        Ok(Change::Delete { op, key: item.key.clone(), only: item.only.clone() })
    }
}

/// What a delete did.
pub(super) fn removed(done: Done) -> Removed {
    Removed::new(if done == Done::Removed(true) { Deleted::Yes } else { Deleted::No })
}
