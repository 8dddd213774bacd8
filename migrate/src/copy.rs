//! Copies a store into another.

use std::sync::{Arc, OnceLock};

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use larder_store_core::{ByteStream, Error, ErrorKind, GetOptions, Got, Key, Listed, Op, Result, Store};

use crate::dump::Facts;
use crate::fetch::{self, Fetched, Hold, Room};
use crate::fit;
use crate::flights::Flights;
use crate::listing::Seen;
use crate::options::{JobOptions, Unfit, WriteOptions};
use crate::overlap;
use crate::preflight;
use crate::put::Putter;
use crate::report::{Counts, Report, Teller};
use crate::select::Judge;
use crate::state::{self, Low, Mark, Memory};

/// Bytes of the values of a batch, about.
const BATCH_BYTES: usize = 4 << 20;
/// How often a value is read anew that changed while it was read.
const ROUNDS: usize = 8;

/// Copies the entries of `source` into `target`, with their attributes and expiry.
///
/// A run that is killed or cancelled leaves in the target how far it came; the same call goes on behind that. Entries that
/// change in the source meanwhile are copied as they stood at some moment; [`verify`](crate::verify) tells what is so.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> larder_store_core::Result<()> {
/// # use larder_store_core::{Env, StoreExt};
/// # let registry = larder_store_backends::registry();
/// # let open = async |url| registry.open_url(url, &Default::default()).await;
/// use larder_migrate::{WriteOptions, copy};
///
/// let (source, target) = (open("memory:").await?, open("memory:").await?);
/// source.put("user/7", "Anna").await?;
/// let report = copy(source, target.clone(), &WriteOptions::new()).await?;
/// assert_eq!(report.written, 1);
/// assert_eq!(target.get("user/7").await?.unwrap(), "Anna");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ErrorKind::Unsupported`] before anything is written if the target cannot carry something and
/// [`WriteOptions::unfit`] does not say what then; [`ErrorKind::Conflict`] for a key that the target has with another
/// content, as [`WriteOptions::on_conflict`] says; those of both stores. What was written before an error stays.
pub async fn copy(source: Arc<dyn Store>, target: Arc<dyn Store>, options: &WriteOptions) -> Result<Report> {
    let (job, _guard) = options.job.owned();
    let options = &options.clone().with_job(job);
    let job = &options.job;
    let began = job.env.now();
    overlap::refuse(source.id(), target.id())?;
    let judge = job.select.compile(job.env.wall())?;
    let teller = Teller::new(&job.env, job.progress.clone());
    let mut report = Report::default();
    let (mut of, mut seen) = (None, Seen::default());
    if job.preflight {
        seen = Seen::of(job);
        let found =
            preflight::of_store(&source, target.guarantees(), job, &judge, &teller, &mut seen).await?;
        if options.unfit == Unfit::Refuse && !found.misfits.is_empty() {
            return Err(fit::refuse(&found.misfits, Op::Copy).at(target.id()));
        }
        of = Some((found.entries, found.bytes));
    }
    let (from, select) = (format!("{:?}", source.id()), job.select.describe());
    let mut memory = Memory::of(target.clone(), &["copy", &from, &select], options)?;
    let (mut after, mut counts) = (None, Counts::default());
    if let Some(state) = memory.begin(options.resume).await?
        && let Mark::Key(key) = state.mark
    {
        (after, counts, report.resumed) = (Some(Key::new(key)?), state.counts, state.entries);
    }
    teller.moving(of, report.resumed, (report.resumed == 0).then_some(0));
    let flights = Flights::new(&job.env, counts);
    let listed = seen.or_listing(&*source, job, &judge, after.as_ref());
    let ended =
        Run { source: &source, target: &target, options, memory: &mut memory, teller: &teller, flights }
            .all(judge, listed, report.resumed)
            .await;
    report.took = job.env.now().duration_since(began);
    teller.end();
    report.take(ended.map_err(state::resumable)?);
    target.flush(&job.call).await.map_err(state::resumable)?;
    memory.forget().await.map_err(state::resumable)?;
    Ok(report)
}

/// A copy that goes on.
struct Run<'a> {
    source: &'a Arc<dyn Store>,
    target: &'a Arc<dyn Store>,
    options: &'a WriteOptions,
    memory: &'a mut Memory,
    teller: &'a Teller,
    flights: Flights<Low>,
}

