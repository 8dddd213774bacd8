//! Segments as a search sees them.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};
use larder_store_core::{Error, Result};

use super::TOGETHER;
use super::options::SearchOptions;
use crate::codec::Codec;
use crate::collection::{Core, View};
use crate::filter::Compiled;
use crate::memtable::Memtable;
use crate::segment::{Dead, Index, Segment};

/// A segment as a search sees it.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) segment: Arc<Segment>,
    pub(super) index: Arc<Index>,
    pub(super) codec: Codec,
    pub(super) dead: Arc<Dead>,
    /// Rows that match a filter.
    pub(super) mask: Option<Arc<Vec<u64>>>,
}

impl Part {
    /// The rows that count, a bit for each; `None` for all.
    pub(super) fn masks(&self) -> Option<Vec<u64>> {
        let dead = self.dead.words();
        match &self.mask {
            Some(mask) => Some(mask.iter().zip(dead).map(|(mask, dead)| mask & !dead).collect()),
            None if self.dead.count() > 0 => Some(dead.iter().map(|dead| !dead).collect()),
            None => None,
        }
    }
}

impl Core {
    /// Segments, with what a search needs of them.
    pub(super) async fn parts_of(
        self: &Arc<Self>,
        view: &Arc<View>,
        options: &SearchOptions,
        filter: Option<&(Arc<str>, Arc<Compiled>)>,
    ) -> Result<Vec<Part>> {
        let one = |segment: Arc<Segment>| async move {
            let index = match segment.at_hand() {
                Some(index) => index,
                None => segment.load(self, &options.call).await?,
            };
            let codec = self.codec(view, segment.entry.book, &options.call).await?;
            let mask = match filter {
                Some((text, filter)) => {
                    Some(self.matching(&segment, &index, text, filter, &options.call).await?)
                }
                None => None,
            };
            let tables = view.read_tables();
            let tables: Vec<&Memtable> = tables.iter().map(|table| &**table).collect();
            let dead = segment.dead(&index, &tables)?;
            drop(tables);
            Ok::<_, Error>(Part { segment, index, codec, dead, mask })
        };
        let parts = futures_util::stream::iter(view.segments.iter().cloned().map(one));
        parts.buffered(TOGETHER).try_collect().await
    }
}
