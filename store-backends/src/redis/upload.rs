//! Writing values in parts.
//!
//! Parts are keys of their own beside the value's. Until the value is complete they have an end of their own, so that what
//! a kill leaves goes by itself; the script that puts the value takes it from them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::redis::Value;
use bytes::{Bytes, BytesMut};
use larder_store_core::layer::retry::Retries;
use larder_store_core::record::{BLOCK, Head, Parts, Sealer};
use larder_store_core::{
    ByteStream, Call, Error, ErrorKind, Key, Op, Precondition, PutOptions, Result, Written, derived, time,
};

use super::client::Lane;
use super::command::plain;
use super::name::Shard;
use super::read::hex;
use super::single::Single;
use super::wire::Wire;
use super::write::{AT_ONCE, Ready};
use crate::sending::Sending;

/// Up to this, a value stands behind its head.
pub(super) const INLINE: u64 = 512 << 10;
/// Bytes of a part: whole blocks.
pub(super) const PART: u64 = 1 << 20;
/// The largest value: some four thousand parts, which one script commits.
pub(super) const MAX_VALUE: u64 = 4 << 30;
/// Parts of one upload that are under way at once.
const SENDING: usize = 4;
/// How long a part lasts that belongs to no value yet.
const UNTIL_COMPLETE: Duration = Duration::from_secs(86400);

const _: () = assert!(PART.is_multiple_of(BLOCK as u64));

/// Parts that were sent. Dropped before its end, they are removed.
pub(super) struct Uploaded {
    wire: Arc<Wire>,
    retries: Retries,
    shard: Shard,
    id: String,
    head: Head,
    /// How many may be there.
    sent: Arc<AtomicU64>,
    over: bool,
}

impl Uploaded {
    fn begin(single: &Single, key: &Key, options: &PutOptions) -> Uploaded {
        let wire = single.wire.clone();
        let mut id = [0; 16];
        wire.env.fill_random(&mut id);
        let mut head = wire.draft(key, options);
        head.parts = Some(Parts { id, part_len: PART as u32 });
        Uploaded {
            shard: wire.names.shard(key),
            wire,
            retries: single.retries.clone(),
            id: hex(&id),
            head,
            sent: Arc::default(),
            over: false,
        }
    }

    /// Sends a value that is at hand.
    pub(super) async fn of_value(
        single: &Single,
        op: Op,
        key: &Key,
        value: Bytes,
        options: &PutOptions,
    ) -> Result<Uploaded> {
        let mut options = options.clone();
        options.size_hint = Some(value.len() as u64);
        Uploaded::of_stream(single, op, key, derived::pieces(value), &options).await
    }

    /// Sends what a stream brings.
    pub(super) async fn of_stream(
        single: &Single,
        op: Op,
        key: &Key,
        body: ByteStream,
        options: &PutOptions,
    ) -> Result<Uploaded> {
        let mut upload = Uploaded::begin(single, key, options);
        upload.wire.home(op, &options.call, true).await?;
        let raw_len = upload.fill(op, body, options).await?;
        upload.head.raw_len = raw_len;
        Ok(upload)
    }

    /// The entry among the leftovers, until the value is complete. Nobody knows yet how many parts there will be.
    fn leftover(&self) -> String {
        format!("{}:0", self.id)
    }

    /// Sends the body, some parts at a time; gives the length of the value.
    async fn fill(&self, op: Op, mut body: ByteStream, options: &PutOptions) -> Result<u64> {
        let call = &options.call;
        let mut sealer = Sealer::new(self.head.binding());
        let mut sending = Sending::new(&self.wire.env, op, call);
        let (mut number, mut part) = (0, BytesMut::with_capacity(PART as usize));
        let (hint, most) = (options.size_hint, self.wire.guarantees.max_value);
        while let Some(piece) = sending.next(&mut body).await? {
            sealer.push(&piece);
            check_length(op, sealer.raw_len(), hint, most)?;
            self.push(op, call, &mut sending, &mut number, &mut part, piece).await?;
        }
        if let Some(hint) = hint.filter(|hint| *hint != sealer.raw_len()) {
            let why = format!("the stream brought {} bytes, and {hint} were said", sealer.raw_len());
            return Err(Error::new(ErrorKind::Invalid, op, why));
        }
        let (raw_len, index) = sealer.finish();
        self.push(op, call, &mut sending, &mut number, &mut part, index.into()).await?;
        if !part.is_empty() {
            self.start(op, call, &mut sending, number, part.freeze()).await?;
        }
        sending.end().await?;
        Ok(raw_len)
    }

