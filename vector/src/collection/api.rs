//! What callers see of a collection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use larder_store_core::{Call, Error, ErrorKind, Items, Op, Result, Store};

use super::core::Core;
use super::open::{Opened, open};
use super::options::{CollectionOptions, Role};
use super::search::{Answer, SearchOptions};
use super::writer::{self, Jobs};
use crate::manifest::{Precision, Schema};
use crate::row::Row;
use crate::tier::{Room, Tier};
use crate::tiers::{Explanation, Moved};
use crate::wal::Change;
use crate::{Id, Metric};

/// The longest payload, in bytes.
const MAX_PAYLOAD: usize = 64 * 1024;

/// Vectors by their ids, and the nearest of them: what engines other than [`Collection`] can be put behind.
#[async_trait]
pub trait VectorStore: Send + Sync {
    /// What all vectors have in common.
    fn schema(&self) -> &Schema;

    /// Writes rows, each in the place of one of its id that there was; of rows of the same id the last one counts. They are as
    /// durable as the store makes them when it returns.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`], before anything is written, for a row that is none; [`ErrorKind::Unknown`] where it is not known
    /// whether they were written; [`ErrorKind::Conflict`] where another writer has taken over; [`ErrorKind::Unavailable`], before
    /// anything is written, where no more is taken up for now.
    async fn upsert_opts(&self, rows: Vec<Row>, call: &Call) -> Result<()>;

    /// Removes the rows of some ids, where there are any.
    ///
    /// # Errors
    /// As [`upsert_opts`](VectorStore::upsert_opts).
    async fn delete_opts(&self, ids: Vec<Id>, call: &Call) -> Result<()>;

    /// The row of an id.
    ///
    /// # Errors
    /// Those of the store below.
    async fn get_opts(&self, id: &Id, call: &Call) -> Result<Option<Row>>;

    /// The `k` nearest rows of each query. Queries stand one after the other, as many values each as there are dimensions.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for queries that are none, and `k` of 0; those of the store below.
    async fn search_batch(&self, queries: &[f32], k: usize, options: &SearchOptions) -> Result<Vec<Answer>>;

    /// All rows, in no order: each that is there from the beginning of the scan to its end once.
    fn scan_opts(&self, call: &Call) -> Items<Row>;

    /// The `k` nearest rows of a query.
    ///
    /// # Errors
    /// As [`search_batch`](VectorStore::search_batch).
    async fn search(&self, query: &[f32], k: usize, options: &SearchOptions) -> Result<Answer> {
        if query.len() != self.schema().dims as usize {
            let why = format!("a query of {} values, and vectors have {}", query.len(), self.schema().dims);
            return Err(Error::new(ErrorKind::Invalid, Op::Search, why));
        }
        let mut answers = self.search_batch(query, k, options).await?;
        Ok(answers.pop().unwrap_or_default())
    }

    /// Writes rows, without a deadline.
    ///
    /// # Errors
    /// As [`upsert_opts`](VectorStore::upsert_opts).
    async fn upsert(&self, rows: Vec<Row>) -> Result<()> {
        self.upsert_opts(rows, &Call::default()).await
    }

    /// Removes rows, without a deadline.
    ///
    /// # Errors
    /// As [`delete_opts`](VectorStore::delete_opts).
    async fn delete(&self, ids: Vec<Id>) -> Result<()> {
        self.delete_opts(ids, &Call::default()).await
    }

    /// The row of an id, without a deadline.
    ///
    /// # Errors
    /// As [`get_opts`](VectorStore::get_opts).
    async fn get(&self, id: &Id) -> Result<Option<Row>> {
        self.get_opts(id, &Call::default()).await
    }

    /// All rows, without a deadline.
    fn scan(&self) -> Items<Row> {
        self.scan_opts(&Call::default())
    }
}

/// A collection of vectors in a store, to which it has to itself.
///
/// ```
/// use std::sync::Arc;
/// use larder_store_backends::memory::MemoryStore;
/// use larder_vector::{Collection, CollectionOptions, Metric, Row, Schema, SearchOptions, VectorStore};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> larder_store_core::Result<()> {
/// let store = Arc::new(MemoryStore::new());
/// let options = CollectionOptions::new().with_schema(Schema::new(2, Metric::L2));
/// let places = Collection::open(store, options).await?;
/// places.upsert(vec![Row::new(1, vec![0.0, 1.0]), Row::new(2, vec![5.0, 5.0])]).await?;
/// let answer = places.search(&[0.0, 0.5], 1, &SearchOptions::new()).await?;
/// assert_eq!((&answer.hits[0].id, answer.hits[0].distance), (&1.into(), 0.25));
/// assert!(answer.approximate.is_exact());
/// places.close().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Collection {
    core: Arc<Core>,
    jobs: std::sync::Mutex<Option<Jobs>>,
}

