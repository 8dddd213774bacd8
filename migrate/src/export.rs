//! Writes a store into a dump.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use larder_store_core::{ByteStream, Error, ErrorKind, Key, Listed, Op, Result, Store, time};

use crate::copy;
use crate::dump::{
    self, CHUNK, Chain, Consistency, DumpPlace, DumpReader, DumpWriter, Entry, Facts, Header, Parts, Piece,
    Position, There, Trailer,
};
use crate::fetch::{self, Fetched, Room};
use crate::fit::{self, Class};
use crate::listing::{self, Seen};
use crate::options::{ExportOptions, JobOptions, Resume};
use crate::preflight;
use crate::report::{Phase, Report, Teller};
use crate::select::Judge;
use crate::state;

/// How often a value is read anew that changed while it was read.
const ROUNDS: usize = 8;
/// How many chunks of a value are hashed, or wait to be written, while the next is read.
const HASHED: usize = 2;

/// Writes the entries of `source` into a dump.
///
/// A file has `.partial` behind its name until it is whole. A run that is killed or cancelled leaves the parts that it
/// wrote; the same call goes on behind the last checkpoint in them. (What goes to an output, or to an object in one part, begins
/// anew.) Entries that change meanwhile are in the dump as they stood at some moment, unless [`ExportOptions::snapshot`] is
/// asked for.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> larder_store_core::Result<()> {
/// # use larder_store_core::StoreExt;
/// # let registry = larder_store_backends::registry();
/// # let open = async |url| registry.open_url(url, &Default::default()).await;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("users.larder");
/// use larder_migrate::{DumpPlace, ExportOptions, WriteOptions, export, import};
///
/// let source = open("memory:").await?;
/// source.put("user/7", "Anna").await?;
/// let report = export(source, DumpPlace::file(&path), &ExportOptions::new()).await?;
/// assert_eq!(report.written, 1);
///
/// let target = open("memory:").await?;
/// import(DumpPlace::file(&path), target.clone(), &WriteOptions::new()).await?;
/// assert_eq!(target.get("user/7").await?.unwrap(), "Anna");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ErrorKind::Unsupported`] if the source holds what is no entry, and that may not be left out; [`ErrorKind::Invalid`] if there is a
/// dump of that name already, or the beginning of another one; [`ErrorKind::Conflict`] if a snapshot was wanted and the source
/// changed; those of the source and of the place.
pub async fn export(source: Arc<dyn Store>, place: DumpPlace, options: &ExportOptions) -> Result<Report> {
    let job = &options.job;
    let began = job.env.now();
    let judge = job.select.compile(job.env.wall())?;
    let teller = Teller::new(&job.env, job.progress.clone());
    let mut report = Report::default();
    if !source.guarantees().listing.ordered {
        return Err(Error::unsupported(Op::Export, "listings in order, which a dump needs,").at(source.id()));
    }
    place.check_source(source.id(), options)?;
    let parts = Parts::of(place, options.split.is_some(), job.call.clone())?;
    let there = parts.there(&job.env).await?;
    parts.refuse_otherwise(&there)?;
    let mut left_out = BTreeMap::new();
    // Before the names are taken down: what comes between would be in neither the dump nor the difference.
    let before = match options.snapshot {
        true => Some(fingerprint(&source, job, &judge).await?),
        false => None,
    };
    let (mut of, mut seen) = (None, Seen::default());
    if job.preflight {
        seen = Seen::of(job);
        let to = preflight::anything();
        let looked = preflight::of_store(&source, &to, job, &judge, &teller, &mut seen).await;
        // With nothing begun there is nothing to go on with.
        let found = looked.map_err(|e| if there.begun { state::resumable(e) } else { e })?;
        if !options.leave_out_foreign && !found.misfits.is_empty() {
            return Err(fit::refuse(&found.misfits, Op::Export).at(source.id()));
        }
        of = Some((found.entries, found.bytes));
    }
    let mut id = [0; 16];
    job.env.fill_random(&mut id);
    let mut header = Header::new(id, source.id().to_string(), job.env.wall());
    header.select = job.select.describe();
    let position = match resume(&parts, &there, &header, options, &teller).await? {
        None => Position::start(),
        Some((found, position)) => {
            header = found;
            let totals = position.totals;
            (report.written, report.bytes, report.resumed) = (totals.entries, totals.bytes, totals.entries);
            if let (true, Some(last)) = (options.leave_out_foreign, &position.key) {
                foreign_before(last, &source, job, &judge, &mut left_out).await?;
            }
            position
        }
    };
    teller.moving(of, report.resumed, Some(position.totals.bytes));
    let after = position.key.clone();
    let writer =
        DumpWriter::open(job.env.clone(), options.encoding, options.split, parts, header, position).await?;
    let room = Room::new(job.memory);
    let mut fill = Fill {
        writer,
        source: source.clone(),
        options,
        report: &mut report,
        left_out: &mut left_out,
        teller: &teller,
        unwanted: 0,
    };
    let filled = fill.all(judge.clone(), seen.or_listing(&*source, job, &judge, after.as_ref()), room).await;
    let (writer, unwanted) = (fill.writer, fill.unwanted);
    report.dump_bytes = writer.written();
    if let Err(error) = filled {
        // What was read goes out, so that a later run has the less to do. The first error is the one to tell.
        let _ = writer.suspend().await;
        teller.end();
        return Err(state::resumable(error));
    }
    let consistency = match before {
        None => Consistency::Fuzzy,
        // Both listings miss what was written and deleted between them. The dump must not have it. (What had expired may be
        // listed, and is gone when it is read.)
        Some((before, entries))
            if report.written + report.gone + unwanted == entries
                && (before, entries) == fingerprint(&source, job, &judge).await? =>
        {
            Consistency::Snapshot
        }
        Some(_) => {
            return Err(Error::new(
                ErrorKind::Conflict,
                Op::Export,
                "the source changed while it was exported, and a snapshot was wanted",
            )
            .at(source.id())
            .hint(
                "stop those who write, or export without a snapshot; the dump was left without a trailer",
            ));
        }
    };
    report.snapshot = consistency == Consistency::Snapshot;
    report.left_out = left_out.clone();
    let trailer = Trailer::new(job.env.wall(), consistency, left_out);
    report.dump_bytes = writer.finish(trailer).await?;
    report.took = job.env.now().duration_since(began);
    teller.end();
    Ok(report)
}