    /// Takes the next bytes of the body, and sends the parts that are full.
    async fn push<'u>(
        &'u self,
        op: Op,
        call: &'u Call,
        sending: &mut Sending<'u>,
        number: &mut u64,
        part: &mut BytesMut,
        mut piece: Bytes,
    ) -> Result<()> {
        while !piece.is_empty() {
            let lacks = PART as usize - part.len();
            part.extend_from_slice(&piece.split_to(piece.len().min(lacks)));
            if part.len() == PART as usize {
                let full = std::mem::replace(part, BytesMut::with_capacity(PART as usize));
                self.start(op, call, sending, *number, full.freeze()).await?;
                *number += 1;
            }
        }
        Ok(())
    }

    /// Begins to send a part, and waits until the next one may be filled.
    async fn start<'u>(
        &'u self,
        op: Op,
        call: &'u Call,
        sending: &mut Sending<'u>,
        number: u64,
        part: Bytes,
    ) -> Result<()> {
        self.sent.fetch_max(number + 1, Ordering::Relaxed);
        // The first one is waited for: it brings the entry by which a sweep finds the others.
        let most = if number == 0 { 1 } else { SENDING };
        sending.start(most, self.send(op, call, number, part)).await
    }

    async fn send(&self, op: Op, call: &Call, number: u64, part: Bytes) -> Result<()> {
        let wire = &self.wire;
        let name = wire.names.part(self.shard, &self.id, number);
        let life = UNTIL_COMPLETE.as_millis().to_string();
        let sent = self.retries.run(op, call, |_| {
            let mut commands = Vec::with_capacity(2);
            if number == 0 {
                let now = time::to_nanos(wire.env.wall()).unwrap_or(0).div_euclid(1_000_000).to_string();
                let leftovers = wire.names.leftovers(self.shard);
                commands.push(plain("ZADD", &[&leftovers, now.as_bytes(), self.leftover().as_bytes()]));
            }
            commands.push(plain("SET", &[&name, &part, b"PX", life.as_bytes()]));
            let bytes = part.len() as u64;
            async move {
                // A part that landed and got no answer is sent again, and changes nothing by itself.
                let answers = wire.tell(op, call, Lane::Bulk, &wire.to(self.shard), bytes, commands).await?;
                answers.into_iter().try_for_each(|answer| wire.good(op, answer).map(drop))
            }
        });
        sent.await
    }

    /// The put that makes a value of the parts, and what it will tell.
    pub(super) fn ready(&self, pre: &Precondition) -> Result<(Ready, Written)> {
        let record = Bytes::from(self.head.encode()?);
        let count = self.head.body_len().div_ceil(PART);
        let parts = (0..count).map(|number| self.wire.names.part(self.shard, &self.id, number)).collect();
        self.wire.put_of(&self.head, record, parts, self.leftover(), pre)
    }

    /// The put of the value is about to be sent: whoever is dropped from now on may have made it.
    pub(super) fn committing(&mut self) {
        self.over = true;
    }

    /// Says how the put ended. What may have been made keeps its parts.
    pub(super) fn settle<T>(mut self, made: &Result<T>) {
        self.over = match made {
            Ok(_) => true,
            Err(error) => !error.settled() || error.is(ErrorKind::Unknown),
        };
    }

    /// Makes a value of the parts. They were sent once, so that the put is sent again here as long as it surely did nothing.
    async fn complete(mut self, op: Op, options: &PutOptions) -> Result<Written> {
        let call = &options.call;
        let (step, written) = self.ready(&options.pre)?;
        let retries = self.retries.clone();
        let mut attempts = retries.attempts(call);
        self.committing();
        let made = loop {
            let made = self.wire.make(op, call, self.shard, false, std::slice::from_ref(&step)).await;
            match made {
                Err(error) if error.settled() && error.kind().is_retryable() => {
                    if let Err(error) = attempts.again(op, error).await {
                        break Err(error);
                    }
                }
                made => break made,
            }
        };
        let made = made.and_then(|mut made| match made.pop() {
            Some(made) => made,
            None => Err(super::error::strange(op, true, "no step was answered")),
        });
        self.settle(&made);
        made.map(|_| written)
    }
}

