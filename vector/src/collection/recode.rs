//! Codes of a codebook that was replaced are made anew.

use std::sync::Arc;

use larder_store_core::{Call, Op, Result};

use super::core::{Core, book_name};
use super::manifest::Swapped;
use super::seal::renewed;
use super::view::View;
use crate::manifest::{Manifest, Precision, Retired, SegmentEntry};
use crate::segment::{self, Segment};

impl Core {
    /// A segment whose codes are not those of the newest codebook, and should be.
    pub(super) fn outdated(&self, view: &View) -> Option<Arc<Segment>> {
        // What only codes are left of is not coded again: that would lose a second time.
        let newest = view.manifest.books.last().filter(|_| self.schema.keep != Precision::Lossy)?.number;
        let outdated = |segment: &&Arc<Segment>| match segment.entry.book {
            Some(book) => book != newest,
            None => segment.entry.rows as usize >= self.options.book_rows,
        };
        view.segments.iter().find(outdated).cloned()
    }

    /// Gives a segment codes of the newest codebook: another index, beside vectors that stay.
    pub(super) async fn recode(&self, segment: &Arc<Segment>, call: &Call) -> Result<()> {
        let view = self.view.load_full();
        let newest = view.manifest.books.last().map(|book| book.number);
        let codec = self.codec(&view, newest, call).await?;
        let index = segment.load(self, call).await?;
        let values = self.all_vectors(segment, &index, call).await?;
        let (mut entry, schema) = (segment.entry.clone(), self.schema);
        entry.index_rev = self.name();
        let work = move || {
            let index = segment::recode(&mut entry, &schema, &index, &values, &codec)?;
            Ok((entry, index))
        };
        let (entry, index) = self.env.blocking(Op::Maintain, &self.inflight, work).await?;
        self.write(&segment::index_name(&entry), index.into(), call).await?;
        let _turn = self.turn.lock().await;
        let view = self.view.load_full();
        let old = segment::index_name(&segment.entry);
        let change = |manifest: &mut Manifest| {
            let there = manifest.segments.iter_mut().find(|there| there.name == entry.name);
            if let Some(there) = there {
                (there.book, there.index_rev) = (entry.book, entry.index_rev);
                there.index_bytes = entry.index_bytes;
            }
            let mut keys = vec![old];
            keys.extend(unused_books(manifest));
            manifest.retired.push(Retired { keys, at: self.millis() });
        };
        if let Swapped::Done(manifest, version) = self.swap(call, change).await? {
            self.put_view(renewed(&view, *manifest, version, &[], true), 0, false);
        }
        Ok(())
    }
}

/// Takes books that no segment has codes of out of a manifest, but for the newest; their keys.
pub(super) fn unused_books(manifest: &mut Manifest) -> Vec<String> {
    let Some(newest) = manifest.books.last().map(|book| book.number) else { return Vec::new() };
    let used = |segments: &[SegmentEntry], number| segments.iter().any(|entry| entry.book == Some(number));
    let (stay, gone): (Vec<_>, Vec<_>) = manifest
        .books
        .drain(..)
        .partition(|book| book.number == newest || used(&manifest.segments, book.number));
    manifest.books = stay;
    gone.into_iter().map(|book| book_name(book.number)).collect()
}
