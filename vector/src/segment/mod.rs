//! Segments: up to 65,536 rows that do not change, but for those that are deleted.

mod blocks;
mod build;
mod checks;
mod dead;
mod format;
mod index;

use std::sync::{Arc, Mutex, PoisonError};

use larder_store_core::{Call, Error, ErrorKind, GetOptions, Got, Key, Op, Result, Store};

pub(crate) use blocks::{PAYLOAD_ROWS, Unpacker, VECTOR_ROWS};
pub(crate) use build::{Built, Layout, RowSet, build, recode};
pub(crate) use dead::Dead;
pub(crate) use index::{Buffer, Index, name as index_name};

use crate::collection::Core;
use crate::column::Column;
use crate::manifest::SegmentEntry;
use crate::memtable::Memtable;

/// The most rows of a segment: their numbers in it have two bytes.
pub(crate) const MAX_ROWS: usize = 65_536;

/// A segment of a manifest, and what of it was read.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) entry: SegmentEntry,
    state: Mutex<State>,
    loading: tokio::sync::Mutex<()>,
    /// What rescores its candidates.
    pub(crate) column: Arc<Column>,
}

#[derive(Debug, Clone, Default)]
struct State {
    /// If there was room to keep it.
    index: Option<Arc<Index>>,
    dead: Option<Arc<Dead>>,
    /// The number behind that of the last change that was looked at for `dead`.
    seen: u64,
}

/// The key of something of a segment.
pub(crate) fn key(entry: &SegmentEntry, what: &str) -> String {
    format!("seg/{}/{what}", entry.name)
}

/// The key of a segment's bitmap, if it has one.
pub(crate) fn dead_key(entry: &SegmentEntry) -> Option<String> {
    (entry.dead_rev > 0).then(|| key(entry, &format!("dead-{:016x}", entry.dead_rev)))
}

impl Segment {
    pub(crate) fn new(entry: SegmentEntry) -> Segment {
        Segment::with(entry, State::default(), Arc::new(Column::cold()))
    }

    /// One that was just built; changes from number `seen` on are to be looked at.
    pub(crate) fn built(entry: SegmentEntry, dead: Dead, seen: u64) -> Segment {
        let state = State { index: None, dead: Some(Arc::new(dead)), seen };
        Segment::with(entry, state, Arc::new(Column::cold()))
    }

    fn with(entry: SegmentEntry, state: State, column: Arc<Column>) -> Segment {
        Segment { entry, state: Mutex::new(state), loading: Default::default(), column }
    }

    /// The same segment as a newer manifest knows it. What was read of it goes on to count where it does; what is dead is read
    /// anew for those who did not write it.
    pub(crate) fn renewed(&self, entry: SegmentEntry, wrote: bool) -> Segment {
        let mut state = self.state().clone();
        if entry.index_rev != self.entry.index_rev {
            state.index = None;
        }
        if entry.dead_rev != self.entry.dead_rev && !wrote {
            (state.dead, state.seen) = (None, 0);
        }
        Segment::with(entry, state, self.column.clone())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What searches need of it, if that is at hand.
    pub(crate) fn at_hand(&self) -> Option<Arc<Index>> {
        let state = self.state();
        state.index.clone().filter(|_| state.dead.is_some())
    }

    /// Lets go of its index.
    pub(crate) fn unload(&self) {
        self.state().index = None;
    }

    /// Reads what searches need of it, unless that was done, and keeps it if there is room.
    ///
    /// # Errors
    /// Those of the store. `Conflict` where objects are gone, as a newer manifest has no use for them.
    pub(crate) async fn load(&self, core: &Core, call: &Call) -> Result<Arc<Index>> {
        if let Some(index) = self.at_hand() {
            return Ok(index);
        }
        let _turn = self.loading.lock().await;
        let State { index, dead, .. } = self.state().clone();
        let index = async {
            match index {
                Some(index) => Ok(index),
                None => core.tiers.index(core, &self.entry, call).await.map(Arc::new),
            }
        };
        let dead = async {
            match (dead, dead_key(&self.entry)) {
                (Some(dead), _) => Ok(dead),
                (None, None) => Ok(Arc::new(Dead::none(self.entry.rows as usize))),
                (None, Some(name)) => {
                    let object = read(&core.store, &name, call).await?;
                    let dead = Dead::decode(&name, &object, self.entry.rows as usize);
                    dead.map(Arc::new).map_err(|e| e.at(core.store.id()).on_text(&name))
                }
            }
        };
        let (index, dead) = futures_util::future::try_join(index, dead).await?;
        let mut state = self.state();
        state.dead.get_or_insert(dead);
        if index.is_kept() {
            state.index = Some(index.clone());
        }
        Ok(index)
    }

    /// Whether a change that was not looked at may be one of its rows.
    pub(crate) fn is_behind(&self, tables: &[&Memtable]) -> bool {
        let mut state = self.state();
        if tables.iter().any(|table| table.touched_from(state.seen).iter().any(|id| self.may_have(id))) {
            return true;
        }
        state.seen = tables.iter().map(|table| table.end()).fold(state.seen, u64::max);
        false
    }

    /// Whether an id may be that of one of its rows.
    pub(crate) fn may_have(&self, id: &crate::Id) -> bool {
        match (id, self.entry.ids) {
            (crate::Id::Num(n), Some((least, greatest))) => (least..=greatest).contains(n),
            (crate::Id::Text(_), Some(_)) => false,
            (_, None) => true,
        }
    }

    /// Which rows count no more, by its bitmap and by all that was changed since: `tables` are what was, the oldest first.
    ///
    /// # Errors
    /// `Corrupt` for an index that is none; `Unavailable` if it was not read.
    pub(crate) fn dead(&self, index: &Index, tables: &[&Memtable]) -> Result<Arc<Dead>> {
        let mut state = self.state();
        let State { dead: Some(dead), seen, .. } = &mut *state else {
            return Err(Error::new(ErrorKind::Unavailable, Op::Search, "a segment was not read"));
        };
        for table in tables {
            for id in table.touched_from(*seen) {
                if self.may_have(id)
                    && let Some(row) = index.find(id)?
                    && !dead.has(row)
                {
                    Arc::make_mut(dead).add(row);
                }
            }
            *seen = (*seen).max(table.end());
        }
        Ok(dead.clone())
    }

    /// Which rows are known to count no more, if that was read.
    pub(crate) fn dead_if_known(&self) -> Option<Arc<Dead>> {
        self.state().dead.clone()
    }

    /// How many rows are known to be dead.
    pub(crate) fn dead_count(&self) -> u32 {
        self.dead_if_known().map_or(self.entry.dead, |dead| dead.count())
    }
}

/// Reads an object of a segment.
pub(crate) async fn read(store: &Arc<dyn Store>, name: &str, call: &Call) -> Result<bytes::Bytes> {
    let key = Key::new(name)?;
    match store.get_opts(&key, &GetOptions::new().with_call(call.clone())).await? {
        Got::Found { body, .. } => Ok(body),
        _ => Err(gone(&key).at(store.id())),
    }
}

/// An object is not there: replaced by a newer manifest, or lost.
pub(crate) fn gone(key: &Key) -> Error {
    Error::new(ErrorKind::Conflict, Op::Search, "an object of the collection is gone").on(key)
}

/// Names what an error is about by the text of its key.
pub(crate) trait OnText {
    fn on_text(self, name: &str) -> Self;
}

impl OnText for Error {
    fn on_text(self, name: &str) -> Error {
        match Key::new(name) {
            Ok(key) => self.on(&key),
            Err(_) => self,
        }
    }
}
