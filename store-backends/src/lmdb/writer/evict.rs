//! Making room in a cache: what was used least recently goes.
//!
//! Values are evicted in the transactions that add others, in small numbers. The pages that a commit frees can be used
//! again by the one after the next, and runs of several pages must be found between others: so from 85 % of the pages on,
//! values go.

use std::time::SystemTime;

use larder_store_core::record::Head;
use larder_store_core::{Error, ErrorKind, Op, Result};

use super::plan::{Effect, Plan, found};
use crate::lmdb::cache::{Cache, Place, birth_word, split_birth};
use crate::lmdb::error;
use crate::lmdb::keys::{ORDER, RawKey};
use crate::lmdb::tree::{Damage, Node, To, TreeCursor};

const OP: Op = Op::Put;

/// Of so many pages ...
const WHOLE: u64 = 100;
/// ... so many may be in use.
const HIGH: u64 = 85;
/// Pages that are freed beyond what is needed, so that not every commit has to: this part of all, at most so many.
const AHEAD: (u64, u64) = (256, 64);
/// Entries that one transaction looks at, at least, and for each page that it wants.
const LOOKS: (u64, u64) = (256, 64);
/// How far the count of writes may be ahead of the tree.
const LEAP: u64 = 1 << 32;

/// What the plan of a cache counts.
#[derive(Debug)]
pub(crate) struct Ledger<'s> {
    cache: &'s Cache,
    /// The newest birth; found when it is first asked for.
    last_birth: Option<u64>,
    counts: Counts,
    /// The counts before the current change.
    before: Counts,
}

/// Values that come and go.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) came: u64,
    pub(crate) went: u64,
    pub(crate) evicted: u64,
}

impl<'s> Ledger<'s> {
    pub(super) fn new(cache: &'s Cache) -> Ledger<'s> {
        Ledger { cache, last_birth: None, counts: Counts::default(), before: Counts::default() }
    }

    pub(super) fn keep(&mut self) {
        self.before = self.counts;
    }

    pub(super) fn take_back(&mut self) {
        self.counts = self.before;
    }

    /// What the plan does to the number of values.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// The newest birth, if there is a new one.
    pub(super) fn last_birth(&self) -> Option<u64> {
        self.last_birth
    }
}

/// What a value frees when it goes, about.
#[derive(Debug, Default, Clone, Copy)]
struct Freed {
    pages: u64,
    bytes: u64,
}

impl<'s, 'j> Plan<'s, 'j> {
    /// Plans the entry of a record that is written into the order of use, and says how the record is written. An origin
    /// has no such order.
    pub(super) fn bear(
        &mut self,
        op: Op,
        raw: &RawKey,
        record: &'j [u8],
        was_there: bool,
        before: Option<u64>,
    ) -> Result<(Option<u64>, Effect<'j>)> {
        if self.ledger.is_none() {
            return Ok((None, Effect::Put(record)));
        }
        if was_there {
            self.forget(op, before)?;
        }
        let birth = self.now(op)? + 1;
        self.stage(op, &Place::at_birth(birth).encode(), Effect::Order(raw.as_bytes().to_vec()), None)?;
        if let Some(ledger) = &mut self.ledger {
            ledger.last_birth = Some(birth);
            ledger.counts.came += 1;
        }
        Ok((Some(birth), Effect::Born(birth_word(birth), record)))
    }

    /// Plans to take a record that goes out of the order. Where it stands elsewhere than at its birth, who evicts finds
    /// its entry one day, and sees that it is of nothing.
    pub(super) fn forget(&mut self, op: Op, birth: Option<u64>) -> Result<()> {
        let Some(ledger) = &mut self.ledger else { return Ok(()) };
        ledger.counts.went += 1;
        let Some(birth) = birth else { return Ok(()) };
        let entry = Place::at_birth(birth).encode();
        if self.has(op, &entry)? {
            self.stage(op, &entry, Effect::Delete, None)?;
        }
        Ok(())
    }

    /// The newest birth: no value has a later one, nor was used later.
    fn now(&mut self, op: Op) -> Result<u64> {
        let Some(ledger) = &self.ledger else { return Ok(0) };
        if let Some(last) = ledger.last_birth {
            return Ok(last);
        }
        let noted = ledger.cache.recency.now();
        let behind = [ORDER + 1];
        let cursor = self.place(op, &behind)?;
        let [before, _] = cursor.absent(&behind).map_err(|d| error::damage(op, d))?;
        let in_tree = before.and_then(|node| Place::decode(node.key)).map_or(0, |place| place.used);
        // What is noted is only evidence.
        let now = if (in_tree..in_tree.saturating_add(LEAP)).contains(&noted) { noted } else { in_tree };
        if let Some(ledger) = &mut self.ledger {
            ledger.last_birth = Some(now);
        }
        Ok(now)
    }

    /// Plans to evict as much as the plan adds, if the cache is full. `ceiling`: pages that there may be now. The expired
    /// go first where they are met.
    pub(super) fn make_room(&mut self, ceiling: u64, page_size: usize, wall: SystemTime) -> Result<()> {
        let high = ceiling * HIGH / WHOLE;
        // Half of what is added may not fill its pages.
        let added = self.added_bytes() / page_size as u64 * 3 / 2 + 1;
        let used = self.snapshot().meta.pages_in_use() + added;
        match used.saturating_sub(high) {
            0 => Ok(()),
            over => self.evict(over + (ceiling / AHEAD.0).min(AHEAD.1), page_size, wall).map(drop),
        }
    }

