//! One call from its beginning to its end, whoever ends it.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tracing::{Instrument, Span};

use super::calls::{Calls, Outcome};
use crate::error::{Op, Result};
use crate::key::Key;
use crate::outcome::Items;

/// A call under way. Dropped before it was told an outcome, it counts as dropped.
pub(super) struct Watch {
    calls: Arc<Calls>,
    op: Op,
    since: Instant,
    outcome: Option<Outcome>,
    span: Span,
}

impl Watch {
    pub(super) fn begin(calls: &Arc<Calls>, op: Op, key: Option<&Key>) -> Watch {
        calls.begun();
        let span =
            tracing::debug_span!("larder", op = op.name(), store = %calls.store, key_len = key.map(Key::len));
        Watch { calls: calls.clone(), op, since: calls.env.now(), outcome: Some(Outcome::Dropped), span }
    }

    /// Runs `work` in the span.
    pub(super) async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        work.instrument(self.span.clone()).await
    }

    /// It ended.
    pub(super) fn end(mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }

    /// It ended, and its keys each for itself.
    pub(super) fn end_many(mut self, outcomes: impl Iterator<Item = Outcome>) {
        outcomes.for_each(|outcome| self.calls.ended(self.op, outcome));
        self.outcome = None;
    }

    /// The stream, at the end of which the call ends.
    pub(super) fn over<T: Send + 'static>(
        self,
        items: Items<T>,
        count: impl Fn(&Calls, &T) + Send + Sync + 'static,
    ) -> Items<T> {
        let count = Arc::new(count);
        let watched = stream::unfold(Some((items, self)), move |state| {
            let count = count.clone();
            async move {
                let (mut items, watch) = state?;
                match watch.run(items.next()).await {
                    Some(Ok(item)) => {
                        count(&watch.calls, &item);
                        Some((Ok(item), Some((items, watch))))
                    }
                    Some(Err(error)) => {
                        watch.end(Outcome::of_error(&error));
                        Some((Err(error), None))
                    }
                    None => {
                        watch.end(Outcome::Done);
                        None
                    }
                }
            }
        });
        watched.boxed()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let seconds = self.calls.env.now().saturating_duration_since(self.since).as_secs_f64();
        self.calls.took(self.op, seconds);
        self.calls.over();
        if let Some(outcome) = self.outcome {
            self.calls.ended(self.op, outcome);
            if let Outcome::Failed(kind) = outcome {
                tracing::debug!(parent: &self.span, error = %kind, "failed");
            }
        }
    }
}

/// The body of a streamed put, counted as it is taken.
pub(super) fn counted(calls: &Arc<Calls>, body: Items<Bytes>) -> Items<Bytes> {
    let calls = calls.clone();
    body.inspect(move |piece: &Result<Bytes>| {
        if let Ok(piece) = piece {
            calls.written(piece.len());
        }
    })
    .boxed()
}