fn check_length(op: Op, len: u64, hint: Option<u64>, most: u64) -> Result<()> {
    match hint {
        _ if len > most => {
            let why = format!("the stream is longer than the {most} bytes that this store takes");
            Err(Error::new(ErrorKind::Unsupported, op, why))
        }
        Some(hint) if len > hint => {
            let why = format!("the stream brings more than the {hint} bytes that were said");
            Err(Error::new(ErrorKind::Invalid, op, why))
        }
        _ => Ok(()),
    }
}

impl Single {
    /// Writes a value that is at hand in parts.
    pub(super) async fn put_large(
        &self,
        op: Op,
        key: &Key,
        value: Bytes,
        options: &PutOptions,
    ) -> Result<Written> {
        self.wire.guarantees.check_put(op, key, options, Some(value.len() as u64))?;
        let upload = Uploaded::of_value(self, op, key, value, options).await?;
        upload.complete(op, options).await
    }

    /// Writes a value from a stream in parts.
    pub(super) async fn put_stream(
        &self,
        op: Op,
        key: &Key,
        body: ByteStream,
        options: &PutOptions,
    ) -> Result<Written> {
        self.wire.guarantees.check_put(op, key, options, options.size_hint)?;
        let upload = Uploaded::of_stream(self, op, key, body, options).await?;
        upload.complete(op, options).await
    }
}

impl Drop for Uploaded {
    fn drop(&mut self) {
        if self.over || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        let (wire, retries, shard) = (self.wire.clone(), self.retries.clone(), self.shard);
        let (leftover, id, sent) = (self.leftover(), self.id.clone(), self.sent.load(Ordering::Relaxed));
        if sent == 0 {
            return;
        }
        // From now on, so that a drain that begins before the task does waits for it.
        let counted = wire.inflight.enter();
        self.wire.env.spawn(async move {
            let (op, call) = (Op::PutStream, Call::default());
            let removed = retries.run(op, &call, |_| remove(&wire, op, &call, shard, &id, sent, &leftover));
            if let Err(error) = removed.await {
                tracing::warn!(store = %wire.id, %error, "the parts of an upload that was given up are still there");
            }
            drop(counted);
        });
    }
}

/// Removes parts, and their entry among the leftovers.
async fn remove(
    wire: &Wire,
    op: Op,
    call: &Call,
    shard: Shard,
    id: &str,
    count: u64,
    leftover: &str,
) -> Result<()> {
    for first in (0..count).step_by(AT_ONCE as usize) {
        unlink(wire, op, call, shard, id, first..(first + AT_ONCE).min(count)).await?;
    }
    forget(wire, op, call, shard, leftover).await
}

/// Removes an entry from the leftovers.
pub(super) async fn forget(wire: &Wire, op: Op, call: &Call, shard: Shard, leftover: &str) -> Result<()> {
    let command = plain("ZREM", &[&wire.names.leftovers(shard), leftover.as_bytes()]);
    let answers = wire.tell(op, call, Lane::Bulk, &wire.to(shard), 0, vec![command]).await?;
    answers.into_iter().try_for_each(|answer| wire.good(op, answer).map(drop))
}

/// Removes some parts; gives how many there were.
pub(super) async fn unlink(
    wire: &Wire,
    op: Op,
    call: &Call,
    shard: Shard,
    id: &str,
    numbers: std::ops::Range<u64>,
) -> Result<u64> {
    let names: Vec<_> = numbers.map(|number| wire.names.part(shard, id, number)).collect();
    let names: Vec<&[u8]> = names.iter().map(|name| &name[..]).collect();
    let answers = wire.tell(op, call, Lane::Bulk, &wire.to(shard), 0, vec![plain("UNLINK", &names)]).await?;
    match wire.good(op, answers.into_iter().next().unwrap_or(Value::Nil))? {
        Value::Int(count) => Ok(u64::try_from(count).unwrap_or(0)),
        other => Err(super::error::strange(op, true, super::wire::kind_of(&other))),
    }
}
