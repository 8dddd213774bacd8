//! What a transaction will change, decided before anything is changed.
//!
//! The state that a change meets is that of the snapshot with the changes before it. Only the last state of each key is
//! written, each once. What is about to be touched is read first by our own code, so that LMDB never walks over a
//! damaged page; a change that would have to is refused, and its neighbours go on.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::SystemTime;

use larder_store_core::record::Head;
use larder_store_core::{Env, Error, ErrorKind, Key, Op, Precondition, Result, Version, check_only};

use super::evict::Ledger;
use super::work::{Change, Done, Job};
use crate::lmdb::cache::{BIRTH_LEN, Cache, split_birth};
use crate::lmdb::error;
use crate::lmdb::guard::Owner;
use crate::lmdb::keys::{self, Book, PartsId, RawKey};
use crate::lmdb::snapshot::Snapshot;
use crate::lmdb::sys::{Code, WriteTxn};
use crate::lmdb::tree::{Damage, Node, Read, To, TreeCursor};

/// Bytes of an entry of the books: when, and who.
const BOOK_LEN: usize = 24;

/// An entry of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BookEntry {
    pub(crate) since: SystemTime,
    pub(crate) owner: Owner,
}

impl BookEntry {
    pub(crate) fn encode(&self) -> [u8; BOOK_LEN] {
        let since = self.since.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
        let mut bytes = [0; BOOK_LEN];
        for (to, from) in bytes.chunks_exact_mut(8).zip([since, self.owner.slot, self.owner.incarnation]) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<BookEntry> {
        let bytes: &[u8; BOOK_LEN] = bytes.try_into().ok()?;
        let word = |i: usize| u64::from_le_bytes(std::array::from_fn(|b| bytes[8 * i + b]));
        let since = SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(word(0));
        Some(BookEntry { since, owner: Owner { slot: word(1), incarnation: word(2) } })
    }
}

/// What is under a key.
#[derive(Debug, Clone)]
pub(super) enum State {
    Absent,
    Present {
        version: Version,
        expires: Option<SystemTime>,
        parts: Option<PartsId>,
    },
    /// A record whose head is damaged.
    Damaged(Error),
}

/// What stands under the key of a record, and in a cache its birth, if that is whole.
pub(super) type Standing = (State, Option<u64>);

/// What to write.
#[derive(Debug, Clone)]
pub(super) enum Effect<'j> {
    Put(&'j [u8]),
    /// A record of a cache, behind its birth.
    Born([u8; BIRTH_LEN], &'j [u8]),
    Note([u8; BOOK_LEN]),
    /// An entry of the order of use: the key of the record.
    Order(Vec<u8>),
    Delete,
}

#[derive(Debug, Clone)]
struct Fate<'j> {
    effect: Effect<'j>,
    /// For records: what stands there now.
    state: Option<Standing>,
}

/// The plan of one transaction, over a snapshot and the data of jobs.
#[derive(Debug)]
pub(crate) struct Plan<'s, 'j> {
    snapshot: Snapshot<'s>,
    me: Owner,
    fates: HashMap<Vec<u8>, Fate<'j>>,
    /// What the current change replaced, to put back if it fails.
    undo: Vec<(Vec<u8>, Option<Fate<'j>>)>,
    made_garbage: bool,
    saw_damage: Cell<bool>,
    /// What makes it the plan of a cache.
    pub(super) ledger: Option<Ledger<'s>>,
}

impl<'s, 'j> Plan<'s, 'j> {
    pub(crate) fn new(snapshot: Snapshot<'s>, me: Owner, cache: Option<&'s Cache>) -> Plan<'s, 'j> {
        let ledger = cache.map(Ledger::new);
        Plan {
            snapshot,
            me,
            fates: HashMap::new(),
            undo: Vec::new(),
            made_garbage: false,
            saw_damage: Cell::new(false),
            ledger,
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot<'s> {
        self.snapshot
    }

    /// Whether nothing is to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.fates.is_empty()
    }

    /// If something is added: how many pages that may take, about the most.
    pub(crate) fn adds(&self, page_size: usize) -> Option<u64> {
        let main = &self.snapshot.meta.main;
        let (mut long, mut added) = (0, false);
        for (key, fate) in &self.fates {
            let len = match fate.effect {
                Effect::Put(value) => value.len(),
                Effect::Born(birth, record) => birth.len() + record.len(),
                _ => continue,
            };
            added = true;
            // An entry of more than half a page has its value on pages of its own.
            if key.len() + len > page_size / 2 - 32 {
                long += (len / page_size + 1) as u64;
            }
        }
        let (entries, depth) = (self.fates.len() as u64, u64::from(main.depth));
        // Each on the way to an entry is copied and may be split, but none twice.
        let copied = (entries * (depth + 2)).min(main.pages[0] + main.pages[1] + entries) + depth + 1;
        // And the lists of the pages that become free.
        let lists = 8 + (long + copied) / 128;
        added.then_some(long + copied + lists)
    }