/// The state of a dump while it is filled.
struct Fill<'a> {
    writer: DumpWriter,
    source: Arc<dyn Store>,
    options: &'a ExportOptions,
    report: &'a mut Report,
    left_out: &'a mut BTreeMap<String, u64>,
    teller: &'a Teller,
    /// Entries of which only their values' meta told that they are not wanted.
    unwanted: u64,
}

impl Fill<'_> {
    async fn all(
        &mut self,
        judge: Judge,
        listed: BoxStream<'static, Result<Listed>>,
        room: Room,
    ) -> Result<()> {
        let job = &self.options.job;
        let mut fetched = std::pin::pin!(fetch::fetch(self.source.clone(), listed, job, judge, room));
        while let Some(item) = fetched.next().await {
            job.call.check(&job.env, Op::Export)?;
            match item? {
                Fetched::Whole(entry, hold) => {
                    self.whole(entry).await?;
                    drop(hold);
                }
                Fetched::Stream { key, facts, size, body, hold } => {
                    self.streamed(key, facts, size, body).await?;
                    drop(hold);
                }
                Fetched::Gone => self.report.gone += 1,
                Fetched::Unwanted => self.unwanted += 1,
                Fetched::Foreign { .. } if self.options.leave_out_foreign => leave_out_foreign(self.left_out),
                Fetched::Foreign { name, why } => return Err(copy::foreign(&name, &why, &self.source)),
            }
        }
        Ok(())
    }

    fn count(&mut self, key: &Key, bytes: u64) {
        self.report.written += 1;
        self.report.bytes += bytes;
        self.teller.add(1, bytes, Some(key));
    }

    async fn whole(&mut self, entry: Entry) -> Result<()> {
        let (key, bytes) = (entry.key.clone(), entry.value.len() as u64);
        if entry.value.len() > CHUNK {
            // It grew since it was listed.
            let body = Box::pin(futures_util::stream::iter([Ok(entry.value)]));
            return self.streamed(entry.key, entry.facts, bytes, body).await;
        }
        self.writer.push(Piece::Entry(entry)).await?;
        self.count(&key, bytes);
        Ok(())
    }

    /// Writes a value in chunks; begins it anew if it changes meanwhile.
    async fn streamed(&mut self, key: Key, facts: Facts, size: u64, body: ByteStream) -> Result<()> {
        let (mut facts, mut size, mut body) = (facts, size, body);
        for round in 1.. {
            self.writer.push(Piece::Begin { key: key.clone(), facts: facts.clone(), size }).await?;
            match self.chunks(&key, size, body).await {
                Ok(()) => {
                    self.writer.end_value().await?;
                    self.count(&key, size);
                    return Ok(());
                }
                Err(error) if error.is(ErrorKind::Conflict) && round < ROUNDS => {}
                Err(error) => return Err(error),
            }
            self.writer.push(Piece::Abandon).await?;
            match copy::reopen(&self.source, &self.options.job, &key).await? {
                Some(again) => (facts, size, body) = again,
                None => {
                    self.report.gone += 1;
                    return Ok(());
                }
            }
        }
        unreachable!("the last round returns")
    }

    async fn chunks(&mut self, key: &Key, size: u64, body: ByteStream) -> Result<()> {
        let env = &self.options.job.env;
        let chunks = pieces(body).map_ok(|bytes| dump::chunk(env, bytes)).try_buffered(HASHED);
        let (mut chunks, mut seen) = (std::pin::pin!(chunks), 0);
        while let Some(chunk) = chunks.try_next().await? {
            if let Piece::Chunk(bytes, _) = &chunk {
                seen += bytes.len() as u64;
            }
            self.writer.push(chunk).await?;
        }
        match seen == size {
            true => Ok(()),
            false => {
                let why = format!("a value of {size} bytes came with {seen}");
                Err(Error::new(ErrorKind::Corrupt, Op::GetStream, why).at(self.source.id()).on(key))
            }
        }
    }
}

