//! What can be asked of vectors, by whatever they are kept in.

use async_trait::async_trait;
use larder_store_core::{Call, Error, ErrorKind, Items, Op, Result};

use super::search::{Answer, SearchOptions};
use crate::Id;
use crate::manifest::Schema;
use crate::row::Row;

/// Vectors by their ids, and the nearest of them: what engines other than [`Collection`](crate::Collection) can be put behind.
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
