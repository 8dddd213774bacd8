//! Indexes and columns are taken in, where there is room for them.

use half::f16;
use larder_store_core::{Call, Error, ErrorKind, Op, Result};

use super::Tiers;
use crate::collection::Core;
use crate::column::Holding;
use crate::manifest::SegmentEntry;
use crate::segment::{self, Buffer, Index, OnText as _};
use crate::tier::Reservation;

/// Rows that are rounded at once.
const ROWS: usize = 1024;

impl Tiers {
    /// Reads an index: into memory, or into a file, or, if there is room in neither, for as long as it is used.
    ///
    /// # Errors
    /// Those of the store; `Corrupt` for what is no index of this segment.
    pub(crate) async fn index(&self, core: &Core, entry: &SegmentEntry, call: &Call) -> Result<Index> {
        let name = segment::index_name(entry);
        let object = segment::read(&core.store, &name, call).await?;
        let bytes = object.len() as u64;
        let buffer = if let Some(room) = self.memory.try_reserve(bytes) {
            Buffer::copied(&object, Some(room))?
        } else if let Some(local) = self.local()
            && let Some(room) = self.disk.try_reserve(bytes)
        {
            match local.write(std::iter::once(Ok(object.to_vec()))) {
                Ok(file) => Buffer::File(file, room),
                Err(error) => {
                    tracing::warn!(%error, "an index is not kept");
                    Buffer::copied(&object, None)?
                }
            }
        } else {
            Buffer::copied(&object, None)?
        };
        Index::new(entry, &core.schema, buffer).map_err(|e| e.at(core.store.id()).on_text(&name))
    }

    /// Room for a column in memory.
    ///
    /// # Errors
    /// `Full` if there is none.
    pub(super) fn hot_room(&self, bytes: u64) -> Result<Reservation> {
        self.memory.try_reserve(bytes).ok_or_else(|| no_room("memory", bytes))
    }

    /// A column in a file.
    ///
    /// # Errors
    /// `Full` if there is no room; `Invalid` for values that half precision has not.
    pub(super) fn warm(&self, dims: usize, values: &[f32]) -> Result<Holding> {
        let bytes = values.len() as u64 * 2;
        let local = self.local().ok_or_else(|| no_room("disk", bytes))?;
        let disk = self.disk.try_reserve(bytes).ok_or_else(|| no_room("disk", bytes))?;
        let round = |values: &[f32]| {
            let mut out = Vec::with_capacity(values.len() * 2);
            for value in values {
                let half = f16::from_f32(*value);
                if !half.is_finite() {
                    let why = format!("{value} is too large for half precision");
                    return Err(Error::new(ErrorKind::Invalid, Op::Maintain, why));
                }
                out.extend_from_slice(&half.to_le_bytes());
            }
            Ok(out)
        };
        let file = local.write(values.chunks(ROWS * dims).map(round))?;
        Ok(Holding::Warm { file, room: disk })
    }
}

fn no_room(of: &str, bytes: u64) -> Error {
    Error::new(ErrorKind::Full, Op::Maintain, format!("the budget of {of} has no room for {bytes} bytes"))
}