    /// Bytes that it adds, whatever it removes.
    pub(super) fn added_bytes(&self) -> u64 {
        let bytes = |(key, fate): (&Vec<u8>, &Fate<'_>)| match &fate.effect {
            Effect::Put(value) => key.len() + value.len(),
            Effect::Born(birth, record) => key.len() + birth.len() + record.len(),
            Effect::Order(raw) => key.len() + raw.len(),
            Effect::Note(_) | Effect::Delete => 0,
        };
        self.fates.iter().map(bytes).sum::<usize>() as u64
    }

    /// Whether it changes an entry.
    pub(super) fn touches(&self, raw: &[u8]) -> bool {
        self.fates.contains_key(raw)
    }

    fn damage(&self, op: Op, damage: Damage) -> Error {
        self.saw_damage.set(true);
        error::damage(op, damage)
    }

    /// Whether a page was met that is damaged.
    pub(super) fn saw_damage(&self) -> bool {
        self.saw_damage.get()
    }

    /// Whether parts became garbage.
    pub(crate) fn made_garbage(&self) -> bool {
        self.made_garbage
    }

    /// Decides a job: an outcome for each change, should the transaction be committed.
    pub(crate) fn decide(&mut self, job: &'j Job) -> Vec<Result<Done>> {
        let mut outcomes = Vec::with_capacity(job.changes.len());
        let mut clock = Clock { env: &job.env, now: None };
        self.keep();
        for change in &job.changes {
            let made = self.change(change, &mut clock);
            if made.is_err() || !job.atomic {
                self.settle(made.is_ok());
            }
            let failed = made.is_err() && job.atomic;
            outcomes.push(made);
            if failed {
                // The failure is what there is to tell; it comes last.
                return outcomes;
            }
        }
        self.keep();
        outcomes
    }

    /// Keeps what was changed since the last time.
    fn keep(&mut self) {
        self.undo.clear();
        if let Some(ledger) = &mut self.ledger {
            ledger.keep();
        }
    }

    /// Keeps, or takes back, what was changed since the last time.
    fn settle(&mut self, keep: bool) {
        if keep {
            return self.keep();
        }
        if let Some(ledger) = &mut self.ledger {
            ledger.take_back();
        }
        for (key, fate) in self.undo.drain(..).rev() {
            match fate {
                Some(fate) => self.fates.insert(key, fate),
                None => self.fates.remove(&key),
            };
        }
    }

    fn change(&mut self, change: &'j Change, clock: &mut Clock<'_>) -> Result<Done> {
        match change {
            Change::Put { op, key, pre, record, version, expires, parts } => {
                let raw = RawKey::record(key);
                let place = self.place(*op, raw.as_bytes()).map_err(|e| e.on(key))?;
                let (state, birth) = self.state(*op, key, &raw, &place)?;
                check(*op, key, pre, &state, clock)?;
                if let Some(id) = parts {
                    self.finish_upload(*op, key, id)?;
                }
                if let State::Present { parts: Some(id), .. } = &state {
                    self.garbage(*op, id, clock).map_err(|e| e.on(key))?;
                }
                let was_there = !matches!(state, State::Absent);
                let (birth, effect) =
                    self.bear(*op, &raw, record, was_there, birth).map_err(|e| e.on(key))?;
                let state = State::Present { version: version.clone(), expires: *expires, parts: *parts };
                self.stage_at(*op, place, raw.as_bytes(), effect, Some((state, birth)))
                    .map_err(|e| e.on(key))?;
                Ok(Done::Made)
            }
            Change::Delete { op, key, only } => self.delete(*op, key, only.as_ref(), clock),
            Change::Check { key, pre } => {
                let raw = RawKey::record(key);
                let place = self.place(Op::Transact, raw.as_bytes()).map_err(|e| e.on(key))?;
                let (state, _) = self.state(Op::Transact, key, &raw, &place)?;
                check(Op::Transact, key, pre, &state, clock)?;
                Ok(Done::Made)
            }
            Change::Part { op, id, number, bytes, started } => {
                if let Some(since) = started {
                    let entry = BookEntry { since: *since, owner: self.me };
                    self.stage(*op, &Book::Upload.key(id), Effect::Note(entry.encode()), None)?;
                } else if !self.has(*op, &Book::Upload.key(id))? {
                    // The first part was given up. Without an entry in the books nobody would find this one.
                    return Err(Error::new(ErrorKind::Unavailable, *op, "the upload was given up"));
                }
                self.stage(*op, &keys::part(id, *number), Effect::Put(bytes), None)?;
                Ok(Done::Made)
            }
            Change::Abandon { id } => {
                if self.has(Op::PutStream, &Book::Upload.key(id))? {
                    self.stage(Op::PutStream, &Book::Upload.key(id), Effect::Delete, None)?;
                    self.garbage(Op::PutStream, id, clock)?;
                }
                Ok(Done::Made)
            }
        }
    }

