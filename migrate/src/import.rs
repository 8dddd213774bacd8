//! Reads a dump into a store.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use larder_store_core::{ErrorKind, Key, Op, Result, Store};

use crate::dump::{At, Chain, DumpPlace, DumpReader, Entry, Facts, Piece, Segment};
use crate::feed::{Feed, feed};
use crate::fetch::{Hold, Room};
use crate::fit;
use crate::flights::Flights;
use crate::options::{Unfit, WriteOptions};
use crate::pace::Pace;
use crate::preflight;
use crate::put::Putter;
use crate::report::{Counts, Report, Teller};
use crate::select::Judge;
use crate::state::{self, Low, Mark, Memory};

/// The class of a value that a dump breaks off in.
const CUT: &str = "cut short";

/// Writes the entries of a dump into `target`.
///
/// A dump that can be read twice is read through and checked before anything is written, unless
/// [`JobOptions::preflight`](crate::JobOptions::preflight) says otherwise. Each entry is checked again before it is written. A run that is
/// killed or cancelled leaves in the target how far it came; the same call goes on behind that.
///
/// Lines of JSON without a header are taken as well: `{"key": "a", "text": "value"}`, or `base64` in place of `text`, with the facts of an
/// entry where there are any.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for a dump that is damaged, cut or has no trailer; [`ErrorKind::Unsupported`] before anything is written
/// if the target cannot carry something and [`WriteOptions::unfit`] does not say what then; [`ErrorKind::Conflict`] for a key that the
/// target has with another content, as [`WriteOptions::on_conflict`] says; those of the place and of the target.
pub async fn import(place: DumpPlace, target: Arc<dyn Store>, options: &WriteOptions) -> Result<Report> {
    let (job, _guard) = options.job.owned();
    let options = &options.clone().with_job(job);
    let job = &options.job;
    let began = job.env.now();
    let judge = job.select.compile(job.env.wall())?;
    let teller = Teller::new(&job.env, job.progress.clone());
    let mut report = Report::default();
    let mut reader = DumpReader::open(job.env.clone(), place, job.call.clone()).await?;
    let (mut of, mut resumed_bytes) = (None, Some(0));
    if let (true, Some(mut first)) = (job.preflight, reader.again()) {
        let found =
            preflight::of_dump(&mut first, target.guarantees(), &judge, &teller, options.incomplete).await?;
        if options.unfit == Unfit::Refuse && !found.misfits.is_empty() {
            return Err(fit::refuse(&found.misfits, Op::Import).at(target.id()));
        }
        of = Some((found.entries, found.bytes));
    }
    let mut next = reader.next().await;
    let (mut memory, mut counts) = (None, Counts::default());
    if let Some(header) = reader.chain().header.clone() {
        let id: String = header.id.iter().map(|b| format!("{b:02x}")).collect();
        let words = ["import", &id, &job.select.describe()];
        let mut kept = Memory::of(target.clone(), &words, options)?;
        if let Some(state) = kept.begin(options.resume).await?
            && let Mark::Dump { part, offset, running, totals, key } = state.mark
        {
            let key = key.map(Key::new).transpose()?;
            let chain = Chain::at(header, part, running, totals, key);
            reader.go_to(At { part, offset }, chain).await?;
            (counts, report.resumed) = (state.counts, state.entries);
            // Of a selection the dump's own totals tell too much.
            resumed_bytes = (state.entries == totals.entries).then_some(totals.bytes);
            next = reader.next().await;
        }
        memory = Some(kept);
    }
    teller.moving(of, report.resumed, resumed_bytes);
    let putter =
        Putter::new(target.clone(), options.on_conflict, options.unfit, job.call.clone(), job.env.clone());
    let (batch, at_once) = job.batches_for(target.guarantees());
    // Lines of others may name a key twice: then the later one has to come later.
    let at_once = if reader.chain().header.is_some() { at_once } else { 1 };
    let mut run = Run {
        options,
        judge,
        putter,
        room: Room::new(job.memory),
        pace: Pace::new(job.rate),
        batch,
        at_once,
        flights: Flights::new(&job.env, counts),
        begun: report.resumed,
        open: None,
        report: &mut report,
        memory: memory.as_mut(),
        teller: &teller,
    };
    let ended = run.all(&mut reader, next).await;
    let counts = run.settle(ended).await.map_err(state::resumable)?;
    report.take(counts);
    report.took = job.env.now().duration_since(began);
    teller.end();
    target.flush(&job.call).await.map_err(state::resumable)?;
    if let Some(mut memory) = memory {
        memory.forget().await.map_err(state::resumable)?;
    }
    Ok(report)
}