/// A body in pieces of [`CHUNK`] bytes, but for the last. Those that come so are handed on as they are.
fn pieces(body: ByteStream) -> impl Stream<Item = Result<Bytes>> + Send {
    futures_util::stream::try_unfold((body.fuse(), Bytes::new()), async |(mut body, mut rest)| {
        if rest.is_empty() {
            rest = body.try_next().await?.unwrap_or_default();
        }
        let piece = if rest.len() >= CHUNK {
            rest.split_to(CHUNK)
        } else if let Some(more) = body.try_next().await? {
            let mut joined = BytesMut::with_capacity(CHUNK);
            joined.extend_from_slice(&std::mem::replace(&mut rest, more));
            loop {
                joined.extend_from_slice(&rest.split_to(rest.len().min(CHUNK - joined.len())));
                if joined.len() == CHUNK {
                    break;
                }
                match body.try_next().await? {
                    Some(more) => rest = more,
                    None => break,
                }
            }
            joined.freeze()
        } else {
            std::mem::take(&mut rest)
        };
        Ok((!piece.is_empty()).then_some((piece, (body, rest))))
    })
}

/// What an interrupted run left of the same job: its header, and where to go on.
async fn resume(
    parts: &Parts,
    there: &There,
    wanted: &Header,
    options: &ExportOptions,
    teller: &Teller,
) -> Result<Option<(Header, Position)>> {
    let job = &options.job;
    let env = &job.env;
    if there.whole == 0 && !there.begun {
        return Ok(None);
    }
    // A dump in one part is whole where it has its name, and is replaced when the new one is whole.
    if there.whole > 0 && !parts.are_many() && !options.replace {
        return Err(taken(parts));
    }
    if options.resume == Resume::Restart || (options.snapshot && there.begun) {
        if there.whole > 0 && !options.replace && ends_whole(parts, there.whole, options, teller).await? {
            return Err(taken(parts));
        }
        if parts.are_many() {
            parts.remove(env, there).await?;
        }
        return Ok(None);
    }
    teller.phase(Phase::Resuming, None, None);
    // The part that was begun, and where nothing in it is of use, the whole one before it.
    let (begun, whole) = match parts.are_many() {
        true => {
            (there.begun.then_some((there.whole, true)), there.whole.checked_sub(1).map(|part| (part, false)))
        }
        false => (there.begun.then_some((0, true)), None),
    };
    for (part, begun) in begun.into_iter().chain(whole) {
        let Some(found) = scan(parts, part, begun, options, teller).await? else { continue };
        if found.chain.trailer.is_some() {
            if !options.replace {
                return Err(taken(parts));
            }
            parts.remove(env, there).await?;
            return Ok(None);
        }
        let header = found.chain.header.clone().expect("a checkpoint has a header before it");
        if (&header.source, &header.select) != (&wanted.source, &wanted.select)
            || found.encoding_differs(options)
        {
            return Err(Error::new(
                ErrorKind::Invalid,
                Op::Export,
                format!("{}: the beginning of another dump is there, of {}", parts.name(), header.source),
            )
            .hint("finish that export, choose another name, or restart, which removes it"));
        }
        let position = Position {
            part: if begun { part } else { part + 1 },
            at: if begun { found.at } else { 0 },
            running: found.chain.running,
            totals: found.chain.totals,
            key: found.chain.key.clone(),
        };
        return Ok(Some((header, position)));
    }
    // What was begun has not got to its first checkpoint.
    match whole {
        None => Ok(None),
        Some(_) => Err(Error::new(
            ErrorKind::Corrupt,
            Op::Export,
            format!("{}: the parts that are there are damaged", parts.name()),
        )
        .hint("restart, which removes them")),
    }
}