    /// Plans to evict values that take so many pages. How many it found.
    pub(super) fn evict(&mut self, pages: u64, page_size: usize, wall: SystemTime) -> Result<u64> {
        let now = self.now(OP)?;
        let Some(cache) = self.ledger.as_ref().map(|ledger| ledger.cache) else { return Ok(0) };
        let view = self.snapshot().view;
        let damage = |d: Damage| error::damage(OP, d);
        let mut cursor = TreeCursor::seek(view, &self.snapshot().meta.main, &[ORDER]).map_err(damage)?;
        let (mut freed, mut looks) = (Freed::default(), LOOKS.0 + LOOKS.1 * pages);
        let mut spared: Option<(Place, &[u8])> = None;
        let mut evicted = 0;
        while freed.in_pages(page_size) < pages && looks > 0 {
            let Some(node) = cursor.entry().map_err(damage)? else { break };
            let Some(place) = Place::decode(node.key) else {
                let why = "an entry of the order of use has a key that none has";
                return Err(Error::new(ErrorKind::Corrupt, OP, why));
            };
            let raw = cursor.value(&node).map_err(damage)?;
            cursor.advance();
            looks -= 1;
            // What this very plan writes or removes is looked at the next time.
            if self.touches(node.key) || self.touches(raw) {
                continue;
            }
            let Some((stored, record)) = self.record_of(place, raw)? else {
                self.stage(OP, node.key, Effect::Delete, None)?;
                continue;
            };
            let head = head_of(record);
            let is_alive = head.as_ref().is_some_and(|head| !head.is_expired(wall));
            match cache.recency.last_use(place.birth, now) {
                Some(used) if is_alive && used > place.used => {
                    let later = Place { used, birth: place.birth };
                    self.stage(OP, node.key, Effect::Delete, None)?;
                    self.stage(OP, &later.encode(), Effect::Order(raw.to_vec()), None)?;
                    if spared.is_none_or(|(other, _)| later.used < other.used) {
                        spared = Some((later, raw));
                    }
                }
                _ => {
                    self.stage(OP, node.key, Effect::Delete, None)?;
                    freed.add(self.evict_record(raw, &stored, head, wall)?);
                    evicted += 1;
                }
            }
        }
        // So many were used that there was not enough among those that one transaction looks at: then of these the
        // oldest.
        if evicted == 0
            && looks == 0
            && let Some((place, raw)) = spared
            && let Some((stored, record)) = self.record_of(place, raw)?
        {
            self.stage(OP, &place.encode(), Effect::Delete, None)?;
            self.evict_record(raw, &stored, head_of(record), wall)?;
            evicted += 1;
        }
        self.settle_evicted();
        Ok(evicted)
    }

    /// The record that an entry of the order is of. `None` if that was replaced or removed since. One whose birth is
    /// damaged is taken for the one.
    fn record_of(&self, place: Place, raw: &[u8]) -> Result<Option<(Node<'s>, &'s [u8])>> {
        let damage = |d: Damage| error::damage(OP, d);
        let at = self.place(OP, raw)?;
        let Some(node) = found(&at, raw).map_err(damage)? else { return Ok(None) };
        let (birth, record) = split_birth(self.snapshot().view.value(node.to).map_err(damage)?);
        Ok(birth.is_none_or(|birth| birth == place.birth).then_some((node, record)))
    }

    /// Plans to remove a record and its parts.
    fn evict_record(
        &mut self,
        raw: &[u8],
        stored: &Node<'s>,
        head: Option<Head>,
        wall: SystemTime,
    ) -> Result<Freed> {
        let mut freed = Freed { pages: 0, bytes: 2 * raw.len() as u64 + 64 };
        match stored.to {
            To::Value(value) => freed.bytes += value.len() as u64,
            To::Big { page, len } => {
                let run = self.snapshot().view.overflow_run(page, len);
                freed.pages += run.map_err(|d| error::damage(OP, d))?;
            }
            To::Child(_) => {}
        }
        // The parts of a record whose head is damaged stay until the cache is swept or begins anew.
        if let Some(head) = head
            && let Some(parts) = head.parts
        {
            self.garbage_since(OP, &parts.id, wall)?;
            freed.bytes += head.body_len();
        }
        self.stage(OP, raw, Effect::Delete, None)?;
        if let Some(ledger) = &mut self.ledger {
            ledger.counts.went += 1;
            ledger.counts.evicted += 1;
        }
        Ok(freed)
    }

    fn settle_evicted(&mut self) {
        if let Some(ledger) = &mut self.ledger {
            ledger.keep();
        }
    }
}

fn head_of(record: &[u8]) -> Option<Head> {
    Head::decode(record, None).ok().map(|(head, _)| head)
}

impl Freed {
    fn add(&mut self, other: Freed) {
        self.pages += other.pages;
        self.bytes += other.bytes;
    }

    fn in_pages(&self, page_size: usize) -> u64 {
        self.pages + self.bytes / page_size as u64
    }
}