/// A dump while it is read into a store.
struct Run<'a> {
    options: &'a WriteOptions,
    judge: Judge,
    putter: Putter,
    room: Room,
    pace: Pace,
    batch: usize,
    at_once: usize,
    flights: Flights<Low>,
    /// Entries that were begun, those of earlier runs included.
    begun: u64,
    /// Where the chunks of the value that is open go; `None` inside for one that is not wanted.
    open: Option<Option<Feed>>,
    report: &'a mut Report,
    memory: Option<&'a mut Memory>,
    teller: &'a Teller,
}

impl Run<'_> {
    async fn all(&mut self, reader: &mut DumpReader, first: Result<Option<(At, Segment)>>) -> Result<()> {
        let mut next = first;
        loop {
            let (at, segment) = match next {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(error) if self.options.incomplete && error.is(ErrorKind::Corrupt) => {
                    self.report.incomplete = Some(error.to_string());
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            self.options.job.call.check(&self.options.job.env, Op::Import)?;
            let length = segment.length;
            self.report.dump_bytes += length;
            self.segment(segment).await?;
            let chain = reader.chain();
            if self.open.is_none() && chain.header.is_some() {
                let mark = Mark::Dump {
                    part: at.part,
                    offset: at.offset + length,
                    running: chain.running,
                    totals: chain.totals,
                    key: chain.key.as_ref().map(|key| key.as_str().to_owned()),
                };
                self.flights.mark((mark, self.begun));
            }
            self.remember().await?;
            next = reader.next().await;
        }
        match reader.check_end() {
            Err(error) if self.options.incomplete => self.report.incomplete = Some(error.to_string()),
            ended => ended?,
        }
        Ok(())
    }

    async fn segment(&mut self, segment: Segment) -> Result<()> {
        let mut group: Vec<Entry> = Vec::new();
        let mut holds: Vec<Hold> = Vec::new();
        for piece in segment.pieces {
            match piece {
                Piece::Entry(entry) => {
                    let size = entry.value.len() as u64;
                    if !self.wants(&entry.key, size, &entry.facts) {
                        continue;
                    }
                    let job = &self.options.job;
                    self.pace.wait(&job.env, &job.call, 1, size).await?;
                    if group.len() >= self.batch {
                        self.launch(std::mem::take(&mut group), std::mem::take(&mut holds)).await?;
                    }
                    // What is in hand goes out first: it may be what fills the room.
                    let hold = match self.room.try_take(size) {
                        Some(hold) => hold,
                        None => {
                            self.launch(std::mem::take(&mut group), std::mem::take(&mut holds)).await?;
                            self.room_for(size).await?
                        }
                    };
                    group.push(entry);
                    holds.push(hold);
                }
                Piece::Begin { key, facts, size } => {
                    self.launch(std::mem::take(&mut group), std::mem::take(&mut holds)).await?;
                    let wanted = self.wants(&key, size, &facts);
                    let feed = if wanted { Some(self.begin(key, facts, size).await?) } else { None };
                    self.open = Some(feed);
                }
                Piece::Chunk(bytes, _) => {
                    if let Some(Some(feed)) = &self.open {
                        let job = &self.options.job;
                        self.pace.wait(&job.env, &job.call, 0, bytes.len() as u64).await?;
                        // Nobody may want it any more: the target has it.
                        let _ = feed.send(bytes).await;
                    }
                }
                Piece::End(_) => {
                    if let Some(Some(feed)) = self.open.take() {
                        let _ = feed.end().await;
                    }
                }
                Piece::Abandon => {
                    // It comes again, or is gone.
                    self.begun -= u64::from(self.open.take().flatten().is_some());
                }
            }
        }
        self.launch(group, holds).await
    }

    fn wants(&self, key: &Key, size: u64, facts: &Facts) -> bool {
        // An entry that does not say when it was written is of no age.
        let modified = facts.modified.or(Some(std::time::UNIX_EPOCH));
        self.judge.wants(key, Some(size), modified) != Some(false)
    }

    /// Waits for room, seeing writes out meanwhile.
    async fn room_for(&mut self, size: u64) -> Result<Hold> {
        loop {
            if let Some(hold) = self.room.try_take(size) {
                return Ok(hold);
            }
            if !self.land_one().await? {
                return Ok(self.room.take(size).await);
            }
        }
    }

    async fn launch(&mut self, entries: Vec<Entry>, holds: Vec<Hold>) -> Result<()> {
        let Some(last) = entries.last() else { return Ok(()) };
        self.teller.add(0, 0, Some(&last.key));
        self.make_way().await?;
        let putter = self.putter.clone();
        self.begun += entries.len() as u64;
        self.flights.begin(None, async move {
            let done = putter.whole(entries).await;
            drop(holds);
            done
        });
        Ok(())
    }

    async fn begin(&mut self, key: Key, facts: Facts, size: u64) -> Result<Feed> {
        self.teller.add(0, 0, Some(&key));
        self.make_way().await?;
        let (feed, body) = feed(Op::Import);
        self.begun += 1;
        let (putter, given_up) = (self.putter.clone(), feed.given_up());
        self.flights.begin(None, async move {
            match putter.stream(&key, &facts, size, body).await {
                // The dump abandons the value, or breaks off.
                Err(_) if given_up.load(Ordering::Acquire) => Ok(Counts::default()),
                done => done,
            }
        });
        Ok(feed)
    }

    /// Waits until one more may begin.
    async fn make_way(&mut self) -> Result<()> {
        while let Some(done) = self.flights.ended() {
            self.tell(&done?);
        }
        while self.flights.len() >= self.at_once {
            self.land_one().await?;
        }
        Ok(())
    }

    /// Sees one write out. False if none is under way.
    async fn land_one(&mut self) -> Result<bool> {
        let Some(done) = self.flights.next().await else { return Ok(false) };
        self.tell(&done?);
        Ok(true)
    }

    fn tell(&self, done: &Counts) {
        self.teller.add(done.seen(), done.bytes, None);
    }

    async fn remember(&mut self) -> Result<()> {
        while let Some(done) = self.flights.ended() {
            self.tell(&done?);
        }
        if let Some(memory) = &mut self.memory
            && memory.is_due()
            && let Some(low) = self.flights.take_low()
        {
            memory.save(low).await?;
        }
        Ok(())
    }

    /// Sees all writes out, whatever became of the reading; what was done, by earlier runs too.
    async fn settle(mut self, ended: Result<()>) -> Result<Counts> {
        // A value that the dump breaks off in must not end as if it were whole.
        if self.open.take().flatten().is_some() {
            self.flights.count(Counts::left_out(CUT));
        }
        let mut ended = ended;
        while let Some(done) = self.flights.next().await {
            match done {
                Ok(done) => self.tell(&done),
                Err(error) => ended = ended.and(Err(error)),
            }
        }
        if ended.is_err()
            && let Some(memory) = &mut self.memory
            && let Some(low) = self.flights.take_low()
        {
            // The first error is the one to tell.
            let _ = memory.save_at_last(low).await;
        }
        ended.map(|()| self.flights.into_counts())
    }
}
