//! What segments and tables have becomes an answer.

use std::collections::HashSet;

use larder_store_core::Result;

use super::options::Answer;
use super::parts::Part;
use super::payloads::Wanted;
use super::rescore::{Known, Rescored};
use crate::Id;
use crate::memtable::Memtable;
use crate::row::Found;

/// Merges what segments and tables have, the nearest first, up to `k`.
#[allow(clippy::too_many_arguments, reason = "what an answer is made of")]
pub(super) fn take(
    answer: &mut Answer,
    query: usize,
    parts: &[Part],
    mut rescored: Vec<Rescored>,
    found: Vec<Found>,
    tables: &[&Memtable],
    k: usize,
    wanted: &mut Vec<Wanted>,
) -> Result<()> {
    rescored.sort_by(|a, b| a.candidate.distance.total_cmp(&b.candidate.distance));
    // Those as far as the last one that counts are told apart by their ids.
    let mut hits: Vec<(f32, Id, Option<Found>, Option<Rescored>)> = Vec::new();
    let mut last = f32::INFINITY;
    for one in rescored {
        let distance = one.candidate.distance;
        if !distance.is_finite() || (hits.len() >= k && distance > last) {
            if hits.len() >= k { break } else { continue }
        }
        let id = parts[one.candidate.part as usize].index.id(one.candidate.row as usize)?;
        // What was written since stands in a table, or was deleted.
        if tables.iter().any(|table| table.knows(&id)) {
            continue;
        }
        hits.push((distance, id, None, Some(one)));
        last = distance;
    }
    hits.extend(
        found
            .into_iter()
            .filter(|found| found.distance.is_finite())
            .map(|found| (found.distance, found.id.clone(), Some(found), None)),
    );
    hits.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    let mut seen = HashSet::new();
    hits.retain(|(_, id, ..)| seen.insert(id.clone()));
    hits.truncate(k);
    for (at, (distance, id, found, rescored)) in hits.into_iter().enumerate() {
        if let Some(Rescored { candidate, known }) = rescored {
            match known {
                Known::Exact => {}
                Known::Half => answer.approximate.half_hits += 1,
                Known::Codes => answer.approximate.coded_hits += 1,
            }
            wanted.push(Wanted { query, hit: at, part: candidate.part, row: candidate.row });
        }
        answer.hits.push(found.unwrap_or(Found { id, distance, payload: None }));
    }
    Ok(())
}
