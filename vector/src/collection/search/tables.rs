//! What is not in a segment yet is searched exactly.

use crate::filter::Compiled;
use crate::memtable::Memtable;
use crate::row::Found;
use crate::{Metric, exact};

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
        for (row, distance) in exact::nearest(metric, dims, values, query, keep).into_iter().flatten() {
            let row = table.row(if all { row as usize } else { rows[row as usize] });
            found.push(Found { id: row.id.clone(), distance, payload: Some(row.payload.clone()) });
        }
    }
    found
}
