//! What a collection is at an instant.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use larder_store_core::Version;

use crate::codec::Codec;
use crate::manifest::Manifest;
use crate::memtable::Memtable;
use crate::segment::Segment;

/// A table of what was written since a seal.
#[derive(Debug)]
pub(crate) struct Table(RwLock<Memtable>);

impl Table {
    pub(crate) fn new(table: Memtable) -> Arc<Table> {
        Arc::new(Table(RwLock::new(table)))
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Memtable> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Memtable> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a collection is. A view is replaced and never changed, but for what its last table takes up.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) version: Version,
    /// How often rows came to other segments.
    pub(crate) moves: u64,
    /// As the manifest lists them.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// By their numbers, as far as they were read.
    pub(crate) codecs: Vec<Codec>,
    /// What is not in a segment yet, the oldest first. The last one takes up what is written.
    pub(crate) tables: Vec<Arc<Table>>,
}

impl View {
    /// Tables, held for reading, the oldest first.
    pub(crate) fn read_tables(&self) -> Vec<RwLockReadGuard<'_, Memtable>> {
        self.tables.iter().map(|table| table.read()).collect()
    }

    pub(crate) fn active(&self) -> &Arc<Table> {
        self.tables.last().expect("a view has a table that takes up what is written")
    }

    /// The codec of a segment with this codebook, if it was read.
    pub(crate) fn codec(&self, book: Option<u64>) -> Option<&Codec> {
        self.codecs.iter().find(|codec| codec.book() == book)
    }

    /// About as many bytes of memory as tables take.
    pub(crate) fn unsealed_bytes(&self) -> u64 {
        self.read_tables().iter().map(|table| table.bytes() as u64).sum()
    }

    /// Rows of tables that no later table knows something newer of.
    pub(crate) fn unsealed(&self) -> u64 {
        let tables = self.read_tables();
        let count = |(at, table): (usize, &RwLockReadGuard<'_, Memtable>)| {
            let later = &tables[at + 1..];
            let counts = |row: &usize| !later.iter().any(|later| later.knows(table.row(*row).id));
            if later.is_empty() { table.len() } else { (0..table.len()).filter(counts).count() }
        };
        tables.iter().enumerate().map(|each| count(each) as u64).sum()
    }
}
