//! What is not in a segment yet is searched exactly.

use crate::filter::Compiled;
use crate::memtable::Memtable;
use crate::row::Found;
use crate::{Metric, dense};

/// The nearest rows of tables, the oldest first, that count: those whose ids no later table knows, and that match.
pub(super) fn nearest(
    metric: Metric,
    dims: usize,
    tables: &[&Memtable],
    query: &[f32],
    keep: usize,
    filter: Option<&Compiled>,
) -> Vec<Found> {
    let mut found = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let later = &tables[at + 1..];
        let counts = |row: usize| {
            let row = table.row(row);
            filter.is_none_or(|filter| filter.matches(row.payload)) && !later.iter().any(|t| t.knows(row.id))
        };
        let all = filter.is_none() && later.iter().all(|table| table.is_empty());
        let rows: Vec<usize> =
            if all { Vec::new() } else { (0..table.len()).filter(|row| counts(*row)).collect() };
        let mut gathered = Vec::new();
        let values = match all {
            true => table.values(),
            false => {
                rows.iter().for_each(|row| gathered.extend_from_slice(table.row(*row).vector));
                &gathered
            }
        };
        if values.is_empty() {
            continue;
        }
        // A scan's sums are rounded otherwise than the distances that are answered: of those that are nearly as near, none is missed.
        let hits = dense::nearest(metric, dims, dense::Values::F32(values), query, keep + keep / 4 + 16);
        for hit in hits.into_iter().flatten() {
            let row = table.row(if all { hit.row as usize } else { rows[hit.row as usize] });
            found.push(Found {
                id: row.id.clone(),
                distance: metric.distance(query, row.vector),
                payload: Some(row.payload.clone()),
            });
        }
    }
    found
}