/// What a collection holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// Rows that count, those apart that were replaced since their segment was read.
    pub rows: u64,
    /// Rows in segments that count no more.
    pub dead: u64,
    /// Rows that are in no segment yet.
    pub unsealed: u64,
    /// About as many bytes of memory as what is in no segment yet takes, which no budget has.
    pub unsealed_bytes: u64,
    /// Segments.
    pub segments: usize,
    /// Segments in each tier, as [`Tier::ALL`] has them.
    pub tiers: [usize; 4],
    /// Codebooks that segments have codes of, and the newest.
    pub codebooks: usize,
    /// Bytes of the segments' objects in the store.
    pub stored: u64,
    /// The budget of memory, and what is used of it.
    pub memory: Room,
    /// The budget of files, and what is used of it.
    pub disk: Room,
    /// What has moved.
    pub moved: Moved,
    /// How many have been the writer.
    pub epoch: u64,
}

impl Collection {
    /// Opens the collection of a store, or makes it. Reads the manifest and the tail of the log, and nothing else.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for options that cannot be, and for a collection that is not there; [`ErrorKind::Conflict`] for one of
    /// another schema; [`ErrorKind::Unsupported`] for a store without conditional writes; those of the store.
    pub async fn open(store: Arc<dyn Store>, options: CollectionOptions) -> Result<Collection> {
        let Opened { core, log } = open(store, options).await?;
        let jobs = log.map(|log| writer::start(&core, log));
        if core.options.role == Role::Reader && core.options.follow > Duration::ZERO {
            super::follow::start(&core);
        }
        if core.options.background && core.options.rebalance > Duration::ZERO {
            crate::tiers::start(&core);
        }
        Ok(Collection { core, jobs: std::sync::Mutex::new(jobs) })
    }

    /// The schema of the collection that a store has, if it has one. Reads the manifest, and writes nothing.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn find(store: &Arc<dyn Store>, call: &Call) -> Result<Option<Schema>> {
        let found = crate::manifest::Manifest::read(store, call).await?;
        Ok(found.map(|(manifest, _)| manifest.schema))
    }

    fn jobs(&self, op: Op) -> Result<Jobs> {
        self.core.check_open(op)?;
        let jobs = self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        jobs.ok_or_else(|| {
            let error = Error::new(ErrorKind::Unsupported, op, "the collection was opened to read");
            error.at(self.core.store.id()).hint("open it with Role::Writer to write")
        })
    }

    /// Seals all that was written so far into segments.
    ///
    /// # Errors
    /// Those of the store; [`ErrorKind::Conflict`] where another writer has taken over.
    pub async fn flush(&self) -> Result<()> {
        let jobs = self.jobs(Op::Flush)?;
        writer::ask(&self.core, &jobs, writer::Work::Freeze, &Call::default()).await?;
        self.core.seal_all(&Call::default()).await
    }

    /// Rewrites all segments into as few as can be, with those rows together that are near each other, and without those that were
    /// deleted.
    ///
    /// # Errors
    /// As [`flush`](Collection::flush).
    pub async fn optimize(&self) -> Result<()> {
        self.jobs(Op::Maintain)?;
        self.core.cluster_all(&Call::default()).await
    }

    /// Rewrites segments of which much was deleted, and small ones, and gives those with codes of an old codebook new ones, as is done by
    /// itself after a seal.
    ///
    /// # Errors
    /// As [`flush`](Collection::flush).
    pub async fn vacuum(&self) -> Result<()> {
        self.jobs(Op::Maintain)?;
        self.core.tidy(&Call::default()).await
    }

    /// Removes objects that no manifest names and that were written longer ago than said: what a writer that was killed has left.
    /// How many there were.
    ///
    /// That is longer than a writer can be paused and go on: the slots of the log are removed as well that would tell it that it was
    /// fenced. A day is much, where processes are frozen for hours.
    ///
    /// # Errors
    /// As [`flush`](Collection::flush).
    pub async fn sweep(&self, older_than: Duration) -> Result<usize> {
        self.jobs(Op::Sweep)?;
        self.core.sweep(older_than, &Call::default()).await
    }

    /// Takes up what another process has written since.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn refresh(&self) -> Result<()> {
        self.core.refresh(&Call::default()).await
    }

    /// Looks at the tiers now, and moves segments as is worth it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn rebalance(&self) -> Result<()> {
        self.core.rebalance(&Call::default()).await
    }

    /// Why each segment is where it is.
    pub fn explain(&self) -> Vec<Explanation> {
        self.core.explain()
    }

    /// Holds a segment, by its number in [`explain`](Collection::explain), in a tier from the next [`rebalance`](Collection::rebalance)
    /// on, whatever its use; with `None` lets it go. For as long as this collection is open.
    pub fn pin(&self, segment: u64, tier: Option<Tier>) {
        self.core.pin(segment, tier);
    }

    /// What it holds.
    pub fn stats(&self) -> Stats {
        let core = &self.core;
        let view = core.view.load_full();
        let mut tiers = [0; 4];
        core.explain().iter().for_each(|segment| tiers[segment.tier as usize] += 1);
        let dead: u64 = view.segments.iter().map(|segment| u64::from(segment.dead_count())).sum();
        let sealed: u64 = view.segments.iter().map(|segment| u64::from(segment.entry.rows)).sum();
        let unsealed = view.unsealed();
        Stats {
            rows: sealed + unsealed - dead,
            dead,
            unsealed,
            unsealed_bytes: view.unsealed_bytes(),
            segments: view.segments.len(),
            tiers,
            codebooks: view.manifest.books.len(),
            stored: view
                .segments
                .iter()
                .map(|segment| &segment.entry)
                .map(|entry| entry.index_bytes + entry.vector_bytes + entry.payload_bytes)
                .sum(),
            memory: core.tiers.memory.room(),
            disk: core.tiers.disk.room(),
            moved: core.tiers.moved(),
            epoch: view.manifest.epoch,
        }
    }

    /// Waits for what goes on in the background, and closes the collection. What was written stays in the log until it is sealed.
    ///
    /// # Errors
    /// None so far.
    pub async fn close(&self) -> Result<()> {
        self.core.closed.store(true, Ordering::Release);
        drop(self.jobs.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take());
        self.core.inflight.wait().await;
        Ok(())
    }
}

