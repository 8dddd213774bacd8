//! All rows, one after the other.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use larder_store_core::{Call, Items, Op, Result};

use super::core::Core;
use super::view::View;
use crate::memtable::Memtable;
use crate::row::Row;

/// What is left to be told.
struct Left {
    core: Arc<Core>,
    view: Arc<View>,
    next: usize,
    call: Call,
}

/// The rows of a collection as they are now, in no order.
pub(super) fn scan(core: Arc<Core>, call: Call) -> Items<Row> {
    if let Err(error) = core.check_open(Op::Get) {
        return stream::once(std::future::ready(Err(error))).boxed();
    }
    let view = core.view.load_full();
    // What was not sealed comes first: from here on it may be.
    let first = unsealed(&view);
    let known: Arc<HashSet<crate::Id>> = Arc::new(first.1);
    let left = Left { core, view, next: 0, call };
    let sealed = stream::unfold(Some(left), move |left| {
        let known = known.clone();
        async move {
            let mut left = left?;
            let segment = left.view.segments.get(left.next)?.clone();
            left.next += 1;
            let rows = async {
                let index = segment.load(&left.core, &left.call).await?;
                let dead = {
                    let tables = left.view.read_tables();
                    let tables: Vec<&Memtable> = tables.iter().map(|table| &**table).collect();
                    segment.dead(&index, &tables)?
                };
                left.core.live_rows(&segment, &index, &dead, &left.call).await
            };
            match rows.await {
                Ok((rows, _)) => {
                    let dims = left.core.schema.dims as usize;
                    let vectors = rows.values.chunks_exact(dims).map(<[f32]>::to_vec);
                    let rows = rows.ids.into_iter().zip(vectors).zip(rows.payloads);
                    let rows = rows.filter(|((id, _), _)| !known.contains(id));
                    let rows: Vec<Result<Row>> =
                        rows.map(|((id, vector), payload)| Ok(Row { id, vector, payload })).collect();
                    Some((stream::iter(rows), Some(left)))
                }
                Err(error) => Some((stream::iter(vec![Err(error)]), None)),
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
