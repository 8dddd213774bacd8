//! Reads the entries of a store in the order of their keys: many at once, and never more of them in memory than allowed.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use larder_store_core::{
    ByteStream, Env, Error, ErrorKind, GetOptions, Got, HeadOptions, Key, Listed, Meta, Op, Result, Store,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::dump::{CHUNK, Entry, Facts};
use crate::options::JobOptions;
use crate::pace::{Pace, Rate};
use crate::select::Judge;

/// What came of one name of a listing.
pub(crate) enum Fetched {
    /// A value, whole.
    Whole(Entry, Hold),
    /// A value above [`CHUNK`], as a stream of one version.
    Stream { key: Key, facts: Facts, size: u64, body: ByteStream, hold: Hold },
    /// It was there when it was listed.
    Gone,
    /// It is none of those that are wanted, as turned out.
    Unwanted,
    /// Something that is no entry.
    Foreign { name: String, why: String },
}

/// Room in memory, given back when it is dropped.
pub(crate) type Hold = Option<OwnedSemaphorePermit>;

/// Room is counted in these.
const UNIT: u64 = 1024;
/// What an entry takes besides its value.
const OVERHEAD: u64 = 512;
/// Values that one task takes of those at hand …
const GROUP: usize = 128;
/// … and how many such tasks there are at once.
const GROUPS: usize = 8;

/// The room that a job may take.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    units: Arc<Semaphore>,
    all: u32,
}

impl Room {
    pub(crate) fn new(bytes: u64) -> Room {
        // At least what a value in chunks takes.
        let all = (bytes / UNIT).clamp(4 * CHUNK as u64 / UNIT, u64::from(u32::MAX >> 3)) as u32;
        Room { units: Arc::new(Semaphore::new(all as usize)), all }
    }

    fn units(&self, bytes: u64) -> u32 {
        (bytes + OVERHEAD).div_ceil(UNIT).min(u64::from(self.all)) as u32
    }

    /// Waits for room for a value.
    pub(crate) async fn take(&self, bytes: u64) -> Hold {
        self.units.clone().acquire_many_owned(self.units(bytes)).await.ok()
    }

    /// Room for a value, if there is some now.
    pub(crate) fn try_take(&self, bytes: u64) -> Option<Hold> {
        self.units.clone().try_acquire_many_owned(self.units(bytes)).ok().map(Some)
    }
}

/// What is carried of a value's meta.
pub(crate) fn facts(meta: &Meta) -> Facts {
    Facts {
        attributes: meta.attributes.clone().unwrap_or_default(),
        expires: meta.expires.and_then(|expires| expires.at()),
        modified: meta.modified,
    }
}

/// What is read on the way, or will be.
enum Step {
    Done(Result<Fetched>),
    Read(Meta, Hold),
}

/// What all reads of a job need.
struct Reads {
    source: Arc<dyn Store>,
    judge: Judge,
    room: Room,
    pace: Option<tokio::sync::Mutex<Pace>>,
    env: Env,
    options: GetOptions,
}

/// Reads the entries of `listed` that `judge` wants.
pub(crate) fn fetch(
    source: Arc<dyn Store>,
    listed: BoxStream<'static, Result<Listed>>,
    job: &JobOptions,
    judge: Judge,
    room: Room,
) -> impl Stream<Item = Result<Fetched>> + Send + use<> {
    let width = job.width_for(source.guarantees());
    let reads = Arc::new(Reads {
        source,
        judge,
        room,
        pace: (job.rate != Rate::default()).then(|| tokio::sync::Mutex::new(Pace::new(job.rate))),
        env: job.env.clone(),
        options: GetOptions::new().with_call(job.call.clone()),
    });
    let (filter, enter, group) = (reads.clone(), reads.clone(), reads.clone());
    listed
        // In the order of the listing, so that the first to be given always has its room.
        .try_filter_map(move |listed| {
            let unwanted = matches!(&listed, Listed::Entry(meta) if filter.is_unwanted(&meta.key, meta));
            std::future::ready(Ok((!unwanted).then_some(listed)))
        })
        .and_then(move |listed| {
            let reads = enter.clone();
            async move {
                let hold = reads.enter(&listed).await?;
                Ok((listed, hold))
            }
        })
        // What the store has at hand is taken by tasks, so that all cores do it, and many together, as it takes little.
        .ready_chunks(GROUP)
        .map(move |items| {
            let reads = group.clone();
            let (tell, told) = oneshot::channel();
            group.env.spawn(async move {
                let steps = items.into_iter().map(|item| reads.at_hand(item)).collect::<Vec<_>>();
                let _ = tell.send(steps);
            });
            async move { told.await.unwrap_or_else(|_| vec![Step::Done(Err(gone()))]) }
        })
        .buffered(GROUPS)
        .flat_map(futures_util::stream::iter)
        .map(move |step| {
            let reads = reads.clone();
            async move {
                match step {
                    Step::Done(done) => done,
                    Step::Read(meta, hold) => reads.read(meta, hold).await,
                }
            }
        })
        .buffered(width)
}

