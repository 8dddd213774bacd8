//! Writing large values: chunks first, then the head that they are reached by.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use larder_store_core::record::{Head, Parts, Sealer, body_len};
use larder_store_core::{
    ByteStream, Call, Error, ErrorKind, Key, Op, Precondition, PutOptions, Result, WriteId, Written,
};

use super::condition::{Condition, Refused, refused};
use super::item::{self, CHUNK};
use super::name::SetId;
use super::put::Draft;
use super::register::{Fence, Set};
use super::single::Single;
use crate::sending::{Sending, unseen};

/// How many chunks more a set is entered for, where nobody knows how many there will be.
const AHEAD: u32 = 64;
/// After how long a writer says that it lives.
const REFRESH: Duration = Duration::from_secs(60);

/// Writes a value that is larger than fits the item of its key.
pub(super) async fn put_stream(
    single: &Single,
    op: Op,
    key: &Key,
    body: ByteStream,
    options: &PutOptions,
) -> Result<Written> {
    let upload = begin(single, op, key, body, options).await?;
    upload.finish(options).await
}

/// Writes the chunks of a value, and nothing that anybody sees.
pub(super) async fn begin<'a>(
    single: &'a Single,
    op: Op,
    key: &Key,
    body: ByteStream,
    options: &'a PutOptions,
) -> Result<Uploaded<'a>> {
    let wire = &single.wire;
    wire.guarantees.check_put(op, key, options, options.size_hint)?;
    let mut head = wire.head_for(key, options);
    let mut id = SetId::default();
    wire.env.fill_random(&mut id);
    head.parts = Some(Parts { id, part_len: CHUNK });
    // What is surely too long for a record is refused before anything is sent.
    head.encode()?;
    let pk = wire.home(op, &options.call, key, true).await?;
    worth_it(single, op, key, &pk, head.write_id, options).await?;
    let upload = Upload::begin(single, op, &options.call, pk, &head, options.size_hint).await?;
    head.raw_len = upload.fill(&head, body, options.size_hint).await?;
    let draft = Draft::new(upload.pk.clone(), head, None, wire)?;
    Ok(Uploaded { upload, draft })
}

/// Refuses a value whose precondition does not hold as it is: its chunks would be written, and paid for, in vain. What
/// decides is the head, at the end.
async fn worth_it(
    single: &Single,
    op: Op,
    key: &Key,
    pk: &str,
    id: WriteId,
    options: &PutOptions,
) -> Result<()> {
    let (wire, pre, call) = (&single.wire, &options.pre, &options.call);
    if *pre == Precondition::Any {
        return Ok(());
    }
    let now = wire.env.wall();
    Condition::of(op, pre, now)?;
    let current = single.retries.run(op, call, |_| wire.in_the_way(op, call, key, pk, None)).await?;
    let standing =
        current.as_ref().filter(|found| !found.head.is_expired(now)).map(|found| found.head.version());
    if pre.check(op, standing.as_ref()).is_ok() {
        return Ok(());
    }
    match refused(op, pre, Some(id), now, current) {
        Refused::Error(error) if error.is(ErrorKind::Conflict) => Err(error),
        _ => Ok(()),
    }
}

/// A set of chunks that is being written. Dropped before its head was sent, it is removed.
struct Upload<'a> {
    single: &'a Single,
    op: Op,
    call: &'a Call,
    pk: String,
    id: SetId,
    expires: Option<std::time::SystemTime>,
    /// What the register says.
    bound: AtomicU32,
    /// Chunks that were begun.
    begun: AtomicU32,
    /// When the register was last written, in nanoseconds of the clock since boot.
    refreshed: AtomicU64,
    /// Requests that got no answer: they may still land.
    open: AtomicU32,
    /// The head was sent, and nobody knows that it was refused.
    over: AtomicBool,
}

/// Chunks that are all written, and the head that is not.
pub(super) struct Uploaded<'a> {
    upload: Upload<'a>,
    pub(super) draft: Draft,
}

