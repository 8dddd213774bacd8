//! All rows, one after the other.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use larder_store_core::{Call, Items, Op, Result};

use super::core::Core;
use super::view::View;
use crate::memtable::Memtable;
use crate::row::Row;
use crate::segment::{Dead, RowSet, Segment};

/// What is left to be told.
struct Left {
    core: Arc<Core>,
    view: Arc<View>,
    next: usize,
    call: Call,
    /// For each segment, what was known to be dead when the scan began.
    before: Vec<Option<Arc<Dead>>>,
    /// What was dead in those that were told, one for each.
    told: Vec<Arc<Dead>>,
    /// Ids of rows that may have died since the scan began: replaced ones are to be told still.
    died: Vec<crate::Id>,
}

impl Left {
    /// The rows of the next segment.
    async fn next(&mut self, segment: &Arc<Segment>, known: &HashSet<crate::Id>) -> Result<RowSet> {
        let index = segment.load(&self.core, &self.call).await?;
        let dead = {
            let tables = self.view.read_tables();
            let tables: Vec<&Memtable> = tables.iter().map(|table| &**table).collect();
            segment.dead(&index, &tables)?
        };
        let before = self.before[self.told.len()].clone();
        let since = |row: &usize| dead.has(*row) && before.as_ref().is_none_or(|dead| !dead.has(*row));
        for row in (0..index.rows()).filter(since) {
            let id = index.id(row)?;
            if !known.contains(&id) {
                self.died.push(id);
            }
        }
        let rows = self.core.live_rows(segment, &index, &dead, &self.call).await?.0;
        self.told.push(dead);
        Ok(rows)
    }

    /// A row that may have been replaced since the scan began, unless it was told.
    async fn replaced(&mut self) -> Option<Result<Row>> {
        while let Some(id) = self.died.pop() {
            match self.was_told(&id).await {
                Ok(true) => {}
                Ok(false) => match self.core.get(&id, &self.call).await {
                    Ok(None) => {}
                    Ok(Some(row)) => return Some(Ok(row)),
                    Err(error) => return Some(Err(error)),
                },
                Err(error) => return Some(Err(error)),
            }
        }
        None
    }

    /// Whether a row of a segment was told. Indexes are read again for it if need be: holding all of them would take as much memory
    /// as the collection has rows.
    async fn was_told(&self, id: &crate::Id) -> Result<bool> {
        for (segment, dead) in self.view.segments.iter().zip(&self.told) {
            if segment.may_have(id)
                && let Some(row) = segment.load(&self.core, &self.call).await?.find(id)?
                && !dead.has(row)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The rows of a collection as they are now, in no order.
pub(super) fn scan(core: Arc<Core>, call: Call) -> Items<Row> {
    if let Err(error) = core.check_open(Op::Get) {
        return stream::once(std::future::ready(Err(error))).boxed();
    }
    let view = core.view.load_full();
    let before = view.segments.iter().map(|segment| segment.dead_if_known()).collect();
    // What was not sealed comes first: from here on it may be.
    let first = unsealed(&view);
    let known: Arc<HashSet<crate::Id>> = Arc::new(first.1);
    let left = Left { core, view, next: 0, call, before, told: Vec::new(), died: Vec::new() };
    let sealed = stream::unfold(Some(left), move |left| {
        let known = known.clone();
        async move {
            let mut left = left?;
            let Some(segment) = left.view.segments.get(left.next).cloned() else {
                if left.next == left.view.segments.len() {
                    // Each once, however many segments had it.
                    left.next += 1;
                    left.died.sort_unstable();
                    left.died.dedup();
                }
                let row = left.replaced().await?;
                let left = row.is_ok().then_some(left);
                return Some((stream::iter(vec![row]), left));
            };
            left.next += 1;
            match left.next(&segment, &known).await {
                Ok(rows) => {
                    let dims = left.core.schema.dims as usize;
                    let vectors = rows.values.chunks_exact(dims).map(<[f32]>::to_vec);
                    let rows = rows.ids.into_iter().zip(vectors).zip(rows.payloads);
                    let rows = rows.filter(|((id, _), _)| !known.contains(id));
                    let rows: Vec<Result<Row>> =
                        rows.map(|((id, vector), payload)| Ok(Row { id, vector, payload })).collect();
                    Some((stream::iter(rows), Some(left)))
                }
                Err(error) => {
                    let error = left.core.moved_on(error, &left.call).await;
                    Some((stream::iter(vec![Err(error)]), None))
                }
            }
        }
    });
    stream::iter(first.0.into_iter().map(Ok)).chain(sealed.flatten()).boxed()
}

/// The rows of tables, and all ids that these know something of.
fn unsealed(view: &View) -> (Vec<Row>, HashSet<crate::Id>) {
    let (mut rows, mut known) = (Vec::new(), HashSet::new());
    for table in view.tables.iter().rev() {
        let table = table.read();
        for row in (0..table.len()).map(|row| table.row(row)) {
            if !known.contains(row.id) {
                let (id, vector, payload) = (row.id.clone(), row.vector.to_vec(), row.payload.clone());
                rows.push(Row { id, vector, payload });
            }
        }
        known.extend(table.ids().cloned());
    }
    (rows, known)
}
