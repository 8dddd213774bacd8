//! A part of a value from a front that does not have it at hand.

use std::sync::Arc;

use bytes::Bytes;
use larder_store_core::{ByteRange, GetOptions, Got, Key, Result};

use super::{View, served, wants_other};
use crate::entry::{Entry, Said};
use crate::front::{Front, LookNow};
use crate::policy::{Verdict, Wish};
use crate::stack::Stack;

/// What a front has of a range.
#[expect(clippy::large_enum_variant, reason = "most are answers, and none is kept for long")]
pub(super) enum Part {
    /// The answer.
    Answer(Got<Bytes>),
    /// The whole value.
    Whole(Arc<Entry>),
    /// Nothing that can be served.
    Nothing,
}

impl Stack {
    /// Asks a front for a range: of the whole value if it is at hand, else of what covers it.
    pub(super) async fn part_of(
        &self,
        view: &View,
        front: &Front,
        key: &Key,
        range: ByteRange,
        options: &GetOptions,
        wish: &Wish,
    ) -> Result<Part> {
        match front.look_now(key) {
            LookNow::Found(entry) => return Ok(Part::Whole(entry)),
            LookNow::Nothing => return Ok(Part::Nothing),
            LookNow::Ask => {}
        }
        let Some(large) = front.look_head(key).await else { return Ok(Part::Nothing) };
        if !view.table.serves(&view.lease, &large.entry.stamp) {
            return Ok(Part::Nothing);
        }
        let Verdict::Serve(age) = wish.judge(&large.entry, &self.clocks) else { return Ok(Part::Nothing) };
        let Said::Value(meta, _) = &large.entry.said else {
            return Ok(Part::Whole(Arc::new(large.entry)));
        };
        if wants_other(options.only.as_ref(), meta.version.as_ref()) {
            return Ok(Part::Nothing);
        }
        if options.unless.is_some() && options.unless == meta.version {
            front.counts.hits.add();
            return Ok(Part::Answer(Got::Unchanged(meta.clone())));
        }
        let Some(size) = meta.size else { return Ok(Part::Nothing) };
        let wanted = range.resolve(size).map_err(|e| e.at(&self.id).on(key))?;
        let Some(body) = front.part(&large, wanted).await else { return Ok(Part::Nothing) };
        front.counts.hits.add();
        Ok(Part::Answer(Got::Found { meta: meta.clone(), body, served: served(front.number, age) }))
    }
}