fn gone() -> Error {
    Error::new(ErrorKind::Unknown, Op::Get, "reads were given up by a panic or a runtime that ended")
}

/// Unknown: the size as it is stored is more than the value's.
fn is_small(listed: &Meta) -> bool {
    listed.size.or(listed.stored_size).is_some_and(|size| size <= CHUNK as u64)
}

impl Reads {
    fn is_unwanted(&self, key: &Key, meta: &Meta) -> bool {
        self.judge.wants(key, meta.size, meta.modified) == Some(false)
    }

    /// Waits for the turn of an item, and for room for it.
    async fn enter(&self, listed: &Listed) -> Result<Hold> {
        let Listed::Entry(meta) = listed else { return Ok(None) };
        let size = meta.size.or(meta.stored_size);
        if let Some(pace) = &self.pace {
            pace.lock().await.wait(&self.env, &self.options.call, 1, size.unwrap_or(0)).await?;
        }
        // What is streamed has a chunk being read and one being written.
        let held = size.map_or(2 * CHUNK as u64, |size| size.min(2 * CHUNK as u64));
        Ok(self.room.take(held).await)
    }

    /// What can be told of an item without waiting.
    fn at_hand(&self, item: Result<(Listed, Hold)>) -> Step {
        let (meta, hold) = match item {
            Ok((Listed::Entry(meta), hold)) => (meta, hold),
            Ok((Listed::Foreign { name, why }, _)) => return Step::Done(Ok(Fetched::Foreign { name, why })),
            // Nothing else comes of a listing without a delimiter.
            Ok(_) => return Step::Done(Ok(Fetched::Unwanted)),
            Err(error) => return Step::Done(Err(error)),
        };
        match is_small(&meta).then(|| self.source.try_get(&meta.key, &self.options)).flatten() {
            Some(got) => Step::Done(got.map(|got| self.whole(meta.key, got, hold))),
            None => Step::Read(meta, hold),
        }
    }

    /// Reads what was not at hand.
    async fn read(&self, listed: Meta, hold: Hold) -> Result<Fetched> {
        if is_small(&listed) {
            let got = self.source.get_opts(&listed.key, &self.options).await?;
            return Ok(self.whole(listed.key, got, hold));
        }
        let key = listed.key;
        Ok(match self.source.get_stream_opts(&key, &self.options).await? {
            Got::Found { meta, .. } if self.is_unwanted(&key, &meta) => Fetched::Unwanted,
            Got::Found { meta, body, .. } => match meta.size {
                Some(size) if size > CHUNK as u64 => {
                    Fetched::Stream { key, facts: facts(&meta), size, body, hold }
                }
                size => {
                    let value = collect(body, size).await.map_err(|e| e.during(Op::GetStream))?;
                    Fetched::Whole(Entry { key, facts: facts(&meta), value }, hold)
                }
            },
            _ => Fetched::Gone,
        })
    }

    fn whole(&self, key: Key, got: Got<Bytes>, hold: Hold) -> Fetched {
        match got {
            Got::Found { meta, body, .. } if !self.is_unwanted(&key, &meta) => {
                Fetched::Whole(Entry { key, facts: facts(&meta), value: body }, hold)
            }
            Got::Found { .. } => Fetched::Unwanted,
            _ => Fetched::Gone,
        }
    }
}

async fn collect(mut body: ByteStream, size: Option<u64>) -> Result<Bytes> {
    let mut value = bytes::BytesMut::with_capacity(size.unwrap_or(0) as usize);
    while let Some(bytes) = body.try_next().await? {
        value.extend_from_slice(&bytes);
    }
    Ok(value.freeze())
}

/// The facts of a value, with a request only if `meta` does not have them.
pub(crate) async fn told(source: &dyn Store, meta: Meta, job: &JobOptions) -> Result<Option<Meta>> {
    if meta.attributes.is_some() && meta.expires.is_some() && meta.size.is_some() && meta.modified.is_some() {
        return Ok(Some(meta));
    }
    let options = HeadOptions::new().with_call(job.call.clone());
    Ok(source.head_opts(&meta.key, &options).await?.meta().cloned())
}