impl Run<'_> {
    /// Moves all that is listed, before which come `begun` entries; what was done, by earlier runs too.
    async fn all(
        mut self,
        judge: Judge,
        listed: BoxStream<'static, Result<Listed>>,
        begun: u64,
    ) -> Result<Counts> {
        let (options, target) = (self.options, self.target);
        let job = &options.job;
        let putter = Putter::new(
            target.clone(),
            options.on_conflict,
            options.unfit,
            job.call.clone(),
            job.env.clone(),
        );
        let (batch, at_once) = job.batches_for(target.guarantees());
        let ordered = self.source.guarantees().listing.ordered;
        let room = Room::new(job.memory);
        let mut fetched =
            std::pin::pin!(fetch::fetch(self.source.clone(), listed, job, judge, room).ready_chunks(batch));
        let (mut reading, mut failed, mut begun) = (true, None, begun);
        while reading || self.flights.len() > 0 {
            let done = tokio::select! {
                biased;
                Some(done) = self.flights.next(), if self.flights.len() > 0 => done,
                items = fetched.next(), if reading && self.flights.len() < at_once => {
                    match items {
                        None => reading = false,
                        Some(items) => {
                            let called = job.call.check(&job.env, Op::Copy);
                            if let Err(error) = called.and_then(|()| self.launch(items, &putter, &mut begun)) {
                                (reading, failed) = (false, failed.or(Some(error)));
                            }
                        }
                    }
                    continue;
                }
            };
            match done {
                Ok(counts) => self.teller.add(counts.seen(), counts.bytes, None),
                Err(error) => (reading, failed) = (false, failed.or(Some(error))),
            }
            if failed.is_none()
                && ordered
                && self.memory.is_due()
                && let Some(low) = self.flights.take_low()
            {
                self.memory.save(low).await?;
            }
        }
        let Some(error) = failed else { return Ok(self.flights.into_counts()) };
        if let (true, Some(low)) = (ordered, self.flights.take_low()) {
            // The first error is the one to tell.
            let _ = self.memory.save_at_last(low).await;
        }
        Err(error)
    }

    /// Begins to write what was read.
    fn launch(&mut self, items: Vec<Result<Fetched>>, putter: &Putter, begun: &mut u64) -> Result<()> {
        let mut group = Group::default();
        for item in items {
            match item {
                Ok(Fetched::Whole(entry, hold)) => {
                    group.bytes += entry.value.len();
                    group.entries.push(entry);
                    group.holds.push(hold);
                    if group.bytes >= BATCH_BYTES {
                        self.send(&mut group, putter, begun);
                    }
                }
                Ok(Fetched::Stream { key, facts, size, body, hold }) => {
                    self.send(&mut group, putter, begun);
                    let (putter, source) = (putter.clone(), self.source.clone());
                    let job = self.options.job.clone();
                    *begun += 1;
                    let mark = (Mark::Key(key.as_str().to_owned()), *begun);
                    self.teller.add(0, 0, Some(&key));
                    self.flights.begin(Some(mark), async move {
                        let _hold = hold;
                        streamed(&putter, &source, &job, &key, facts, size, body).await
                    });
                }
                Ok(Fetched::Gone) => self.flights.count(Counts::gone()),
                Ok(Fetched::Unwanted) => {}
                Ok(Fetched::Foreign { name, why }) => {
                    // Before a mark counts only what comes before it in the listing.
                    self.send(&mut group, putter, begun);
                    if self.options.unfit == Unfit::Refuse {
                        return Err(foreign(&name, &why, self.source));
                    }
                    self.flights.count(Counts::left_out(fit::Class::Foreign.name()));
                }
                Err(error) => {
                    self.send(&mut group, putter, begun);
                    return Err(error);
                }
            }
        }
        self.send(&mut group, putter, begun);
        Ok(())
    }

    /// Begins to write entries that go out together.
    fn send(&mut self, group: &mut Group, putter: &Putter, begun: &mut u64) {
        let Group { entries, holds, .. } = std::mem::take(group);
        let Some(last) = entries.last().map(|entry| entry.key.clone()) else { return };
        let putter = putter.clone();
        *begun += entries.len() as u64;
        self.teller.add(0, 0, Some(&last));
        self.flights.begin(Some((Mark::Key(last.as_str().to_owned()), *begun)), async move {
            let done = putter.whole(entries).await;
            drop(holds);
            done
        });
    }
}

/// The error of something in the source that is no entry.
pub(crate) fn foreign(name: &str, why: &str, source: &Arc<dyn Store>) -> Error {
    let why = format!("{name:?} is no entry: {why}");
    Error::new(ErrorKind::Unsupported, Op::Copy, why).at(source.id()).hint(fit::ADVICE)
}

/// Entries that go out together.
#[derive(Default)]
struct Group {
    entries: Vec<crate::dump::Entry>,
    holds: Vec<Hold>,
    bytes: usize,
}

/// Writes a value from a stream, which is opened anew if the value changes meanwhile.
async fn streamed(
    putter: &Putter,
    source: &Arc<dyn Store>,
    job: &JobOptions,
    key: &Key,
    facts: Facts,
    size: u64,
    body: ByteStream,
) -> Result<Counts> {
    let (mut facts, mut size, mut body) = (facts, size, body);
    let mut round = 1;
    loop {
        let (watched, broke) = watch(body);
        match putter.stream(key, &facts, size, watched).await {
            Err(_) if round < ROUNDS && broke.get().is_some_and(|e| e.is(ErrorKind::Conflict)) => round += 1,
            done => return done,
        }
        match reopen(source, job, key).await? {
            Some(again) => (facts, size, body) = again,
            None => return Ok(Counts::gone()),
        }
    }
}

/// A body that remembers its own error: a target's error may be the body's, or the target's own.
fn watch(body: ByteStream) -> (ByteStream, Arc<OnceLock<Error>>) {
    let broke = Arc::new(OnceLock::new());
    let note = broke.clone();
    let watched = body.inspect_err(move |error| {
        let _ = note.set(error.clone());
    });
    (watched.boxed(), broke)
}

/// Opens a value again that changed while it was read.
pub(crate) async fn reopen(
    source: &Arc<dyn Store>,
    job: &JobOptions,
    key: &Key,
) -> Result<Option<(Facts, u64, ByteStream)>> {
    let options = GetOptions::new().with_call(job.call.clone());
    match source.get_stream_opts(key, &options).await? {
        Got::Found { meta, body, .. } => {
            let size = meta.size.ok_or_else(|| {
                Error::new(ErrorKind::Corrupt, Op::GetStream, "a value without a size")
                    .at(source.id())
                    .on(key)
            })?;
            Ok(Some((fetch::facts(&meta), size, body)))
        }
        _ => Ok(None),
    }
}
