//! Giving a front an entry.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use larder_store_core::{Error, ErrorKind, PutOptions, Store};

use super::Front;
use crate::entry::{Entry, Said};

/// Values up to this many bytes are copied behind their head; larger ones follow it in a stream.
const COPIED: usize = 64 * 1024;
/// How many fills pass until a front is asked how much it has evicted.
const FILLS_A_LOOK: u64 = 64;

/// Bytes of the task that keeps one entry. Measured, and rounded up.
const TASK: usize = 4096;

/// What it takes to give an entry to fronts, as long as that lasts: the task, the value, and a copy of it.
pub(crate) fn cost_of_keeping(entry: &Entry) -> usize {
    let copy = if entry.len() <= COPIED { entry.len() } else { 0 };
    TASK + entry.len() + copy
}

impl Front {
    /// Gives it an entry at once, if it keeps objects. `false` if it does not, and wants [`Front::keep`].
    pub(crate) fn keep_now(&self, entry: &Arc<Entry>) -> bool {
        let Some(store) = self.store() else { return true };
        // A trial is left to who waits for what comes of it.
        let Some(objects) = store.objects() else { return self.fuse.is_open(&self.env) == Some(true) };
        if objects.insert(&entry.key, entry.clone(), entry.bytes_in_memory()) {
            self.filled(&**store);
            if let Some(recent) = self.recent.get() {
                recent.taken(|| store.usage().entries.unwrap_or_default());
            }
        } else {
            self.counts.not_admitted.add();
        }
        true
    }

    /// Gives it an entry.
    pub(crate) async fn keep(&self, entry: &Arc<Entry>) {
        if self.keeps_objects() {
            self.keep_now(entry);
            return;
        }
        let Some(store) = self.store() else { return };
        let guarantees = store.guarantees();
        let fits = entry.key.len() <= guarantees.max_key && entry.len() as u64 <= guarantees.max_value;
        let Some(head) = entry.head().filter(|_| fits) else {
            self.counts.not_admitted.add();
            return;
        };
        if self.usable().is_none() {
            return;
        }
        let mut options = PutOptions::new();
        if guarantees.expiry {
            options.expires = entry.expires();
        }
        let body = match &entry.said {
            Said::Absent => Bytes::new(),
            Said::Value(_, body) => body.clone(),
        };
        let kept = async {
            if body.len() > COPIED {
                let pieces = stream::iter([Ok(Bytes::from(head)), Ok(body)]).boxed();
                return store.put_stream_opts(&entry.key, pieces, &options).await;
            }
            let mut whole = BytesMut::with_capacity(head.len() + body.len());
            whole.extend_from_slice(&head);
            whole.extend_from_slice(&body);
            store.put_opts(&entry.key, whole.freeze(), &options).await
        };
        match self.within(kept).await {
            Ok(Ok(_)) => {
                self.filled(&**store);
                self.worked();
            }
            Ok(Err(error)) => self.not_kept(entry, &error),
            Err(super::TooSlow) => self.too_slow(),
        }
    }

    fn filled(&self, store: &dyn Store) {
        self.counts.fills.add();
        if self.counts.fills.get().is_multiple_of(FILLS_A_LOOK) {
            self.look_at_evictions(store);
        }
    }

    /// Brings the count of evictions up to date.
    pub(crate) fn look_at_evictions(&self, store: &dyn Store) {
        self.counts.evictions.follow(store.usage().evictions.unwrap_or_default());
    }

    fn not_kept(&self, entry: &Entry, error: &Error) {
        tracing::debug!(tier = self.number, key = %entry.key, %error, "a front did not take an entry");
        match error.kind() {
            // No room is no failure: the front goes on with what it has.
            ErrorKind::Full | ErrorKind::Unsupported | ErrorKind::Invalid => self.counts.not_admitted.add(),
            ErrorKind::Conflict => self.counts.fills_lost.add(),
            _ => {
                self.counts.errors.add();
                return self.trip(error);
            }
        }
        self.worked();
    }
}
