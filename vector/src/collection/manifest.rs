//! The manifest is replaced.

use std::sync::Arc;

use larder_store_core::{Call, ErrorKind, Op, Result, Version};

use super::core::Core;
use super::seal::renewed;
use super::view::View;
use crate::manifest::Manifest;

/// How often it is tried where an answer got lost.
const ATTEMPTS: usize = 16;

/// What became of a replacement.
pub(super) enum Swapped {
    Done(Box<Manifest>, Version),
    /// One before it had got no answer, and was made. The view has been brought up to it, and whatever was to be done is to be
    /// begun anew.
    Overtaken,
}

impl Core {
    /// Replaces the manifest by what `change` makes of it. Whoever calls it holds [`Core::turn`], and puts the new view in place.
    ///
    /// # Errors
    /// `Conflict` if another writer has taken over; those of the store. An error may come although the manifest was replaced: then
    /// the next replacement is told that it was overtaken.
    pub(super) async fn swap(&self, call: &Call, change: impl FnOnce(&mut Manifest)) -> Result<Swapped> {
        let view = self.view.load_full();
        let mut next = (*view.manifest).clone();
        change(&mut next);
        next.turn += 1;
        let mut version = view.version.clone();
        for attempt in 1.. {
            let error = match next.write(&self.store, Some(version.clone()), call).await {
                Ok(version) => return Ok(Swapped::Done(Box::new(next), version)),
                Err(error) => error,
            };
            let look = error.is(ErrorKind::Conflict) || !error.settled();
            if !look || attempt == ATTEMPTS {
                return Err(error.during(Op::Maintain));
            }
            // Either somebody else wrote, or this process did and was not told.
            let Some((there, now)) = Manifest::read(&self.store, call).await? else {
                return Err(crate::bytes::damaged("the manifest", "it is gone").at(self.store.id()));
            };
            if there == next {
                return Ok(Swapped::Done(Box::new(there), now));
            }
            if there.epoch != next.epoch {
                return Err(self.fenced(Op::Maintain, there.epoch));
            }
            if there.turn != view.manifest.turn {
                self.adopt(&view, there, now);
                return Ok(Swapped::Overtaken);
            }
            version = now;
        }
        unreachable!("the last attempt returns")
    }

    /// Takes a manifest that this process wrote without being told.
    fn adopt(&self, view: &View, manifest: Manifest, version: Version) {
        let covered = |table: &Arc<super::view::Table>| {
            table.read().slots.is_some_and(|(_, last)| last <= manifest.floor)
        };
        let sealed = view.tables.len() - 1;
        let covered = view.tables[..sealed].iter().take_while(|table| covered(table)).count();
        self.put_view(renewed(view, manifest, version, &[], true), covered, true);
    }

    /// Puts a view in place. Its tables are those of the view there is, without the first `drop`.
    pub(super) fn put_view(&self, mut view: View, drop: usize, moved: bool) {
        // Only tables change without the turn: what is written freezes them and adds new ones.
        view.moves += u64::from(moved);
        self.view.rcu(|now| {
            view.tables = now.tables[drop..].to_vec();
            Arc::new(view.clone())
        });
    }
}
