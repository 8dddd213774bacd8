//! Compares two stores, two dumps, or one with the other.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::env::InFlight;
use larder_store_core::{ByteStream, Env, Error, ErrorKind, Key, Listed, Op, Result, Store, setters};
use serde::Serialize;

use crate::copy;
use crate::dump::{Chain, DumpPlace, DumpReader, Facts, Piece, Segment, Trailer};
use crate::fetch::{self, Fetched, Room};
use crate::listing;
use crate::options::JobOptions;
use crate::report::{Phase, Teller};
use crate::select::Judge;

/// One side of a comparison.
#[derive(Debug)]
pub enum Side {
    /// A store.
    Store(Arc<dyn Store>),
    /// A dump, which is checked while it is read.
    Dump(DumpPlace),
}

/// How closely values are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Depth {
    /// Every byte.
    #[default]
    Values,
    /// Their sizes, attributes and expiry. No value of a store is read.
    Facts,
}

/// Options of [`verify`] and [`diff`].
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct CompareOptions {
    /// What every job can be asked for.
    pub job: JobOptions,
    /// How closely values are looked at.
    pub depth: Depth,
}

setters!(CompareOptions {
    /// What every job can be asked for.
    with_job: job = JobOptions => job,
    /// How closely values are looked at.
    with_depth: depth = Depth => depth,
});

/// How a key differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum What {
    /// Only the first side has it.
    Missing,
    /// Only the second side has it.
    Extra,
    /// Both have it, and something about it differs.
    Changed {
        /// The value.
        value: bool,
        /// The attributes.
        attributes: bool,
        /// The expiry.
        expiry: bool,
    },
}

/// A key that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// The key.
    pub key: Key,
    /// How it differs.
    pub what: What,
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Comparison {
    /// Entries that are the same on both sides.
    pub equal: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Entries that only the first side has.
    pub missing: u64,
    /// Entries that only the second side has.
    pub extra: u64,
    /// Entries that differ.
    pub changed: u64,
    /// How long it took, in seconds.
    #[serde(serialize_with = "crate::report::seconds")]
    pub took: std::time::Duration,
}

impl Comparison {
    /// Whether all that the first side has is in the second as it is.
    pub fn is_carried(&self) -> bool {
        self.missing == 0 && self.changed == 0
    }

    /// Whether both have the same.
    pub fn is_equal(&self) -> bool {
        self.is_carried() && self.extra == 0
    }
}

/// Compares what two sides hold, key by key in their order, in bounded memory; tells each difference.
///
/// Values, attributes and expiry count; when something was written does not. An entry that expires meanwhile may be told as
/// missing or extra. Foreign files and objects are no entries, and are not compared.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> larder_store_core::Result<()> {
/// # use larder_store_core::StoreExt;
/// # let registry = larder_store_backends::registry();
/// # let open = async |url| registry.open_url(url, &Default::default()).await;
/// use larder_migrate::{CompareOptions, Side, diff};
///
/// let (a, b) = (open("memory:").await?, open("memory:").await?);
/// a.put("both", "1").await?;
/// b.put("both", "2").await?;
/// a.put("here", "1").await?;
/// let mut told = Vec::new();
/// let sides = (Side::Store(a), Side::Store(b));
/// let found = diff(sides.0, sides.1, &CompareOptions::new(), |d| told.push(d.key.to_string())).await?;
/// assert_eq!(told, ["both", "here"]);
/// assert_eq!((found.changed, found.missing, found.extra), (1, 1, 0));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// Those of both sides; [`ErrorKind::Corrupt`] for a dump that is damaged or has no trailer; [`ErrorKind::Unsupported`] for
/// a side whose keys do not come in order.
pub async fn diff(
    first: Side,
    second: Side,
    options: &CompareOptions,
    mut tell: impl FnMut(&Difference),
) -> Result<Comparison> {
    let job = &options.job;
    let began = job.env.now();
    let teller = Teller::new(&job.env, job.progress.clone());
    teller.phase(Phase::Comparing, None, None);
    let mut first = Rows::open(first, options).await?;
    let mut second = Rows::open(second, options).await?;
    let mut found = Comparison::default();
    let (mut a, mut b) = futures_util::future::try_join(first.next(), second.next()).await?;
    loop {
        job.call.check(&job.env, Op::Verify)?;
        let order = match (&a, &b) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.key.cmp(&b.key),
        };
        let what = match order {
            std::cmp::Ordering::Less => Some(What::Missing),
            std::cmp::Ordering::Greater => Some(What::Extra),
            std::cmp::Ordering::Equal => {
                let (Some(a), Some(b)) = (&a, &b) else { unreachable!("both are there") };
                a.against(b)
            }
        };
        let row = if order.is_le() { &a } else { &b };
        let Some(Row { key, size, .. }) = row else { unreachable!("one is there") };
        match what {
            None => {
                found.equal += 1;
                found.bytes += size;
            }
            Some(what) => {
                match what {
                    What::Missing => found.missing += 1,
                    What::Extra => found.extra += 1,
                    What::Changed { .. } => found.changed += 1,
                }
                tell(&Difference { key: key.clone(), what });
            }
        }
        teller.add(1, *size, Some(key));
        match order {
            std::cmp::Ordering::Less => a = first.next().await?,
            std::cmp::Ordering::Greater => b = second.next().await?,
            std::cmp::Ordering::Equal => {
                (a, b) = futures_util::future::try_join(first.next(), second.next()).await?;
            }
        }
    }
    found.took = job.env.now().duration_since(began);
    teller.end();
    Ok(found)
}

