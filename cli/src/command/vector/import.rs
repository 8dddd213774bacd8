//! `larder vector import`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use clap::Args;
use larder::env::InFlight;
use larder::vector::{Collection, Metric, Precision, Row, Schema, Stats};
use larder::{ErrorKind, Op};
use serde_json::json;

use super::import_dump;
use crate::cx::Cx;
use crate::error::{Failure, Result};
use crate::open::Make;
use crate::progress::Progress;
use crate::vectors::feed::{Feed, Ids};
use crate::vectors::file;
use crate::vectors::lines::Lines;
use crate::vectors::open;
use crate::vectors::schema::{Keep, MetricArg};
use crate::vectors::writer::Writer;
use crate::{stores, units};

const EXAMPLES: &str = "\
Examples:
  larder vector import lmdb:papers docs.npy --first-id 1 --metric cosine
  larder vector import lmdb:papers docs.npy --ids ids.txt --payloads payloads.jsonl
  larder vector import file:small docs.fvecs --keep f16 --no-optimize --json
  larder vector import lmdb:elsewhere vectors.cbor";

/// Write vectors into a collection, and make it where there is none
///
/// FILE is an array of NumPy of two dimensions (.npy: f2, f4 or f8), vectors as the sets of TEXMEX have them (.fvecs), or a dump that
/// vector export wrote. Rows are written in batches, each durable before the next, in bounded memory; a row replaces the one of its id. At the end
/// all are put into segments, those together that are near each other. A store that is missing is made.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Import {
    /// The store: a URL, a stack, or @NAME.
    pub(super) store: String,
    /// The file of vectors, or the dump.
    pub(super) file: String,
    /// File with a line for each id: digits are a number, "in quotes" and everything else is a text.
    #[arg(long, value_name = "FILE", conflicts_with = "first_id")]
    ids: Option<PathBuf>,
    /// The id of the first vector; the next ones have the numbers behind it. 0 by default.
    #[arg(long, value_name = "NUMBER")]
    first_id: Option<u64>,
    /// File with a line of JSON for each vector: an object, which filters look into; null or nothing for none.
    #[arg(long, value_name = "FILE")]
    payloads: Option<PathBuf>,
    /// How near two vectors are, for a new collection: l2 by default.
    #[arg(long, value_name = "METRIC", value_enum)]
    metric: Option<MetricArg>,
    /// What is kept of vectors, for a new collection: f32 by default.
    #[arg(long, value_name = "WHAT", value_enum)]
    keep: Option<Keep>,
    /// Rows that are written together.
    #[arg(long, value_name = "NUMBER", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: u32,
    /// Pass over so many vectors: those that a run which was stopped has written.
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    skip: u64,
    /// Leave segments in the order of writing.
    #[arg(long)]
    pub(super) no_optimize: bool,
}

impl Import {
    pub(crate) async fn run(self, cx: &Cx) -> Result {
        if !file::is_named(&self.file) {
            return import_dump::run(cx, &self).await;
        }
        let began = cx.env.now();
        // What is wrong with a file is said before a store is made.
        let feed = self.feed()?;
        stores::with(cx, async |stores| {
            let store = stores.open(&self.store, Make::IfMissing).await?;
            let there = Collection::find(&store, &cx.call()).await?;
            let schema = self.schema(there, feed.vectors.dims())?;
            let writer = Writer::new(open::writer(cx, &store, schema).await?);
            let done = self.import(cx, &writer, feed, &schema, began).await;
            writer.close(cx).await;
            done
        })
        .await
    }

