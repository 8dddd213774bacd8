//! What is not in a segment yet is searched exactly.

use crate::filter::Compiled;
use crate::memtable::Memtable;
use crate::row::Found;
use crate::{Metric, exact};

/// For each query the nearest rows of tables, the oldest first, that count: those whose ids no later table knows, and that match.
/// Which rows those are is found out once for all queries.
pub(super) fn nearest(
    metric: Metric,
    dims: usize,
    tables: &[&Memtable],
    queries: &[f32],
    keep: usize,
    filter: Option<&Compiled>,
) -> Vec<Vec<Found>> {
    let mut found = vec![Vec::new(); queries.len() / dims];
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
        for (found, nearest) in found.iter_mut().zip(exact::nearest(metric, dims, values, queries, keep)) {
            found.extend(nearest.into_iter().map(|(row, distance)| {
                let row = table.row(if all { row as usize } else { rows[row as usize] });
                Found { id: row.id.clone(), distance, payload: Some(row.payload.clone()) }
            }));
        }
    }
    found
}
