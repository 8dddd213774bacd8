//! What callers see of a collection.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use larder_store_core::{Call, Error, ErrorKind, Items, Op, Result, Store};

pub(super) use super::checks::check_vector;
use super::checks::{check, check_id};
use super::core::Core;
use super::open::{Opened, open};
use super::options::{CollectionOptions, Role};
use super::search::{Answer, SearchOptions};
use super::stats::Stats;
use super::store::VectorStore;
use super::writer::{self, Jobs};
use crate::Id;
use crate::manifest::Schema;
use crate::row::Row;
use crate::tier::Tier;
use crate::tiers::Explanation;
use crate::wal::Change;

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
        self.core.stats()
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