/// Whether everything that `source` holds is in `target` as it is. What the target has besides is counted, and no fault.
///
/// # Errors
/// Those of [`diff`].
pub async fn verify(source: Side, target: Side, options: &CompareOptions) -> Result<Comparison> {
    diff(source, target, options, |_| {}).await
}

/// Reads a whole dump and checks all of it.
///
/// # Errors
/// [`ErrorKind::Corrupt`], with the place, for a dump that is damaged, cut or has no trailer; those of reading it.
pub async fn check(dump: DumpPlace, job: &JobOptions) -> Result<Trailer> {
    let teller = Teller::new(&job.env, job.progress.clone());
    teller.phase(Phase::Comparing, None, None);
    let mut reader = DumpReader::open(job.env.clone(), dump, job.call.clone()).await?;
    while let Some((_, segment)) = reader.next().await? {
        job.call.check(&job.env, Op::Verify)?;
        let chain = reader.chain();
        teller.add(segment.pieces.len() as u64, segment.length, chain.key.as_ref());
    }
    reader.check_end()?;
    teller.end();
    match reader.chain() {
        Chain { trailer: Some(trailer), .. } => Ok(trailer.clone()),
        _ => Err(Error::new(
            ErrorKind::Invalid,
            Op::Verify,
            "lines without a header cannot be checked: they have no digests",
        )),
    }
}

/// An entry as it is compared.
struct Row {
    key: Key,
    size: u64,
    facts: Facts,
    /// The value's hash; none where values are not looked at.
    hash: Option<blake3::Hash>,
}

impl Row {
    /// How this one differs from the other side's.
    fn against(&self, other: &Row) -> Option<What> {
        let hashes = self.hash.zip(other.hash).is_some_and(|(a, b)| a != b);
        let value = self.size != other.size || hashes;
        let attributes = self.facts.attributes != other.facts.attributes;
        let expiry = self.facts.expires != other.facts.expires;
        (value || attributes || expiry).then_some(What::Changed { value, attributes, expiry })
    }
}

/// The rows of a side, in order.
struct Rows {
    rows: BoxStream<'static, Result<Row>>,
    last: Option<Key>,
}

impl Rows {
    async fn open(side: Side, options: &CompareOptions) -> Result<Rows> {
        let job = &options.job;
        let judge = job.select.compile(job.env.wall())?;
        let rows = match side {
            Side::Store(store) => of_store(store, judge, options),
            Side::Dump(place) => {
                let reader = DumpReader::open(job.env.clone(), place, job.call.clone()).await?;
                of_dump(reader, judge, options.depth)
            }
        };
        Ok(Rows { rows, last: None })
    }

    async fn next(&mut self) -> Result<Option<Row>> {
        let Some(row) = self.rows.try_next().await? else { return Ok(None) };
        if self.last.as_ref().is_some_and(|last| *last >= row.key) {
            return Err(Error::new(
                ErrorKind::Unsupported,
                Op::Verify,
                "keys do not come in order, or one comes twice",
            )
            .on(&row.key)
            .hint("sort the lines by their keys, bytewise (LC_ALL=C), or import them first"));
        }
        self.last = Some(row.key.clone());
        Ok(Some(row))
    }
}

fn of_store(
    store: Arc<dyn Store>,
    judge: Judge,
    options: &CompareOptions,
) -> BoxStream<'static, Result<Row>> {
    let job = options.job.clone();
    if options.depth == Depth::Facts {
        return by_facts(store, judge, job);
    }
    let env = job.env.clone();
    let listed = listing::ahead(&job.env, store.list_opts(listing::options(&job, &judge, None)));
    let fetched = fetch::fetch(store.clone(), listed, &job, judge, Room::new(job.memory));
    let rows = fetched
        .map(move |item| {
            let (store, env, job) = (store.clone(), env.clone(), job.clone());
            async move {
                Ok(match item? {
                    Fetched::Whole(entry, hold) => {
                        let size = entry.value.len() as u64;
                        let hash = hash(&env, entry.value).await?;
                        drop(hold);
                        Some(Row { key: entry.key, size, facts: entry.facts, hash: Some(hash) })
                    }
                    Fetched::Stream { key, facts, size, body, hold } => {
                        let row = streamed(&env, &store, &job, key, facts, size, body).await?;
                        drop(hold);
                        row
                    }
                    Fetched::Gone | Fetched::Unwanted => None,
                    // What is no entry is not compared; the other jobs count it.
                    Fetched::Foreign { .. } => None,
                })
            }
        })
        .buffered(4);
    rows.try_filter_map(|row| std::future::ready(Ok(row))).boxed()
}

