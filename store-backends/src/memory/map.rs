//! The map itself: every rule of the contract, without clocks, tasks or locks.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::SystemTime;

use bytes::Bytes;
use larder_store_core::derived::{Cursor, Delimited};
use larder_store_core::system::Space;
use larder_store_core::{
    DeleteItem, Deleted, Error, Expires, GetOptions, Got, Key, Listed, Op, PutItem, PutOptions, Removed,
    Result, Step, StepDone, WriteId, Written, check_only,
};

use super::entry::Entry;

/// How many expired values a write clears away, so that they do not pile up.
const CLEARED_BY_A_WRITE: usize = 2;

/// A key that is found by its bytes alone: where a listing goes on need not be a legal key.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Name(Key);

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Values by key, and their keys by expiry.
#[derive(Debug, Default)]
pub(super) struct Map {
    /// One map for each key space.
    spaces: [BTreeMap<Name, Entry>; 2],
    expiries: BTreeSet<(SystemTime, Key)>,
}

impl Map {
    fn alive(&self, key: &Key, now: impl FnOnce() -> SystemTime) -> Option<&Entry> {
        let entry = self.spaces[key.space() as usize].get(key.as_bytes())?;
        entry.is_alive(now).then_some(entry)
    }

    /// `now` is asked only where a value can expire: most reads need no clock.
    pub(super) fn get(
        &self,
        key: &Key,
        o: &GetOptions,
        now: impl FnOnce() -> SystemTime,
    ) -> Result<Got<Bytes>> {
        self.alive(key, now).map_or(Ok(Got::Absent), |entry| entry.answer(o))
    }

    pub(super) fn put(&mut self, item: PutItem, id: WriteId, now: SystemTime) -> Result<Written> {
        let PutItem { key, value, options } = item;
        let current = self.alive(&key, || now).and_then(Entry::version);
        let predecessors = options.pre.check(Op::Put, current)?;
        Ok(self.write(key, value, &options, predecessors, id, now))
    }

    fn write(
        &mut self,
        key: Key,
        value: Bytes,
        options: &PutOptions,
        predecessors: Vec<WriteId>,
        write_id: WriteId,
        now: SystemTime,
    ) -> Written {
        self.clear(now);
        let (entry, written) = Entry::of_put(key.clone(), value, options, predecessors, write_id, now);
        self.take(&key);
        if let Some(at) = options.expires {
            self.expiries.insert((at, key.clone()));
        }
        self.spaces[key.space() as usize].insert(Name(key), entry);
        written
    }

    fn take(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.spaces[key.space() as usize].remove(key.as_bytes())?;
        if let Some(Expires::At(at)) = entry.meta.expires {
            self.expiries.remove(&(at, key.clone()));
        }
        Some(entry)
    }

    fn clear(&mut self, now: SystemTime) {
        for _ in 0..CLEARED_BY_A_WRITE {
            match self.expiries.first() {
                Some((at, key)) if *at <= now => {
                    let key = key.clone();
                    self.take(&key);
                }
                _ => return,
            }
        }
    }

    pub(super) fn delete(&mut self, item: &DeleteItem, now: SystemTime) -> Result<Removed> {
        let alive = self.alive(&item.key, || now);
        check_only(Op::Delete, item.only.as_ref(), alive.and_then(Entry::version))?;
        let existed = if alive.is_some() { Deleted::Yes } else { Deleted::No };
        self.take(&item.key);
        Ok(Removed::new(existed))
    }

    /// All steps or none: everything that can fail is asked before anything changes.
    pub(super) fn transact(
        &mut self,
        steps: Vec<Step>,
        mut id: impl FnMut() -> WriteId,
        now: SystemTime,
    ) -> Result<Vec<StepDone>> {
        let mut chains = Vec::with_capacity(steps.len());
        for step in &steps {
            let key = step.key();
            let current = self.alive(key, || now).and_then(Entry::version);
            let checked = match step {
                Step::Check { pre, .. } => pre.check(Op::Transact, current),
                Step::Put(item) => item.options.pre.check(Op::Transact, current),
                Step::Delete(item) => {
                    check_only(Op::Transact, item.only.as_ref(), current).map(|()| Vec::new())
                }
                _ => Err(Error::unsupported(Op::Transact, "this kind of step")),
            };
            chains.push(checked.map_err(|e| e.on(key))?);
        }
        let mut done = Vec::with_capacity(steps.len());
        for (step, chain) in steps.into_iter().zip(chains) {
            done.push(match step {
                Step::Put(item) => {
                    let write_id = item.options.write_id.unwrap_or_else(&mut id);
                    StepDone::Written(self.write(item.key, item.value, &item.options, chain, write_id, now))
                }
                Step::Delete(item) => {
                    let item = DeleteItem { key: item.key, only: None };
                    StepDone::Removed(self.delete(&item, now)?)
                }
                _ => StepDone::Checked,
            });
        }
        Ok(done)
    }

    /// Moves the cursor on by at most `most` items. An empty answer is the end.
    pub(super) fn list(
        &self,
        cursor: &mut Cursor,
        space: Space,
        most: usize,
        now: SystemTime,
    ) -> Vec<Result<Listed>> {
        let mut items = Vec::new();
        while items.len() < most {
            let Some((text, inclusive)) = cursor.place().and_then(|place| place.bound()) else { break };
            let Some(entry) = self.first_from(space, &text, inclusive, now) else { break };
            match cursor.meet(entry.meta.key.as_str()) {
                Delimited::End => break,
                other => items.extend(other.listed(|| entry.meta.clone()).map(Ok)),
            }
        }
        items
    }

    fn first_from(&self, space: Space, text: &[u8], inclusive: bool, now: SystemTime) -> Option<&Entry> {
        let from = if inclusive { Bound::Included(text) } else { Bound::Excluded(text) };
        let mut after = self.spaces[space as usize].range::<[u8], _>((from, Bound::Unbounded));
        after.find_map(|(_, entry)| entry.is_alive(|| now).then_some(entry))
    }
}
