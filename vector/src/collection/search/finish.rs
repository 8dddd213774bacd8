//! What is in no segment yet is searched too, and all that was found becomes answers.

use std::sync::Arc;

use larder_store_core::{Op, Result};

use super::options::Answer;
use super::parts::Part;
use super::payloads::Wanted;
use super::rescore::Rescored;
use super::tables::nearest;
use super::take::take;
use crate::collection::{Core, View};
use crate::filter::Compiled;
use crate::memtable::Memtable;

/// Queries that are answered under the same locks. Who writes waits for them, and fewer would hardly be faster: a scan compares 32 at
/// a time.
const CHUNK: usize = 64;
/// Values that are multiplied where the search was called, and no more: beyond them it would hold up other tasks.
const INLINE: u64 = 1 << 21;
/// What it costs to judge whether a row or a candidate counts, in such values.
const JUDGE: u64 = 128;

/// What all queries of a search have in common.
#[derive(Clone)]
pub(super) struct Asked {
    pub(super) core: Arc<Core>,
    /// What the collection was when the search began.
    pub(super) view: Arc<View>,
    pub(super) parts: Arc<Vec<Part>>,
    pub(super) filter: Option<Arc<Compiled>>,
    pub(super) k: usize,
}

impl Asked {
    /// Puts hits into answers, out of what segments have and of tables. Called when segments were searched.
    pub(super) async fn finish(
        &self,
        queries: &[f32],
        rescored: Vec<Vec<Rescored>>,
        answers: &mut [Answer],
    ) -> Result<Vec<Wanted>> {
        let dims = self.core.schema.dims as usize;
        let little = self.work(queries.len() / dims, &rescored) <= INLINE;
        let (mut wanted, mut rescored) = (Vec::new(), rescored.into_iter());
        for (number, (queries, answers)) in
            queries.chunks(CHUNK * dims).zip(answers.chunks_mut(CHUNK)).enumerate()
        {
            let first = number * CHUNK;
            let rescored: Vec<_> = rescored.by_ref().take(CHUNK).collect();
            if little {
                self.chunk(queries, first, rescored, answers, &mut wanted)?;
                continue;
            }
            let (asked, queries, mut own) = (self.clone(), queries.to_vec(), answers.to_vec());
            let work = move || {
                let mut wanted = Vec::new();
                asked.chunk(&queries, first, rescored, &mut own, &mut wanted)?;
                Ok((own, wanted))
            };
            let (done, more) = self.core.env.blocking(Op::Search, &self.core.inflight, work).await?;
            answers.iter_mut().zip(done).for_each(|(answer, done)| *answer = done);
            wanted.extend(more);
        }
        Ok(wanted)
    }

    /// About how many values it takes.
    fn work(&self, queries: usize, rescored: &[Vec<Rescored>]) -> u64 {
        let now = self.core.view.load();
        let rows: usize = now.tables.iter().map(|table| table.read().len()).sum();
        let judged = self.filter.is_some() || now.tables.len() > 1;
        let row = queries as u64 * u64::from(self.core.schema.dims) + if judged { JUDGE } else { 0 };
        let candidates: usize = rescored.iter().map(Vec::len).sum();
        rows as u64 * row + candidates as u64 * JUDGE
    }

    /// Answers some queries, the first of which is number `first`, of one state of the tables.
    ///
    /// Nothing is missed or there twice, whatever happens meanwhile. The view is loaded after segments were searched: what was
    /// written since the search began is in its tables, those of the search's view or ones that were begun since. Both are looked at:
    /// a table that was sealed meanwhile is in the newer view no more, and in none of the segments that were searched. (That the
    /// other rows have moved is seen by `moves`, and the search begins anew.) All locks are held from the first to the last look:
    /// a candidate is left out as a table knows its id if and only if the row of that table is among those that are scanned.
    fn chunk(
        &self,
        queries: &[f32],
        first: usize,
        rescored: Vec<Vec<Rescored>>,
        answers: &mut [Answer],
        wanted: &mut Vec<Wanted>,
    ) -> Result<()> {
        let Asked { core, view, parts, filter, k } = self;
        let dims = core.schema.dims as usize;
        let now = core.view.load_full();
        let begun =
            now.tables.iter().filter(|table| !view.tables.iter().any(|there| Arc::ptr_eq(there, table)));
        let tables: Vec<_> = view.tables.iter().chain(begun).map(|table| table.read()).collect();
        let tables: Vec<&Memtable> = tables.iter().map(|table| &**table).collect();
        let found = nearest(core.schema.metric, dims, &tables, queries, *k, filter.as_deref());
        for (((answer, found), rescored), number) in answers.iter_mut().zip(found).zip(rescored).zip(first..)
        {
            take(answer, number, parts, rescored, found, &tables, *k, wanted)?;
        }
        Ok(())
    }
}
