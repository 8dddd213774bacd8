//! Writing: the origin, then the fronts.
//!
//! Before the origin is asked, the write is opened in every fence that this process knows of the origin's. It is closed
//! when the origin has answered, and the fronts get what was written only if nothing else happened in the slot.

mod batch;
mod one;

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use larder_store_core::{Call, Error, ErrorKind, Key, Meta, Op, PutOptions, Result, Written};
use tokio::sync::oneshot;

use crate::clocks::Asked;
use crate::entry::{Entry, Said};
use crate::reach::{Opened, Stamps};
use crate::stack::Stack;
use crate::stats::Count;

/// How many entries are given to the fronts at once, so that they can be written as groups.
const WIDTH: usize = 64;

/// What is known about a key when the origin has answered.
#[expect(clippy::large_enum_variant, reason = "most are answers, and none is kept for long")]
pub(super) enum Outcome {
    /// Every attempt got an answer. With what the key holds now, where that is known.
    Answered(Option<Said>),
    /// Some attempt got none, and may still take effect.
    Unanswered,
}

impl Outcome {
    /// What an error says.
    fn of_error(error: &Error) -> Outcome {
        if error.settled() { Outcome::Answered(None) } else { Outcome::Unanswered }
    }
}

/// A write that is open in the fence, and the key that it is about.
struct Under {
    key: Key,
    opened: Opened,
}

/// Counts the writes that whoever dropped their call left in doubt.
struct GivenUp<'a>(&'a Count, u64);

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        self.0.add_many(self.1);
    }
}

impl Stack {
    /// Carries out a write. `ask` asks the origin; `read` says what its answer means for each of the keys.
    ///
    /// With an origin in reach the work runs as a task of its own: whoever drops the call neither stops it half way nor
    /// leaves the fence open. With one beyond a network a dropped call is a write whose fate nobody knows.
    async fn carry<T: Send + 'static>(
        self: &Arc<Self>,
        op: Op,
        call: &Call,
        keys: Vec<Key>,
        ask: impl Future<Output = T> + Send + 'static,
        read: impl FnOnce(&T) -> Vec<Outcome> + Send + 'static,
    ) -> Result<T> {
        call.check(self.env(), op).map_err(|e| e.at(&self.id))?;
        let names: Vec<&Key> = keys.iter().collect();
        let opened = self.open_writes(op, &names).await?;
        self.counts.origin_writes.add_many(keys.len() as u64);
        let under: Vec<_> = keys.into_iter().zip(opened).map(|(key, opened)| Under { key, opened }).collect();
        let asked = self.clocks.asked();
        if self.guarantees.late_landing {
            let given_up = GivenUp(&self.counts.doubts, under.len() as u64);
            let done = ask.await;
            std::mem::forget(given_up);
            let outcomes = read(&done);
            self.end(under, outcomes, asked).await;
            return Ok(done);
        }
        let (tell, told) = oneshot::channel();
        let (stack, counted) = (self.clone(), self.inflight.enter());
        self.env().spawn(async move {
            let done = ask.await;
            let outcomes = read(&done);
            if outcomes.iter().any(|outcome| matches!(outcome, Outcome::Unanswered)) {
                // The caller's time is over, and the origin's work may run on. The fence stays open as long.
                let _ = tell.send(done);
                let _ = stack.origin.drain(&Call::default()).await;
                under.into_iter().for_each(|under| drop(under.opened.answered()));
                drop(counted);
                return;
            }
            stack.end(under, outcomes, asked).await;
            // In this order, so that whoever has the answer finds nothing in flight.
            drop(counted);
            let _ = tell.send(done);
        });
        told.await.map_err(|_| {
            let why = "the write was given up by a panic or a runtime that ended";
            Error::new(ErrorKind::Unknown, op, why).at(&self.id)
        })
    }

    /// Closes writes, and gives the fronts what was written.
    async fn end(self: &Arc<Self>, under: Vec<Under>, outcomes: Vec<Outcome>, asked: Asked) {
        let incarnation = self.cell.look().incarnation();
        let mut entries = Vec::new();
        for (under, outcome) in under.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Answered(said) => {
                    let stamps = under.opened.answered();
                    entries.extend(self.installed(under.key, said, &stamps, incarnation, asked));
                }
                Outcome::Unanswered => {
                    self.counts.doubts.add();
                    tracing::debug!(key = %under.key, "a write got no answer: its slot is in doubt");
                    under.opened.unanswered();
                }
            }
        }
        match entries.as_slice() {
            [] => {}
            [entry] => self.keep(entry).await,
            _ => {
                let keeps = entries.iter().map(|entry| self.keep(entry));
                let keeps: Vec<_> = keeps.collect();
                stream::iter(keeps).buffer_unordered(WIDTH).for_each(|()| async {}).await;
            }
        }
    }

    /// What the fronts may have of a write.
    fn installed(
        &self,
        key: Key,
        said: Option<Said>,
        stamps: &Stamps,
        incarnation: u64,
        asked: Asked,
    ) -> Option<Arc<Entry>> {
        let said = said.filter(|_| self.policy.installs)?;
        let Some(stamp) = stamps.of(incarnation) else {
            self.fill_lost();
            return None;
        };
        Some(Arc::new(Entry::new(stamp, self.origin_number, asked, key, said)))
    }
}

/// What a get will say about a value that was written; `None` where the put did not tell all of it.
fn meta_of(key: &Key, size: usize, options: &PutOptions, written: &Written) -> Option<Meta> {
    let mut meta = Meta::new(key.clone());
    meta.size = Some(size as u64);
    meta.modified = Some(written.modified?);
    meta.stored_size = written.stored_size;
    meta.version = Some(written.version.clone());
    meta.expires = Some(options.expires.into());
    meta.attributes = Some(options.attributes.clone());
    meta.write_id = Some(written.write_id);
    Some(meta)
}
