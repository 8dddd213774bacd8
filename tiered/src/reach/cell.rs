//! The fence that a stack goes by: a table of the process alone, or a file that processes share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::{ArcSwap, Guard};

use crate::fence::{Mapped, Table};

/// What a cell is made with.
#[derive(Debug)]
pub(crate) struct CellSetup {
    /// The table of the process alone.
    pub(crate) own: Arc<Table<Mapped>>,
    /// Whether the stack shares a front with other processes, and must go by the fence beside it.
    pub(crate) shares: bool,
    /// Whether it may not write where the others do not see it.
    pub(crate) strict: bool,
}

/// The table that a stack goes by at present.
pub(crate) struct Cell {
    table: ArcSwap<Table<Mapped>>,
    setup: CellSetup,
    attached: AtomicBool,
}

impl Cell {
    pub(crate) fn new(setup: CellSetup) -> Arc<Cell> {
        Arc::new(Cell { table: ArcSwap::new(setup.own.clone()), setup, attached: AtomicBool::new(false) })
    }

    /// The table, for one look.
    #[inline]
    pub(crate) fn look(&self) -> Guard<Arc<Table<Mapped>>> {
        self.table.load()
    }

    /// The table, to keep.
    pub(crate) fn table(&self) -> Arc<Table<Mapped>> {
        self.table.load_full()
    }

    /// Goes by a table that is shared.
    pub(super) fn attach(&self, table: &Arc<Table<Mapped>>) {
        self.table.store(table.clone());
        self.attached.store(true, Ordering::SeqCst);
    }

    /// Goes by the table of the process alone.
    pub(crate) fn detach(&self) {
        self.attached.store(false, Ordering::SeqCst);
        self.table.store(self.setup.own.clone());
    }

    /// Whether it should go by a shared table, and does not: the shared front is passed by then.
    pub(crate) fn is_adrift(&self) -> bool {
        self.setup.shares && !self.attached.load(Ordering::SeqCst)
    }

    /// Whether nothing may be written now, as those who share the front would not see it.
    pub(crate) fn forbids_writes(&self) -> bool {
        self.setup.strict && self.is_adrift()
    }

    /// Whether the stack promises what only the shared table can keep.
    pub(crate) fn is_strict(&self) -> bool {
        self.setup.strict
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell").field("table", &self.table.load()).field("setup", &self.setup).finish()
    }
}
