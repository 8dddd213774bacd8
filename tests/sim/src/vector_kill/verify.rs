//! What a collection holds, asked in every way.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use larder_vector::{Collection, Id, Metric, SearchOptions, VectorStore};

use super::model::{self, IDS};
use crate::Outcome;
use crate::rng::Rng;

/// Queries that are compared with brute force.
const QUERIES: u64 = 5;

/// The number of the write that each id holds; what is wrong is added to `problems`.
pub(super) async fn look(
    collection: &Collection,
    rng: &mut Rng,
    problems: &mut Vec<String>,
) -> Outcome<BTreeMap<u64, u64>> {
    let mut there = BTreeMap::new();
    for row in collection.scan().try_collect::<Vec<_>>().await? {
        let Id::Num(id) = row.id else { return Err("an id that nobody wrote".into()) };
        let op = row.payload.last_chunk::<8>().map_or(0, |op| u64::from_be_bytes(*op));
        if row != model::row(id, op) {
            problems.push(format!("the row of {id} is not what write {op} gave it"));
        }
        if there.insert(id, op).is_some() {
            problems.push(format!("a scan gives {id} twice"));
        }
    }
    for id in 0..IDS {
        let got = collection.get(&id.into()).await?;
        let right = there.get(&id).map(|op| model::row(id, *op));
        if got != right {
            problems.push(format!("get and scan differ in {id}: {got:?} and {right:?}"));
        }
    }
    for _ in 0..QUERIES {
        let (query, k) = (model::vector(rng.below(IDS), rng.word() >> 24), rng.between(1, 40) as usize);
        let mut right: Vec<(f32, u64)> = there
            .iter()
            .map(|(id, op)| (Metric::L2.distance(&query, &model::vector(*id, *op)), *id))
            .collect();
        right.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        right.truncate(k);
        let answer = collection.search(&query, k, &SearchOptions::new().with_exact(true)).await?;
        let seen: Vec<(f32, Id)> = answer.hits.iter().map(|hit| (hit.distance, hit.id.clone())).collect();
        if seen != right.iter().map(|(distance, id)| (*distance, Id::Num(*id))).collect::<Vec<_>>() {
            problems.push(format!("an exact search found {seen:?} instead of {right:?}"));
        }
        for hit in &answer.hits {
            let Id::Num(id) = hit.id else { continue };
            let right = there.get(&id).map(|op| model::row(id, *op).payload);
            if hit.payload != right {
                problems
                    .push(format!("a search gives {id} the payload {:?} instead of {right:?}", hit.payload));
            }
        }
    }
    let stats = collection.stats();
    if stats.rows != there.len() as u64 {
        problems.push(format!("{} rows by its own count, and {} are there", stats.rows, there.len()));
    }
    Ok(there)
}