    fn delete(&mut self, op: Op, key: &Key, only: Option<&Version>, clock: &mut Clock<'_>) -> Result<Done> {
        let raw = RawKey::record(key);
        let place = self.place(op, raw.as_bytes()).map_err(|e| e.on(key))?;
        let (state, birth) = self.state(op, key, &raw, &place)?;
        let alive = match &state {
            State::Damaged(error) if only.is_some() => return Err(error.clone()),
            State::Damaged(_) => true,
            State::Absent => false,
            State::Present { expires, .. } => !clock.is_past(*expires),
        };
        let version = match &state {
            State::Present { version, .. } if alive => Some(version),
            _ => None,
        };
        check_only(op, only, version).map_err(|e| e.on(key))?;
        if !matches!(state, State::Absent) {
            if let State::Present { parts: Some(id), .. } = &state {
                self.garbage(op, id, clock).map_err(|e| e.on(key))?;
            }
            self.forget(op, birth).map_err(|e| e.on(key))?;
            self.stage_at(op, place, raw.as_bytes(), Effect::Delete, Some((State::Absent, None)))
                .map_err(|e| e.on(key))?;
        }
        Ok(Done::Removed(alive))
    }

    /// Takes an upload out of the books, whose parts a head is about to name.
    fn finish_upload(&mut self, op: Op, key: &Key, id: &PartsId) -> Result<()> {
        let entry = Book::Upload.key(id);
        if !self.has(op, &entry)? {
            let why = "what was uploaded was removed before it was complete";
            return Err(Error::new(ErrorKind::Unavailable, op, why)
                .on(key)
                .hint("was the store swept by a process that could not see this one? try again"));
        }
        self.stage(op, &entry, Effect::Delete, None)
    }

    pub(crate) fn garbage_upload(&mut self, id: &PartsId, since: SystemTime) -> Result<()> {
        self.stage(Op::Sweep, &Book::Upload.key(id), Effect::Delete, None)?;
        let entry = BookEntry { since, owner: self.me };
        self.stage(Op::Sweep, &Book::Garbage.key(id), Effect::Note(entry.encode()), None)
    }

    fn garbage(&mut self, op: Op, id: &PartsId, clock: &mut Clock<'_>) -> Result<()> {
        self.garbage_since(op, id, clock.now())
    }

    /// Plans that parts are to be removed.
    pub(super) fn garbage_since(&mut self, op: Op, id: &PartsId, since: SystemTime) -> Result<()> {
        self.made_garbage = true;
        let entry = BookEntry { since, owner: self.me };
        self.stage(op, &Book::Garbage.key(id), Effect::Note(entry.encode()), None)
    }

    /// Plans to remove an entry that is not a record.
    pub(crate) fn remove(&mut self, op: Op, raw: &[u8]) -> Result<()> {
        self.stage(op, raw, Effect::Delete, None)
    }

    /// Plans to write an entry that is not a record.
    pub(crate) fn note(&mut self, op: Op, raw: &[u8], value: &'j [u8]) -> Result<()> {
        self.stage(op, raw, Effect::Put(value), None)
    }

    /// Where an entry is, or would be.
    pub(super) fn place(&self, op: Op, raw: &[u8]) -> Result<TreeCursor<'s>> {
        let Snapshot { meta, view } = self.snapshot;
        TreeCursor::seek(view, &meta.main, raw).map_err(|d| self.damage(op, d))
    }

    pub(super) fn has(&self, op: Op, raw: &[u8]) -> Result<bool> {
        Ok(match self.fates.get(raw) {
            Some(fate) => !matches!(fate.effect, Effect::Delete),
            None => found(&self.place(op, raw)?, raw).map_err(|d| self.damage(op, d))?.is_some(),
        })
    }