fn taken(parts: &Parts) -> Error {
    let why = format!("{}: a whole dump is there already", parts.name());
    Error::new(ErrorKind::Invalid, Op::Export, why).hint("choose another name, or have it replaced")
}

async fn ends_whole(parts: &Parts, whole: u64, options: &ExportOptions, teller: &Teller) -> Result<bool> {
    let found = scan(parts, whole - 1, false, options, teller).await?;
    Ok(found.is_some_and(|found| found.chain.trailer.is_some()))
}

/// How far a part is good.
struct Scanned {
    chain: Chain,
    at: u64,
    encoding: Option<dump::Found>,
}

impl Scanned {
    fn encoding_differs(&self, options: &ExportOptions) -> bool {
        self.encoding.is_some_and(|found| found != options.encoding.found())
    }
}

/// Counts what is no entry before `last`, where an earlier run left it out.
async fn foreign_before(
    last: &Key,
    source: &Arc<dyn Store>,
    job: &JobOptions,
    judge: &Judge,
    left_out: &mut BTreeMap<String, u64>,
) -> Result<()> {
    let mut listed = source.list_opts(listing::options(job, judge, None));
    while let Some(item) = listed.try_next().await? {
        match item {
            Listed::Entry(meta) if meta.key > *last => break,
            // Behind the last entry it is met again.
            Listed::Foreign { name, .. } if *name <= *last.as_str() => leave_out_foreign(left_out),
            _ => {}
        }
    }
    Ok(())
}

fn leave_out_foreign(left_out: &mut BTreeMap<String, u64>) {
    *left_out.entry(Class::Foreign.name().to_owned()).or_default() += 1;
}

/// Reads a part up to its last checkpoint between two entries. None if there is no such.
async fn scan(
    parts: &Parts,
    part: u64,
    begun: bool,
    options: &ExportOptions,
    teller: &Teller,
) -> Result<Option<Scanned>> {
    let job = &options.job;
    let Some(read) = parts.read_back(part, begun) else { return Ok(None) };
    let mut reader = DumpReader::of_part(job.env.clone(), read, job.call.clone(), part);
    let mut good = None;
    loop {
        match reader.next().await {
            Ok(Some((at, segment))) => {
                teller.add(segment.pieces.len() as u64, segment.length, reader.chain().key.as_ref());
                // A trailer in what has not got its name is written again.
                let over = begun && reader.chain().trailer.is_some();
                if !reader.chain().is_open() && !over {
                    let at = at.offset + segment.length;
                    good = Some(Scanned { chain: reader.chain().clone(), at, encoding: reader.found() });
                }
            }
            Ok(None) => return Ok(good),
            // A kill cuts the last segment.
            Err(error) if error.is(ErrorKind::Corrupt) && begun => return Ok(good),
            Err(error) if error.is(ErrorKind::Corrupt) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

/// A hash of what a listing tells of each entry, and how many of them may be wanted.
async fn fingerprint(
    source: &Arc<dyn Store>,
    job: &JobOptions,
    judge: &Judge,
) -> Result<(blake3::Hash, u64)> {
    let (mut hasher, mut entries) = (blake3::Hasher::new(), 0);
    let mut listed = source.list_opts(listing::options(job, judge, None));
    while let Some(item) = listed.try_next().await? {
        let Listed::Entry(meta) = item else { continue };
        let Some(version) = &meta.version else {
            return Err(
                Error::unsupported(Op::Export, "snapshots: its listings tell no versions").at(source.id())
            );
        };
        let modified = meta.modified.and_then(time::to_nanos);
        // Lengths first, so that no two listings hash alike.
        let line = format!("{}:{}{:?}{:?}{modified:?}\n", meta.key.len(), meta.key, meta.size, version);
        hasher.update(line.as_bytes());
        entries += u64::from(judge.wants(&meta.key, meta.size, meta.modified) != Some(false));
    }
    Ok((hasher.finalize(), entries))
}