    /// An option that was given and says something of a file of vectors.
    pub(super) fn of_vectors(&self) -> Option<&'static str> {
        let given = [
            (self.ids.is_some(), "--ids"),
            (self.first_id.is_some(), "--first-id"),
            (self.payloads.is_some(), "--payloads"),
            (self.metric.is_some(), "--metric"),
            (self.keep.is_some(), "--keep"),
            (self.skip > 0, "--skip"),
        ];
        given.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
    }

    fn feed(&self) -> Result<Feed> {
        let vectors = file::open(Path::new(&self.file))?;
        let ids = match &self.ids {
            Some(path) => Ids::Lines(Lines::open(path)?),
            None => Ids::From(self.first_id.unwrap_or(0)),
        };
        let payloads = self.payloads.as_deref().map(Lines::open).transpose()?;
        Ok(Feed { vectors, path: self.file.clone().into(), ids, payloads, values: Vec::new() })
    }

    /// What there is, or is to be made.
    fn schema(&self, there: Option<Schema>, dims: usize) -> Result<Schema> {
        let file = &self.file;
        let Some(there) = there else {
            let dims = u32::try_from(dims).unwrap_or(u32::MAX);
            let metric = self.metric.unwrap_or(MetricArg::L2).into();
            return Ok(Schema::new(dims, metric).with_keep(self.keep.unwrap_or(Keep::F32).into()));
        };
        if dims != there.dims as usize {
            let why =
                format!("{file}: its vectors have {dims} values, and those of the collection {}", there.dims);
            return Err(Failure::usage(why).hint("vectors of one model belong in a collection of their own"));
        }
        let other = |what: &str| Failure::usage(format!("--{what}: the collection there has another one"));
        match (self.metric, self.keep) {
            (Some(metric), _) if there.metric != Metric::from(metric) => Err(other("metric")),
            (_, Some(keep)) if there.keep != Precision::from(keep) => Err(other("keep")),
            _ => Ok(there),
        }
        .map_err(|e| e.hint("leave it out, or name another store"))
    }

    async fn import(&self, cx: &Cx, writer: &Writer, feed: Feed, schema: &Schema, began: Instant) -> Result {
        let of = feed.vectors.rows().map(|rows| format!(" of {rows}")).unwrap_or_default();
        let feed = Arc::new(Mutex::new(feed));
        let inflight = InFlight::new();
        let read = async |work: Reading| {
            let feed = feed.clone();
            let work = move || work(&mut feed.lock().unwrap_or_else(|e| e.into_inner()));
            cx.env.blocking(Op::Import, &inflight, work).await
        };
        let skip = self.skip;
        if skip > 0 {
            let skipped = read(Box::new(move |feed| feed.skip(skip).map(|rows| (rows, Vec::new())))).await?.0;
            if skipped < skip {
                return Err(Failure::usage(format!("--skip {skip}: {} has {skipped} vectors", self.file)));
            }
        }
        let (batch, line, mut done) = (self.batch as usize, Progress::text(cx), skip);
        writer.tell(&line);
        let stopped = |done: u64| {
            Failure::Stopped(format!("run the same command again with --skip {done}: so many are written"))
        };
        loop {
            if cx.cancel.signal().is_some() {
                line.end();
                return Err(stopped(done));
            }
            let rows = read(Box::new(move |feed| feed.next(batch).map(|rows| (0, rows)))).await?.1;
            if rows.is_empty() {
                break;
            }
            let count = rows.len() as u64;
            if let Err(error) = writer.write(rows, &cx.call()).await {
                line.end();
                let cut = matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Unknown);
                return Err(if cut && cx.cancel.signal().is_some() { stopped(done) } else { error.into() });
            }
            done += count;
            let rate = units::rate(0, done - skip, cx.env.now().duration_since(began));
            line.say(format!("importing: {done}{of} vectors, {}", rate.replace("entries", "vectors")));
        }
        line.end();
        let stats = writer.settle(cx, !self.no_optimize).await.map_err(|failure| match failure {
            Failure::Interrupted => stopped(done),
            other => other,
        })?;
        tell(cx, done - skip, skip, &stats, schema, began)
    }
}

/// Tells what was done.
pub(super) fn tell(
    cx: &Cx,
    written: u64,
    skipped: u64,
    stats: &Stats,
    schema: &Schema,
    began: Instant,
) -> Result {
    let took = cx.env.now().duration_since(began);
    if cx.common.json {
        return cx.out.json(&json!({
            "written": written,
            "skipped": skipped,
            "dims": schema.dims,
            "rows": stats.rows,
            "segments": stats.segments,
            "stored_bytes": stats.stored,
            "took": took.as_secs_f64(),
        }));
    }
    if cx.common.quiet {
        return Ok(());
    }
    let row = |name: &str, text: String| cx.out.line(format!("{name:<11} {text}"));
    let bytes = written * u64::from(schema.dims) * 4;
    row("written", format!("{} of {} values", units::count(written, "vector", "vectors"), schema.dims))?;
    if skipped > 0 {
        row("skipped", format!("{}, as was asked for", units::count(skipped, "vector", "vectors")))?;
    }
    let (rows, segments) = (units::count(stats.rows, "row", "rows"), stats.segments as u64);
    let held = format!("{rows} in {}", units::count(segments, "segment", "segments"));
    row("collection", format!("{held}, {}", units::bytes(stats.stored)))?;
    row("took", units::took(took, bytes, written).replace("entries", "vectors"))
}

/// What is done with the files that are read: how many rows were passed over, and those that were read.
type Reading = Box<dyn FnOnce(&mut Feed) -> larder::Result<(u64, Vec<Row>)> + Send>;
