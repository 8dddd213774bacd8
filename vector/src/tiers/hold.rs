//! Indexes are taken in, where there is room for them.

use std::sync::Arc;

use larder_store_core::{Call, Error, ErrorKind, Op, Result};

use super::Tiers;
use crate::collection::Core;
use crate::local::Local;
use crate::manifest::SegmentEntry;
use crate::segment::{self, Buffer, Index, OnText as _};
use crate::tier::Reservation;

impl Tiers {
    /// Reads an index: into memory, or into a file, or, if there is room in neither, for as long as it is used.
    ///
    /// # Errors
    /// Those of the store; `Corrupt` for what is no index of this segment.
    pub(crate) async fn index(&self, core: &Core, entry: &SegmentEntry, call: &Call) -> Result<Index> {
        let name = segment::index_name(entry);
        let object = segment::read(&core.store, &name, call).await?;
        let bytes = object.len() as u64;
        let memory = self.memory.try_reserve(bytes);
        let file = match memory {
            Some(_) => None,
            None => self.file_room(bytes),
        };
        let (entry, schema) = (entry.clone(), core.schema);
        // Files are written, and every byte is checked, where that holds up no task.
        let work = move || {
            let buffer = match file {
                Some((local, room)) => match local.write(std::iter::once(Ok(&object))) {
                    Ok(file) => Buffer::File(file, room),
                    Err(error) => {
                        tracing::warn!(%error, "an index is not kept");
                        Buffer::copied(&object, None)?
                    }
                },
                None => Buffer::copied(&object, memory)?,
            };
            Index::new(&entry, &schema, buffer)
        };
        let index = core.env.blocking(Op::Maintain, &core.inflight, work).await;
        index.map_err(|e| e.at(core.store.id()).on_text(&name))
    }

    /// Room in memory.
    ///
    /// # Errors
    /// `Full` if there is none.
    pub(super) fn memory_room(&self, bytes: u64) -> Result<Reservation> {
        self.memory.try_reserve(bytes).ok_or_else(|| no_room("memory", bytes))
    }

    /// Room for a file, and where to put it.
    ///
    /// # Errors
    /// `Full` if there is none.
    pub(super) fn disk_room(&self, bytes: u64) -> Result<(Arc<Local>, Reservation)> {
        self.file_room(bytes).ok_or_else(|| no_room("disk", bytes))
    }

    fn file_room(&self, bytes: u64) -> Option<(Arc<Local>, Reservation)> {
        Some((self.local()?.clone(), self.disk.try_reserve(bytes)?))
    }
}

pub(super) fn no_room(of: &str, bytes: u64) -> Error {
    Error::new(ErrorKind::Full, Op::Maintain, format!("the budget of {of} has no room for {bytes} bytes"))
}