/// A value small enough to be hashed where it is met.
const AT_ONCE: usize = 16 << 10;

async fn hash(env: &Env, value: Bytes) -> Result<blake3::Hash> {
    match value.len() <= AT_ONCE {
        true => Ok(blake3::hash(&value)),
        false => env.blocking(Op::Verify, &InFlight::new(), move || Ok(blake3::hash(&value))).await,
    }
}

/// The row of a value that comes as a stream; read anew if it changes meanwhile.
async fn streamed(
    env: &Env,
    store: &Arc<dyn Store>,
    job: &JobOptions,
    key: Key,
    facts: Facts,
    size: u64,
    body: ByteStream,
) -> Result<Option<Row>> {
    let (mut facts, mut size, mut body) = (facts, size, body);
    for round in 1.. {
        match hash_stream(env, body).await {
            Ok(hash) => return Ok(Some(Row { key, size, facts, hash: Some(hash) })),
            Err(error) if error.is(ErrorKind::Conflict) && round < 8 => {}
            Err(error) => return Err(error),
        }
        match copy::reopen(store, job, &key).await? {
            Some(again) => (facts, size, body) = again,
            None => return Ok(None),
        }
    }
    unreachable!("the last round returns")
}

async fn hash_stream(env: &Env, mut body: ByteStream) -> Result<blake3::Hash> {
    let mut hasher = Box::new(blake3::Hasher::new());
    while let Some(bytes) = body.try_next().await? {
        let work = move || {
            hasher.update(&bytes);
            Ok(hasher)
        };
        hasher = env.blocking(Op::Verify, &InFlight::new(), work).await?;
    }
    Ok(hasher.finalize())
}

fn by_facts(store: Arc<dyn Store>, judge: Judge, job: JobOptions) -> BoxStream<'static, Result<Row>> {
    let width = job.width_for(store.guarantees());
    let listed = store.list_opts(listing::options(&job, &judge, None));
    let rows = listed
        .map(move |item| {
            let (store, judge, job) = (store.clone(), judge.clone(), job.clone());
            async move {
                let Listed::Entry(meta) = item? else { return Ok(None) };
                if judge.wants(&meta.key, meta.size, meta.modified) == Some(false) {
                    return Ok(None);
                }
                let Some(meta) = fetch::told(&*store, meta, &job).await? else { return Ok(None) };
                if judge.wants(&meta.key, meta.size, meta.modified) == Some(false) {
                    return Ok(None);
                }
                let size = meta.size.unwrap_or(0);
                Ok(Some(Row { facts: fetch::facts(&meta), key: meta.key, size, hash: None }))
            }
        })
        .buffered(width);
    rows.try_filter_map(|row| std::future::ready(Ok(row))).boxed()
}

/// A dump while its rows are made.
struct FromDump {
    reader: DumpReader,
    judge: Judge,
    depth: Depth,
    open: Option<(Key, u64, Facts, Box<blake3::Hasher>)>,
    ready: std::collections::VecDeque<Row>,
}

fn of_dump(reader: DumpReader, judge: Judge, depth: Depth) -> BoxStream<'static, Result<Row>> {
    let state = FromDump { reader, judge, depth, open: None, ready: Default::default() };
    let rows = stream::try_unfold(state, |mut state| async move {
        loop {
            if let Some(row) = state.ready.pop_front() {
                return Ok(Some((row, state)));
            }
            match state.reader.next().await? {
                Some((_, segment)) => state.take(segment),
                None => {
                    state.reader.check_end()?;
                    return Ok(None);
                }
            }
        }
    });
    rows.boxed()
}

impl FromDump {
    fn take(&mut self, segment: Segment) {
        let values = self.depth == Depth::Values;
        for piece in segment.pieces {
            let row = match piece {
                Piece::Entry(entry) => {
                    let size = entry.value.len() as u64;
                    let hash = values.then(|| blake3::hash(&entry.value));
                    Row { key: entry.key, size, facts: entry.facts, hash }
                }
                Piece::Begin { key, facts, size } => {
                    self.open = Some((key, size, facts, Box::default()));
                    continue;
                }
                Piece::Chunk(bytes, _) => {
                    if let (Some((_, _, _, hasher)), true) = (&mut self.open, values) {
                        hasher.update(&bytes);
                    }
                    continue;
                }
                Piece::End(_) => {
                    let Some((key, size, facts, hasher)) = self.open.take() else { continue };
                    Row { key, size, facts, hash: values.then(|| hasher.finalize()) }
                }
                Piece::Abandon => {
                    self.open = None;
                    continue;
                }
            };
            let modified = row.facts.modified.or(Some(std::time::UNIX_EPOCH));
            if self.judge.wants(&row.key, Some(row.size), modified) != Some(false) {
                self.ready.push_back(row);
            }
        }
    }
}