impl Uploaded<'_> {
    /// Puts the head.
    async fn finish(self, options: &PutOptions) -> Result<Written> {
        let (op, call) = (self.upload.op, self.upload.call);
        let mut attempts = self.upload.single.retries.attempts(call);
        loop {
            let error = match self.send(options).await {
                Ok(written) => return Ok(written),
                Err(error) => error,
            };
            // The chunks are there: what surely did nothing is sent again by itself.
            if !(error.kind().is_retryable() && error.settled()) {
                return Err(error);
            }
            attempts.again(op, error).await?;
        }
    }

    async fn send(&self, options: &PutOptions) -> Result<Written> {
        let upload = &self.upload;
        let fence = upload.fence().await?;
        self.set_over(true);
        let item = self.draft.item.clone();
        let done =
            upload.single.swap(upload.op, upload.call, &options.pre, &self.draft, item, Some(&fence)).await;
        let in_vain = match &done {
            Ok(swapped) => swapped.other,
            Err(error) => error.settled() && !error.is(ErrorKind::Unknown),
        };
        self.set_over(!in_vain);
        done.map(|swapped| swapped.written)
    }

    /// What must hold when the head is sent: asked for right before.
    pub(super) async fn fence(&self) -> Result<Fence> {
        self.upload.fence().await
    }

    /// Says whether the head may be there from now on.
    pub(super) fn set_over(&self, over: bool) {
        self.upload.over.store(over, Ordering::Relaxed);
    }
}

