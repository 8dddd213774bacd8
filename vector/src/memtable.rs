//! What was written since the last seal, in memory, searched exactly.

use std::collections::HashMap;

use bytes::Bytes;

use crate::Id;
use crate::wal::Change;

/// Vectors by their ids, in no order; and ids of what was deleted.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    dims: usize,
    ids: Vec<Id>,
    /// `[rows][dims]`.
    values: Vec<f32>,
    payloads: Vec<Bytes>,
    /// Where each id's row is; `None` for what was deleted.
    rows: HashMap<Id, Option<u32>>,
    /// The ids that were changed, in order. The first is change number `first` of the process.
    touched: Vec<Id>,
    first: u64,
    /// The slots of the log that it covers, the first of them and the last.
    pub(crate) slots: Option<(u64, u64)>,
    /// Those of them in which somebody became the writer.
    pub(crate) fences: Vec<u64>,
    payload_bytes: usize,
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowRef<'a> {
    pub(crate) id: &'a Id,
    pub(crate) vector: &'a [f32],
    pub(crate) payload: &'a Bytes,
}

impl Memtable {
    /// An empty one, whose first change will be number `first`.
    pub(crate) fn new(dims: usize, first: u64) -> Memtable {
        Memtable { dims, first, ..Memtable::default() }
    }

    /// Carries out a change that stands in a slot of the log.
    pub(crate) fn apply(&mut self, slot: u64, change: Change) {
        let from = self.slots.map_or(slot, |(from, _)| from);
        self.slots = Some((from, slot));
        self.touched.push(change.id().clone());
        match change {
            Change::Delete { id } => {
                if let Some(Some(row)) = self.rows.insert(id, None) {
                    self.remove(row as usize);
                }
            }
            Change::Upsert { id, vector, payload } => {
                self.payload_bytes += payload.len();
                match self.rows.get(&id) {
                    Some(Some(row)) => {
                        let row = *row as usize;
                        self.values[row * self.dims..][..self.dims].copy_from_slice(&vector);
                        let old = std::mem::replace(&mut self.payloads[row], payload);
                        self.payload_bytes -= old.len();
                    }
                    _ => {
                        self.rows.insert(id.clone(), Some(self.ids.len() as u32));
                        self.ids.push(id);
                        self.values.extend_from_slice(&vector);
                        self.payloads.push(payload);
                    }
                }
            }
        }
    }

    /// A slot that holds no change, as somebody became the writer in it.
    pub(crate) fn cover(&mut self, slot: u64) {
        let from = self.slots.map_or(slot, |(from, _)| from);
        self.slots = Some((from, slot));
        self.fences.push(slot);
    }

    /// Takes a row out; the last one takes its place.
    fn remove(&mut self, row: usize) {
        let last = self.ids.len() - 1;
        self.payload_bytes -= self.payloads[row].len();
        self.ids.swap_remove(row);
        self.payloads.swap_remove(row);
        self.values.copy_within(last * self.dims.., row * self.dims);
        self.values.truncate(last * self.dims);
        if row < last {
            self.rows.insert(self.ids[row].clone(), Some(row as u32));
        }
    }

    /// Rows that are there.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether a seal of it would change nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// About as many bytes of memory as it takes.
    pub(crate) fn bytes(&self) -> usize {
        let entry = 2 * size_of::<Id>() + 24;
        self.values.len() * 4
            + self.payload_bytes
            + self.ids.len() * (size_of::<Bytes>() + 16)
            + self.rows.len() * entry
            + self.touched.len() * size_of::<Id>()
    }

    /// `[rows][dims]`, as [`Memtable::row`] numbers them.
    pub(crate) fn values(&self) -> &[f32] {
        &self.values
    }

    /// A row by its number.
    pub(crate) fn row(&self, row: usize) -> RowRef<'_> {
        RowRef {
            id: &self.ids[row],
            vector: &self.values[row * self.dims..][..self.dims],
            payload: &self.payloads[row],
        }
    }

    /// What it knows of an id: nothing, that it was deleted, or its row.
    pub(crate) fn get(&self, id: &Id) -> Option<Option<RowRef<'_>>> {
        self.rows.get(id).map(|row| row.map(|row| self.row(row as usize)))
    }

    /// The ids that it knows something of.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &Id> {
        self.rows.keys()
    }

    /// Whether it knows something of an id.
    pub(crate) fn knows(&self, id: &Id) -> bool {
        self.rows.contains_key(id)
    }

    /// The number behind that of its last change.
    pub(crate) fn end(&self) -> u64 {
        self.first + self.touched.len() as u64
    }

    /// The ids that were changed by number `from` and later.
    pub(crate) fn touched_from(&self, from: u64) -> &[Id] {
        let from = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        &self.touched[from.min(self.touched.len())..]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_holds_what_a_map_would() {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut table = Memtable::new(2, 10);
        let mut model: BTreeMap<u64, Option<(Vec<f32>, Bytes)>> = BTreeMap::new();
        for step in 0..4000 {
            let id = rng.u64(..40);
            let change = if rng.u8(..3) == 0 {
                model.insert(id, None);
                Change::Delete { id: Id::Num(id) }
            } else {
                let (vector, payload) = (vec![rng.f32(), rng.f32()], Bytes::from(vec![1; rng.usize(..5)]));
                model.insert(id, Some((vector.clone(), payload.clone())));
                Change::Upsert { id: Id::Num(id), vector, payload }
            };
            table.apply(step / 3, change);
            let live = model.values().flatten();
            assert_eq!(table.len(), live.clone().count());
            assert_eq!(table.payload_bytes, live.map(|(_, payload)| payload.len()).sum::<usize>());
        }
        assert_eq!((table.end(), table.touched_from(4008).len(), table.slots), (4010, 2, Some((0, 1333))));
        for id in 0..41 {
            let seen = table.get(&Id::Num(id));
            let seen = seen.map(|row| row.map(|row| (row.vector.to_vec(), row.payload.clone())));
            assert_eq!(seen, model.get(&id).cloned());
        }
        for row in 0..table.len() {
            assert_eq!(table.row(row).vector, &table.values()[row * 2..][..2]);
        }
    }
}
