//! A row by its id.

use std::sync::Arc;

use larder_store_core::{Call, Op, Result};

use super::core::Core;
use crate::Id;
use crate::manifest::Precision;
use crate::memtable::Memtable;
use crate::row::Row;
use crate::segment::{PAYLOAD_ROWS, Segment, VECTOR_ROWS};

impl Core {
    /// The row of an id: as it was given, or as near as what is kept comes to that.
    pub(crate) async fn get(&self, id: &Id, call: &Call) -> Result<Option<Row>> {
        self.check_open(Op::Get)?;
        for attempt in 0.. {
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
            let same = now.manifest.turn == view.manifest.turn && !missed;
            match found {
                Ok(found) if same || attempt > 4 => return Ok(found),
                Err(error) if same || attempt > 4 => return Err(self.moved_on(error, call).await),
                _ => {}
            }
        }
        unreachable!("the last attempt returns")
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
        debug_assert!(row / PAYLOAD_ROWS < index.rows());
        Ok(Some(Row { id: id.clone(), vector, payload: payload.pop().unwrap_or_default() }))
    }
}
