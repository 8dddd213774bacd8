//! Writes that a shared table has not seen, since this process could not attach to it.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use super::Cell;
use crate::fence::{Mapped, Table};

/// How many keys are remembered; past that, it may have been any.
const MOST: usize = 1 << 16;

/// Keys that were written while some stack went by the table of the process alone, and should have gone by a shared one.
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// Those that share.
    cells: Vec<Weak<Cell>>,
    names: HashSet<Box<str>>,
    any: bool,
}

impl Missed {
    /// A stack that should go by a shared table, from now on.
    pub(super) fn watch(&mut self, cell: &Arc<Cell>) {
        self.cells.retain(|cell| cell.strong_count() > 0);
        self.cells.push(Arc::downgrade(cell));
    }

    /// It is closed, and reads no more.
    pub(super) fn unwatch(&mut self, cell: &Arc<Cell>) {
        self.cells.retain(|other| !std::ptr::eq(other.as_ptr(), Arc::as_ptr(cell)));
    }

    /// A write begins.
    pub(super) fn note(&mut self, name: &str) {
        if self.cells.is_empty() {
            return;
        }
        if !self.cells.iter().filter_map(Weak::upgrade).any(|cell| cell.is_adrift()) {
            // Every table that is gone by has seen what was remembered.
            self.names.clear();
            self.any = false;
        } else if self.any || self.names.contains(name) {
        } else if self.names.len() < MOST {
            self.names.insert(name.into());
        } else {
            self.names.clear();
            self.any = true;
        }
    }

    /// The slots of a table that these keys are in.
    pub(super) fn slots(&self, table: &Table<Mapped>) -> Vec<u32> {
        if self.any {
            return (0..table.layout().slots()).collect();
        }
        self.names.iter().map(|name| table.slot_of(name)).collect()
    }
}
