//! Which rows of segments match a filter.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use larder_store_core::{Call, Result};

use crate::collection::Core;
use crate::filter::Compiled;
use crate::segment::{Index, Segment};

/// Masks that are remembered: 8 KiB each at the most.
const KEPT: usize = 1024;

/// The rows that matched, of segments that were filtered lately: a bit for each row.
#[derive(Debug, Default)]
pub(crate) struct Masks(Mutex<VecDeque<Kept>>);

#[derive(Debug)]
struct Kept {
    segment: u64,
    filter: Arc<str>,
    mask: Arc<Vec<u64>>,
}

impl Masks {
    fn find(&self, segment: u64, filter: &str) -> Option<Arc<Vec<u64>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|kept| kept.segment == segment && *kept.filter == *filter)?;
        let found = kept.remove(at)?;
        let mask = found.mask.clone();
        kept.push_front(found);
        Some(mask)
    }

    fn keep(&self, segment: u64, filter: &Arc<str>, mask: Arc<Vec<u64>>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(Kept { segment, filter: filter.clone(), mask });
        kept.truncate(KEPT);
    }
}

impl Core {
    /// The rows of a segment that match, a bit for each. Reads all payloads, unless the same was asked before.
    pub(super) async fn matching(
        &self,
        segment: &Segment,
        index: &Arc<Index>,
        text: &Arc<str>,
        filter: &Arc<Compiled>,
        call: &Call,
    ) -> Result<Arc<Vec<u64>>> {
        if let Some(mask) = self.tiers.masks.find(segment.entry.number, text) {
            return Ok(mask);
        }
        let payloads = self.all_payloads(segment, index, call).await?;
        let filter = filter.clone();
        let work = move || {
            let word = |rows: &[bytes::Bytes]| {
                let bit = |(at, payload): (usize, &bytes::Bytes)| u64::from(filter.matches(payload)) << at;
                rows.iter().enumerate().map(bit).sum()
            };
            Ok(payloads.chunks(64).map(word).collect::<Vec<u64>>())
        };
        let mask = Arc::new(self.env.blocking(larder_store_core::Op::Search, &self.inflight, work).await?);
        self.tiers.masks.keep(segment.entry.number, text, mask.clone());
        Ok(mask)
    }
}
