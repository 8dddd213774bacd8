//! A reader follows the writer.

use std::sync::{Arc, Weak};

use larder_store_core::{Call, Error, ErrorKind, GetOptions, Got, Key, Op, Result};

use super::core::Core;
use super::open::{fill, read};
use super::options::{CollectionOptions, Role};
use super::seal::renewed;
use super::view::{Table, View};
use crate::manifest::{Manifest, NAME};
use crate::memtable::Memtable;
use crate::segment::OnText as _;
use crate::wal;

impl Core {
    /// Takes up what was written since. A writer knows it already.
    pub(crate) async fn refresh(&self, call: &Call) -> Result<()> {
        self.check_open(Op::Open)?;
        if self.options.role == Role::Writer && !self.fenced.load(std::sync::atomic::Ordering::Acquire) {
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        let view = self.view.load_full();
        // The log is read before the manifest: if that is the same still, nothing was removed before it was listed.
        let last =
            view.active().read().slots.map_or(view.manifest.floor, |(_, last)| last.max(view.manifest.floor));
        let entries = match wal::read_from(&self.store, self.schema.dims as usize, last, call).await {
            Ok(entries) => Some(entries),
            // It was cut short: there is a manifest that covers it.
            Err(error) if error.is(ErrorKind::Conflict) => None,
            Err(error) => return Err(error),
        };
        let mut options = GetOptions::new().with_call(call.clone());
        options.unless = Some(view.version.clone());
        let manifest = match self.store.get_opts(&Key::new(NAME)?, &options).await? {
            Got::Unchanged(_) => None,
            Got::Found { meta, .. } if meta.version.as_ref() == Some(&view.version) => None,
            Got::Found { body, .. } => {
                Some(Manifest::decode(&body).map_err(|e| e.at(self.store.id()).on_text(NAME))?)
            }
            Got::Absent => {
                return Err(crate::bytes::damaged("the manifest", "it is gone").at(self.store.id()));
            }
        };
        match (manifest, entries) {
            (Some(manifest), _) => self.follow_manifest(&view, manifest, call).await,
            (None, Some(entries)) => {
                fill(&mut view.active().write(), last, entries);
                Ok(())
            }
            (None, None) => {
                let why = "a part of the log is gone that no manifest covers";
                Err(Error::new(ErrorKind::Corrupt, Op::Open, why).at(self.store.id()))
            }
        }
    }

    /// The manifest is another one: its segments, and the log behind them.
    async fn follow_manifest(&self, view: &View, manifest: Manifest, call: &Call) -> Result<()> {
        if manifest.collection != view.manifest.collection {
            let why = "the collection was replaced by another one";
            return Err(Error::new(ErrorKind::Conflict, Op::Open, why)
                .at(self.store.id())
                .hint("open it again"));
        }
        let options = CollectionOptions {
            call: call.clone(),
            role: Role::Reader,
            schema: None,
            ..self.options.clone()
        };
        let (manifest, version, entries) = read(&self.store, &options).await?;
        let mut table = Memtable::new(self.schema.dims as usize, view.active().read().end());
        fill(&mut table, manifest.floor, entries);
        let gone: Vec<u64> = view.segments.iter().map(|segment| segment.entry.number).collect();
        let mut next = renewed(view, manifest, version, &[], false);
        next.tables = vec![Table::new(table)];
        next.moves += 1;
        for number in gone {
            if !next.segments.iter().any(|segment| segment.entry.number == number) {
                self.tiers.forget(number);
            }
        }
        self.view.store(Arc::new(next));
        Ok(())
    }

    /// An error that a search or get met. Objects that are gone are news for a reader: who asks again finds what replaced them.
    pub(crate) async fn moved_on(&self, error: Error, call: &Call) -> Error {
        if !error.is(ErrorKind::Conflict) {
            return error;
        }
        match self.refresh(call).await {
            Ok(()) => {
                let hint = "an object of the collection was removed: the store has lost it, or kept it shorter than `retain`";
                Error::new(ErrorKind::Unavailable, error.op(), error.why().to_owned())
                    .caused_by(error)
                    .hint(hint)
            }
            Err(error) => error,
        }
    }
}

/// Looks for news until the collection is gone.
pub(super) fn start(core: &Arc<Core>) {
    let (env, every, weak) = (core.env.clone(), core.options.follow, Arc::downgrade(core));
    core.env.spawn(async move {
        loop {
            env.sleep(every).await;
            let Some(core) = Weak::upgrade(&weak).filter(|core| core.check_open(Op::Open).is_ok()) else {
                return;
            };
            if let Err(error) = core.refresh(&Call::default()).await {
                tracing::warn!(store = %core.store.id(), %error, "a reader could not follow");
            }
        }
    });
}
