//! What may be in a collection, by what its writers were told.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use larder_vector::Row;

use super::log::{Fate, Write};
use crate::rng::Rng;

/// Values of a vector.
pub(super) const DIMS: usize = 8;
/// Ids that there are.
pub(super) const IDS: u64 = 480;

/// The vector that a write gives an id.
pub(super) fn vector(id: u64, op: u64) -> Vec<f32> {
    let mut rng = Rng::new(id << 44 ^ op);
    (0..DIMS).map(|_| rng.below(2000) as f32 / 1000.0 - 1.0).collect()
}

/// The row that a write gives an id: its payload, `{"op": op}`, says which write it is.
pub(super) fn row(id: u64, op: u64) -> Row {
    let mut payload = vec![0xa1, 0x62, b'o', b'p', 0x1b];
    payload.extend_from_slice(&op.to_be_bytes());
    Row::new(id, vector(id, op)).with_payload(Bytes::from(payload))
}

/// What an id may hold: the number of the write, 0 for nothing.
#[derive(Debug, Default)]
pub(super) struct Model {
    may: BTreeMap<u64, BTreeSet<u64>>,
    /// Writes that nobody was told of, after which no other was made to these ids.
    open: Vec<Write>,
}

impl Model {
    /// Takes what one child says.
    pub(super) fn take(&mut self, writes: &[Write]) {
        let last: HashMap<u64, u64> =
            writes.iter().flat_map(|w| w.ids.iter().map(|id| (*id, w.op))).collect();
        for write in writes {
            for id in &write.ids {
                let may = self.may.entry(*id).or_insert_with(|| [0].into());
                match write.fate {
                    Fate::NotMade => continue,
                    Fate::Made => may.clear(),
                    Fate::Open => {}
                }
                may.insert(if write.delete { 0 } else { write.op });
            }
            if write.fate == Fate::Open && write.ids.iter().all(|id| last[id] == write.op) {
                self.open.push(write.clone());
            }
        }
    }

    /// Compares with what is there, by ids and numbers of writes; from here on that is what is known.
    pub(super) fn settle(&mut self, there: &BTreeMap<u64, u64>) -> Vec<String> {
        let mut problems = Vec::new();
        for id in there.keys().filter(|id| !self.may.contains_key(id)) {
            problems.push(format!("the id {id} is there, and was never written"));
        }
        for (id, may) in &self.may {
            let is = there.get(id).copied().unwrap_or(0);
            if !may.contains(&is) {
                problems.push(format!("the id {id} holds {is}, and may hold {may:?}"));
            }
        }
        for write in self.open.drain(..) {
            let made =
                |id: &&u64| there.get(id).copied().unwrap_or(0) == if write.delete { 0 } else { write.op };
            // An id that was not there before tells nothing of a delete.
            let telling = |id: &&u64| self.may[id].len() > 1;
            let all = write.ids.iter().filter(telling).count();
            let some = write.ids.iter().filter(telling).filter(made).count();
            if some != 0 && some != all {
                problems.push(format!("of write {} {some} of {all} rows are there", write.op));
            }
        }
        self.may = (0..IDS).map(|id| (id, [there.get(&id).copied().unwrap_or(0)].into())).collect();
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_doubled_or_torn_is_told() {
        let write = |op, delete, ids: &[u64], fate| Write { op, delete, ids: ids.to_vec(), fate };
        let model = |writes: &[Write]| {
            let mut model = Model::default();
            model.take(writes);
            model
        };
        let made = [write(1, false, &[1, 2], Fate::Made)];
        assert!(model(&made).settle(&[(1, 1), (2, 1)].into()).is_empty());
        assert_eq!(model(&made).settle(&[(1, 1)].into()).len(), 1);
        assert_eq!(model(&made).settle(&[(1, 1), (2, 1), (3, 1)].into()).len(), 1);
        let open = [write(1, false, &[1, 2], Fate::Made), write(2, false, &[1, 2], Fate::Open)];
        assert!(model(&open).settle(&[(1, 2), (2, 2)].into()).is_empty());
        assert!(model(&open).settle(&[(1, 1), (2, 1)].into()).is_empty());
        assert_eq!(model(&open).settle(&[(1, 1), (2, 2)].into()).len(), 1);
        let not = [write(1, false, &[1], Fate::Made), write(2, true, &[1], Fate::NotMade)];
        assert_eq!(model(&not).settle(&[].into()).len(), 1);
    }
}