    fn state(&self, op: Op, key: &Key, raw: &RawKey, place: &TreeCursor<'s>) -> Result<Standing> {
        if let Some(fate) = self.fates.get(raw.as_bytes())
            && let Some(state) = &fate.state
        {
            return Ok(state.clone());
        }
        let damage = |d| self.damage(op, d).on(key);
        let Some(node) = found(place, raw.as_bytes()).map_err(damage)? else {
            return Ok((State::Absent, None));
        };
        let stored = self.snapshot.view.value(node.to).map_err(damage)?;
        let (birth, record) = if self.ledger.is_some() { split_birth(stored) } else { (None, stored) };
        let state = match Head::decode(record, Some(key)) {
            Ok((head, _)) => State::Present {
                version: head.version(),
                expires: head.expires,
                parts: head.parts.map(|parts| parts.id),
            },
            Err(error) => State::Damaged(error.during(op)),
        };
        Ok((state, birth))
    }

    /// Plans a change of one entry.
    pub(super) fn stage(
        &mut self,
        op: Op,
        raw: &[u8],
        effect: Effect<'j>,
        state: Option<Standing>,
    ) -> Result<()> {
        let place = self.place(op, raw)?;
        self.stage_at(op, place, raw, effect, state)
    }

    /// The same, where the way to it is known: after a look at every page that LMDB will touch for it.
    fn stage_at(
        &mut self,
        op: Op,
        place: TreeCursor<'s>,
        raw: &[u8],
        effect: Effect<'j>,
        state: Option<Standing>,
    ) -> Result<()> {
        let damage = |d| self.damage(op, d);
        if let Some(node) = found(&place, raw).map_err(damage)? {
            // The pages of a long value that goes are freed by what their header says.
            if let To::Big { page, len } = node.to {
                self.snapshot.view.overflow_run(page, len).map_err(damage)?;
            }
            if matches!(effect, Effect::Delete) {
                place.check_beside().map_err(damage)?;
            }
        }
        let before = self.fates.insert(raw.to_vec(), Fate { effect, state });
        self.undo.push((raw.to_vec(), before));
        Ok(())
    }

    /// Makes the changes.
    pub(crate) fn apply(&self, txn: &mut WriteTxn<'_>) -> Result<(), Code> {
        let mut order: Vec<_> = self.fates.iter().collect();
        order.sort_unstable_by_key(|(key, _)| *key);
        for (key, fate) in order {
            match &fate.effect {
                Effect::Put(value) => txn.put(key, value)?,
                Effect::Born(birth, record) => txn.put_parts(key, birth, record)?,
                Effect::Note(value) => txn.put(key, value)?,
                Effect::Order(raw) => txn.put(key, raw)?,
                Effect::Delete => txn.delete(key)?,
            }
        }
        Ok(())
    }
}

/// The entry at a place, if it is the one that was looked for.
pub(super) fn found<'s>(place: &TreeCursor<'s>, raw: &[u8]) -> Read<Option<Node<'s>>> {
    Ok(place.entry_here()?.filter(|node| node.key == raw))
}

/// A clock that is asked once, and only if needed.
struct Clock<'e> {
    env: &'e Env,
    now: Option<SystemTime>,
}

impl Clock<'_> {
    fn now(&mut self) -> SystemTime {
        *self.now.get_or_insert_with(|| self.env.wall())
    }

    fn is_past(&mut self, expires: Option<SystemTime>) -> bool {
        expires.is_some_and(|at| at <= self.now())
    }
}

fn check(op: Op, key: &Key, pre: &Precondition, state: &State, clock: &mut Clock<'_>) -> Result<()> {
    let current = match state {
        State::Absent => None,
        State::Present { version, expires, .. } => (!clock.is_past(*expires)).then_some(version),
        // To write over damage is to mend it.
        State::Damaged(_) if *pre == Precondition::Any => return Ok(()),
        State::Damaged(error) => return Err(error.clone()),
    };
    pre.check(op, current).map(drop).map_err(|e| e.on(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_the_books() {
        let entry = BookEntry {
            since: SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(1_700_000_000_123_456_789),
            owner: Owner { slot: 3, incarnation: u64::MAX },
        };
        assert_eq!(BookEntry::decode(&entry.encode()), Some(entry));
        assert_eq!(BookEntry::decode(&[0; 23]), None);
    }
}
