//! A row by its id.

use std::sync::Arc;

use larder_store_core::{Call, Op, Result};

use super::core::Core;
use crate::Id;
use crate::manifest::Precision;
use crate::memtable::Memtable;
use crate::row::Row;
use crate::segment::{Segment, VECTOR_ROWS};

/// How often it is looked for anew as segments were made meanwhile.
const ATTEMPTS: usize = 4;

impl Core {
    /// The row of an id: as it was given, or as near as what is kept comes to that.
    pub(crate) async fn get(&self, id: &Id, call: &Call) -> Result<Option<Row>> {
        self.check_open(Op::Get)?;
        for attempt in 1.. {
            // The last time nothing moves meanwhile.
            let still = match attempt == ATTEMPTS {
                true => Some(self.still(call).await?),
                false => None,
            };
            let view = self.view.load_full();
            for table in view.tables.iter().rev() {
                let table = table.read();
                if let Some(known) = table.get(id) {
                    return Ok(known.map(|row| Row {
                        id: row.id.clone(),
                        vector: row.vector.to_vec(),
                        payload: row.payload.clone(),
                    }));
                }
            }
            let found = async {
                // What was written last is looked at first.
                for segment in view.segments.iter().rev().filter(|segment| segment.may_have(id)) {
                    if let Some(row) = self.get_sealed(segment, id, call).await? {
                        return Ok(Some(row));
                    }
                }
                Ok(None)
            };
            let found = found.await;
            // What was sealed or rewritten meanwhile may have been looked for where it was no more; and a row that was replaced
            // meanwhile is dead in its segment, and stands in a table by now.
            let now = self.view.load_full();
            let replaced = || now.tables.iter().any(|table| table.read().knows(id));
            let missed = matches!(found, Ok(None)) && replaced();
            let same = now.moves == view.moves && !missed;
            drop(still);
            match found {
                Ok(found) if same || attempt == ATTEMPTS => return Ok(found),
                Err(error) if same || attempt == ATTEMPTS => return Err(self.moved_on(error, call).await),
                _ => {}
            }
        }
        unreachable!("the last attempt returns")
    }

    /// Keeps rows where they are.
    pub(crate) async fn still(&self, call: &Call) -> Result<tokio::sync::MutexGuard<'_, ()>> {
        call.guard(&self.env, Op::Get, async { Ok(self.turn.lock().await) }).await
    }

    async fn get_sealed(&self, segment: &Arc<Segment>, id: &Id, call: &Call) -> Result<Option<Row>> {
        let index = segment.load(self, call).await?;
        let Some(row) = index.find(id)? else { return Ok(None) };
        let dead = {
            let view = self.view.load_full();
            let tables = view.read_tables();
            let tables: Vec<&Memtable> = tables.iter().map(|table| &**table).collect();
            segment.dead(&index, &tables)?
        };
        if dead.has(row) {
            return Ok(None);
        }
        let dims = self.schema.dims as usize;
        let vector = async {
            if self.schema.keep == Precision::Lossy {
                let all = self.all_vectors(segment, &index, call).await?;
                return Ok(all[row * dims..][..dims].to_vec());
            }
            let block = row / VECTOR_ROWS;
            let vectors = self.vectors(segment, &index, block..block + 1, call).await?;
            Ok(vectors[row % VECTOR_ROWS * dims..][..dims].to_vec())
        };
        let rows = [row as u32];
        let payload = self.payloads(segment, &index, &rows, call);
        let (vector, mut payload) = futures_util::future::try_join(vector, payload).await?;
        Ok(Some(Row { id: id.clone(), vector, payload: payload.pop().unwrap_or_default() }))
    }
}