impl<'a> Upload<'a> {
    /// Enters the set in the register.
    async fn begin(
        single: &'a Single,
        op: Op,
        call: &'a Call,
        pk: String,
        head: &Head,
        hint: Option<u64>,
    ) -> Result<Upload<'a>> {
        let id = head.parts.map_or_else(SetId::default, |parts| parts.id);
        let bytes = hint.map(body_len);
        let bound =
            bytes.map_or(AHEAD, |bytes| bytes.div_ceil(u64::from(CHUNK)).try_into().unwrap_or(u32::MAX));
        let upload = Upload {
            single,
            op,
            call,
            pk,
            id,
            expires: head.expires,
            bound: AtomicU32::new(bound),
            begun: AtomicU32::new(0),
            refreshed: AtomicU64::new(0),
            open: AtomicU32::new(0),
            over: AtomicBool::new(false),
        };
        let owner = (upload.pk.clone(), head.key.as_bytes().to_vec());
        let set = Set { id, owner, seen: 0, dead: None, bound, bytes };
        let (wire, set, expires) = (&single.wire, &set, head.expires);
        upload.noted(|| wire.enter(op, call, set, expires)).await?;
        Ok(upload)
    }

    /// Writes to the register, and remembers when that was begun.
    async fn noted<'f, F>(&self, write: impl Fn() -> F + Send + Sync + 'f) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send + 'f,
    {
        let env = &self.single.wire.env;
        let now = env.boot();
        self.answered(write).await?;
        self.refreshed.store(now.as_nanos() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Sends something until it is answered, and counts it as open as long as it is not.
    async fn answered<'f, F>(&self, write: impl Fn() -> F + Send + Sync + 'f) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send + 'f,
    {
        let write = &write;
        let sent = self.single.retries.run(self.op, self.call, |_| async move {
            self.open.fetch_add(1, Ordering::Relaxed);
            let done = write().await;
            if !done.as_ref().is_err_and(|error| !error.settled()) {
                self.open.fetch_sub(1, Ordering::Relaxed);
            }
            done
        });
        sent.await.map_err(|error| unseen(&self.single.wire.env, self.call, error))
    }

    /// Says that this writer lives, unless it just did, and what it may write.
    async fn refresh(&self, bound: u32) -> Result<()> {
        let wire = &self.single.wire;
        let since = wire.env.boot().saturating_sub(self.refreshed());
        if since < REFRESH && bound <= self.bound.load(Ordering::Relaxed) {
            return Ok(());
        }
        let bound = bound.max(self.bound.load(Ordering::Relaxed));
        let (op, call, id) = (self.op, self.call, &self.id);
        self.noted(|| wire.refresh(op, call, id, bound)).await?;
        self.bound.store(bound, Ordering::Relaxed);
        Ok(())
    }

    fn refreshed(&self) -> Duration {
        Duration::from_nanos(self.refreshed.load(Ordering::Relaxed))
    }

    async fn fence(&self) -> Result<Fence> {
        self.refresh(0).await?;
        Ok(Fence::new(&self.single.wire.env, self.refreshed()))
    }

    /// Sends the body, some chunks at a time; gives the bytes of the value.
    async fn fill(&self, head: &Head, mut body: ByteStream, hint: Option<u64>) -> Result<u64> {
        let op = self.op;
        let mut sealer = Sealer::new(head.binding());
        let mut sending = Sending::new(&self.single.wire.env, op, self.call);
        let most = self.single.wire.guarantees.max_value;
        let (mut number, mut raw_len, mut chunk) = (0u32, 0u64, Vec::new());
        while let Some(piece) = sending.next(&mut body).await? {
            raw_len += piece.len() as u64;
            if raw_len > hint.unwrap_or(most).min(most) {
                return Err(too_long(op, hint, most));
            }
            sealer.push(&piece);
            self.send_full(&mut sending, &mut number, &mut chunk, &piece).await?;
        }
        if let Some(hint) = hint.filter(|hint| *hint != raw_len) {
            let why = format!("the stream brought {raw_len} bytes, and {hint} were said");
            return Err(Error::new(ErrorKind::Invalid, op, why));
        }
        let (_, index) = sealer.finish();
        self.send_full(&mut sending, &mut number, &mut chunk, &index).await?;
        if !chunk.is_empty() {
            self.start(&mut sending, number, chunk.into()).await?;
        }
        sending.end().await?;
        Ok(raw_len)
    }

    /// Adds bytes to the chunk that is being filled, and sends each that is full.
    async fn send_full<'u>(
        &'u self,
        sending: &mut Sending<'u>,
        number: &mut u32,
        chunk: &mut Vec<u8>,
        mut more: &[u8],
    ) -> Result<()> {
        const FULL: usize = CHUNK as usize;
        while !more.is_empty() {
            let (now, later) = more.split_at(more.len().min(FULL - chunk.len()));
            chunk.reserve_exact(FULL - chunk.len());
            chunk.extend_from_slice(now);
            more = later;
            if chunk.len() == FULL {
                self.start(sending, *number, std::mem::take(chunk).into()).await?;
                *number += 1;
            }
        }
        Ok(())
    }

    /// Begins to send a chunk, and waits until there is room for the next one.
    async fn start<'u>(&'u self, sending: &mut Sending<'u>, number: u32, chunk: Bytes) -> Result<()> {
        // The register knows of it before it is there.
        let bound = self.bound.load(Ordering::Relaxed);
        let bound = if number < bound { 0 } else { number.saturating_add(AHEAD) };
        sending.meanwhile(self.refresh(bound)).await?;
        self.begun.store(number + 1, Ordering::Relaxed);
        sending.start(self.single.wire.config().parts_at_once, self.send(number, chunk)).await
    }

    async fn send(&self, number: u32, chunk: Bytes) -> Result<()> {
        let (wire, op, call) = (&self.single.wire, self.op, self.call);
        let (pk, ttl) = (wire.names.chunk(&self.id, number), item::chunk_ttl(self.expires, wire.env.wall()));
        let (pk, ttl, chunk) = (&pk, &ttl, &chunk);
        self.answered(|| wire.put_chunk(op, call, item::of_chunk(pk.clone(), chunk, ttl.clone()))).await
    }
}

fn too_long(op: Op, hint: Option<u64>, most: u64) -> Error {
    match hint {
        Some(hint) if hint <= most => {
            let why = format!("the stream brings more than the {hint} bytes that were said");
            Error::new(ErrorKind::Invalid, op, why)
        }
        _ => {
            let why = format!("the stream is longer than the {most} bytes that this store takes");
            Error::new(ErrorKind::Unsupported, op, why)
        }
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if *self.over.get_mut() || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (single, id, op) = (self.single.clone(), self.id, self.op);
        let (begun, open) = (*self.begun.get_mut(), *self.open.get_mut() > 0);
        // From now on, so that a drain that begins before the task does waits for it.
        let counted = single.wire.inflight.enter();
        self.single.wire.env.spawn(async move {
            // What got no answer may land behind its removal: then the register keeps the set, for the sweep.
            if let Err(error) = single.remove_chunks(op, &Call::default(), &id, begun, !open).await {
                tracing::warn!(store = %single.wire.id, %error, "the chunks of a value that was given up are left to the sweep");
            }
            drop(counted);
        });
    }
}