impl Drop for Collection {
    fn drop(&mut self) {
        // Tasks in the background end at their next step.
        self.core.closed.store(true, Ordering::Release);
    }
}

#[async_trait]
impl VectorStore for Collection {
    fn schema(&self) -> &Schema {
        &self.core.schema
    }

    async fn upsert_opts(&self, rows: Vec<Row>, call: &Call) -> Result<()> {
        let jobs = self.jobs(Op::Upsert)?;
        for row in &rows {
            check(&self.core.schema, row).map_err(|error| {
                let why = format!("the vector {}: {}", row.id, error.why());
                Error::new(error.kind(), Op::Upsert, why).at(self.core.store.id())
            })?;
        }
        if rows.is_empty() {
            return Ok(());
        }
        let change = |row: Row| Change::Upsert { id: row.id, vector: row.vector, payload: row.payload };
        let changes = rows.into_iter().map(change).collect();
        writer::ask(&self.core, &jobs, writer::Work::Write(changes), call).await
    }

    async fn delete_opts(&self, ids: Vec<Id>, call: &Call) -> Result<()> {
        let jobs = self.jobs(Op::Delete)?;
        if ids.is_empty() {
            return Ok(());
        }
        for id in &ids {
            check_id(id).map_err(|error| {
                Error::new(error.kind(), Op::Delete, error.why().to_owned()).at(self.core.store.id())
            })?;
        }
        let changes = ids.into_iter().map(|id| Change::Delete { id }).collect();
        writer::ask(&self.core, &jobs, writer::Work::Write(changes), call).await
    }

    async fn get_opts(&self, id: &Id, call: &Call) -> Result<Option<Row>> {
        self.core.get(id, call).await
    }

    async fn search_batch(&self, queries: &[f32], k: usize, options: &SearchOptions) -> Result<Vec<Answer>> {
        self.core.search(queries, k, options).await
    }

    fn scan_opts(&self, call: &Call) -> Items<Row> {
        super::scan::scan(self.core.clone(), call.clone())
    }
}

/// That a row can be written.
fn check(schema: &Schema, row: &Row) -> Result<()> {
    let invalid = |why: String| Err(Error::new(ErrorKind::Invalid, Op::Upsert, why));
    if row.vector.len() != schema.dims as usize {
        return invalid(format!(
            "{} values, and the collection has {} dimensions",
            row.vector.len(),
            schema.dims
        ));
    }
    check_vector(Op::Upsert, schema.metric, &row.vector)?;
    if schema.keep == Precision::F16
        && let Some(value) = row.vector.iter().find(|value| value.abs() > 65_504.0)
    {
        return invalid(format!("{value} is too large for half precision, which the collection keeps"));
    }
    check_id(&row.id)?;
    if row.payload.len() > MAX_PAYLOAD {
        return invalid(format!("a payload of {} bytes: {MAX_PAYLOAD} at the most", row.payload.len()));
    }
    crate::filter::check_payload(&row.payload)
}

/// That an id is one: a text may have been made by hand.
fn check_id(id: &Id) -> Result<()> {
    match id {
        Id::Num(_) => Ok(()),
        Id::Text(text) => Id::text(text.clone()).map(drop),
    }
}

/// That a vector can be compared.
pub(super) fn check_vector(op: Op, metric: Metric, vector: &[f32]) -> Result<()> {
    let invalid = |why: String| Err(Error::new(ErrorKind::Invalid, op, why));
    if let Some((at, value)) = vector.iter().enumerate().find(|(_, value)| !value.is_finite()) {
        return invalid(format!("value {at} is {value}"));
    }
    let square: f32 = vector.iter().map(|x| x * x).sum();
    if square.is_nan() || square > f32::MAX / 4.0 {
        return invalid(
            "it is too long: squares of distances would be no numbers of single precision".into(),
        );
    }
    if metric == Metric::Cosine && square <= f32::MIN_POSITIVE {
        return invalid("its length is 0, with which there is no cosine".into());
    }
    Ok(())
}
