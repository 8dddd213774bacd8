//! Columns are taken into memory and into files, a part at a time, with all that is held meanwhile under the budgets.

use std::sync::Arc;

use half::f16;
use larder_store_core::{Call, Error, ErrorKind, Op, Result};

use super::hold::no_room;
use crate::collection::{Core, Parts};
use crate::column::Holding;
use crate::local::{Local, Mapped};
use crate::manifest::Precision;
use crate::segment::{Index, Segment};
use crate::tier::Reservation;

/// Values that are rounded at once.
const VALUES: usize = 256 << 10;

impl Core {
    /// The column of a segment in memory, as it was given.
    ///
    /// # Errors
    /// `Full` if there is no room; those of the store.
    pub(super) async fn to_memory(
        &self,
        segment: &Segment,
        index: &Arc<Index>,
        call: &Call,
    ) -> Result<Holding> {
        let count = index.rows() * self.schema.dims as usize;
        // Reserved before it is allocated.
        let room = self.tiers.memory_room(count as u64 * 4)?;
        if self.schema.keep == Precision::Lossy {
            let _codes = self.tiers.memory_room(index.codes().len() as u64)?;
            return Ok(Holding::Hot { values: self.all_vectors(segment, index, call).await?, room });
        }
        let Parts { blocks, room: _part } = self.reading(index)?;
        let mut values = Vec::with_capacity(count);
        for blocks in blocks {
            values.extend_from_slice(&self.vectors(segment, index, blocks, call).await?);
        }
        Ok(Holding::Hot { values, room })
    }

    /// The column of a segment in a file, from the store.
    ///
    /// # Errors
    /// `Full` if there is no room; `Invalid` for values that half precision has not; those of the store.
    pub(super) async fn to_file(
        &self,
        segment: &Segment,
        index: &Arc<Index>,
        call: &Call,
    ) -> Result<Holding> {
        let count = index.rows() * self.schema.dims as usize;
        let (local, room) = self.tiers.disk_room(count as u64 * 2)?;
        if self.schema.keep == Precision::Lossy {
            let held = self.tiers.memory_room(count as u64 * 4 + index.codes().len() as u64)?;
            let values = self.all_vectors(segment, index, call).await?;
            let work = move || {
                let file = rounded(&local, &values)?;
                drop(held);
                Ok(Holding::Warm { file, room })
            };
            return self.env.blocking(Op::Maintain, &self.inflight, work).await;
        }
        let Parts { blocks, room: _part } = self.reading(index)?;
        let mut draft = self.env.blocking(Op::Maintain, &self.inflight, move || local.draft()).await?;
        for blocks in blocks {
            let values = self.vectors(segment, index, blocks, call).await?;
            let work = move || {
                values.chunks(VALUES).try_for_each(|values| draft.add(&round(values)?))?;
                Ok(draft)
            };
            draft = self.env.blocking(Op::Maintain, &self.inflight, work).await?;
        }
        let file = self.env.blocking(Op::Maintain, &self.inflight, move || draft.finish()).await?;
        Ok(Holding::Warm { file, room })
    }

    /// A column that is in memory, in a file.
    ///
    /// # Errors
    /// `Full` if there is no room; `Invalid` for values that half precision has not.
    pub(super) async fn memory_to_file(&self, holding: Arc<Holding>) -> Result<Holding> {
        let Holding::Hot { values, .. } = &*holding else { return Ok(Holding::Cold) };
        let (local, room): (Arc<Local>, Reservation) = self.tiers.disk_room(values.len() as u64 * 2)?;
        let work = move || {
            // Shared with whoever searches: nothing is copied.
            let Holding::Hot { values, .. } = &*holding else { return Ok(Holding::Cold) };
            Ok(Holding::Warm { file: rounded(&local, values)?, room })
        };
        self.env.blocking(Op::Maintain, &self.inflight, work).await
    }

    fn reading(&self, index: &Index) -> Result<Parts> {
        self.column_parts(index).ok_or_else(|| no_room("memory", index.vectors.range(0..1).end))
    }
}

fn rounded(local: &Arc<Local>, values: &[f32]) -> Result<Mapped> {
    local.write(values.chunks(VALUES).map(round))
}

/// Values in half precision.
fn round(values: &[f32]) -> Result<Vec<u8>> {
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
}
