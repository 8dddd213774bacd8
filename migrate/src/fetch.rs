//! Reads the entries of a store in the order of their keys: many at once, and never more of them in memory than allowed.

use std::sync::Arc;

use futures_util::{Stream, StreamExt, TryStreamExt};
use larder_store_core::{
    ByteStream, GetOptions, Got, HeadOptions, Key, ListOptions, Listed, Meta, Op, Result, Store,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::dump::{CHUNK, Entry, Facts};
use crate::options::JobOptions;
use crate::pace::Pace;
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

/// The options of a listing of what `judge` may want, behind `after`.
pub(crate) fn listing(job: &JobOptions, judge: &Judge, after: Option<&Key>) -> ListOptions {
    let options = ListOptions::new().with_prefix(judge.prefix()).with_call(job.call.clone());
    match after {
        Some(key) => options.with_start_after(key.as_str()),
        None => options,
    }
}

/// Reads the entries of `source` that `judge` wants, behind `after`.
pub(crate) fn fetch(
    source: Arc<dyn Store>,
    job: &JobOptions,
    judge: Judge,
    after: Option<&Key>,
    room: Room,
) -> impl Stream<Item = Result<Fetched>> + Send + use<> {
    let width = job.width_for(source.guarantees());
    let listed = source.list_opts(listing(job, &judge, after));
    let (env, call) = (job.env.clone(), job.call.clone());
    let pace = Arc::new(tokio::sync::Mutex::new(Pace::new(job.rate)));
    let judge = Arc::new(judge);
    listed
        // In the order of the listing, so that the first to be given always has its room.
        .try_filter_map({
            let judge = judge.clone();
            move |listed| {
                let wanted = match &listed {
                    Listed::Entry(meta) => judge.wants(&meta.key, meta.size, meta.modified) != Some(false),
                    _ => true,
                };
                std::future::ready(Ok(wanted.then_some(listed)))
            }
        })
        .and_then({
            let (env, call) = (env.clone(), call.clone());
            move |listed| {
                let (room, pace, env, call) = (room.clone(), pace.clone(), env.clone(), call.clone());
                async move {
                    let Listed::Entry(meta) = &listed else { return Ok((listed, None)) };
                    let size = meta.size.or(meta.stored_size);
                    pace.lock().await.wait(&env, &call, 1, size.unwrap_or(0)).await?;
                    // What is streamed has a chunk being read and one being written.
                    let held = size.map_or(2 * CHUNK as u64, |size| size.min(2 * CHUNK as u64));
                    let hold = room.take(held).await;
                    Ok((listed, hold))
                }
            }
        })
        .map(move |item| {
            let (source, judge, call) = (source.clone(), judge.clone(), call.clone());
            async move {
                let (listed, hold) = item?;
                let meta = match listed {
                    Listed::Entry(meta) => meta,
                    Listed::Foreign { name, why } => return Ok(Fetched::Foreign { name, why }),
                    // Nothing else comes of a listing without a delimiter.
                    _ => return Ok(Fetched::Unwanted),
                };
                let options = GetOptions::new().with_call(call);
                one(&*source, &judge, meta, &options, hold).await
            }
        })
        .buffered(width)
}

async fn one(
    source: &dyn Store,
    judge: &Judge,
    listed: Meta,
    options: &GetOptions,
    hold: Hold,
) -> Result<Fetched> {
    let key = listed.key;
    // Unknown: the size as it is stored is more than the value's.
    let small = listed.size.or(listed.stored_size).is_some_and(|size| size <= CHUNK as u64);
    let unwanted = |meta: &Meta| judge.wants(&key, meta.size, meta.modified) == Some(false);
    if small {
        let got = match source.try_get(&key, options) {
            Some(got) => got,
            None => source.get_opts(&key, options).await,
        };
        return Ok(match got? {
            Got::Found { meta, body, .. } if !unwanted(&meta) => {
                Fetched::Whole(Entry { key, facts: facts(&meta), value: body }, hold)
            }
            Got::Found { .. } => Fetched::Unwanted,
            _ => Fetched::Gone,
        });
    }
    Ok(match source.get_stream_opts(&key, options).await? {
        Got::Found { meta, .. } if unwanted(&meta) => Fetched::Unwanted,
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

async fn collect(mut body: ByteStream, size: Option<u64>) -> Result<bytes::Bytes> {
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
