//! What a client writes.

use std::time::Duration;

use bytes::Bytes;
use larder_store_core::{
    DeleteItem, DeleteOptions, Deleted, ErrorKind, Precondition, PutOptions, Removed, Result as Done,
    StoreExt as _, UpdateOptions, Version, Written,
};

use super::client::Client;
use super::kinds::{Asked, wrong};
use super::round::held;
use crate::clock::nanos;
use crate::model::{Action, Outcome as Answer, Pre};
use crate::value::WriteNo;

const SIZES: &[(u32, (u64, u64))] = &[(12, (40, 3_000)), (3, (3_000, 70_000)), (1, (70_000, 300_000))];

impl Client<'_> {
    pub(super) async fn put(&mut self, key: usize, over: Option<Version>, pre: Pre) {
        let (least, most) = *self.rng.weighted(SIZES);
        let len = self.rng.between(least, most) as usize;
        let (write, body) = self.value(key, len);
        let (asked, condition) = match (pre, over) {
            (Pre::Matches(_), Some(version)) => (Asked::ConditionalWrite, Precondition::Matches(version)),
            (Pre::Absent, _) => (Asked::ConditionalWrite, Precondition::Absent),
            _ => (Asked::Write, Precondition::Any),
        };
        let (store, name) = (self.store.clone(), &self.shared.keys[key]);
        let options = PutOptions::new().with_pre(condition);
        let begin = nanos();
        let done =
            self.timed(asked, "put", async |call| store.put_opts(name, body, &options.with_call(call)).await);
        let done = done.await;
        self.note_put(key, begin, Action::Put(write, pre), done);
    }

    fn note_put(&self, key: usize, begin: u64, action: Action, done: Done<Written>) {
        match done {
            Ok(written) => self.note(key, begin, action, Answer::Written, !written.settled),
            Err(error) => self.note_error(key, begin, action, &error),
        }
    }

    /// A value that goes up in parts.
    pub(super) async fn put_large(&mut self) {
        let key = self.key();
        let len = self.shared.large + self.rng.index(100_000);
        let (write, body) = self.value(key, len);
        held(&self.shared.tally).large += 1;
        let (store, name) = (self.store.clone(), &self.shared.keys[key]);
        let begin = nanos();
        let time = Duration::from_secs(20);
        let done = self.timed_within(time, Asked::Write, "put in parts", async |call| {
            let pieces: Vec<Done<Bytes>> =
                body.chunks(1 << 20).map(|piece| Ok(body.slice_ref(piece))).collect();
            let stream = Box::pin(futures_util::stream::iter(pieces));
            store.put_stream_opts(name, stream, &PutOptions::new().with_call(call)).await
        });
        let done = done.await;
        self.note_put(key, begin, Action::Put(write, Pre::Any), done);
    }

    pub(super) async fn delete(&mut self, key: usize, only: Option<(WriteNo, Version)>) {
        let (store, name) = (self.store.clone(), &self.shared.keys[key]);
        let asked = if only.is_some() { Asked::ConditionalWrite } else { Asked::Write };
        let (write, version) = only.unzip();
        let mut options = DeleteOptions::new().with_tell(self.rng.one_in(3));
        options.only = version;
        let begin = nanos();
        let done = self
            .timed(asked, "delete", async |call| store.delete_opts(name, &options.with_call(call)).await)
            .await;
        self.note_delete(key, begin, Action::Delete(write), done);
    }

    fn note_delete(&self, key: usize, begin: u64, action: Action, done: Done<Removed>) {
        match done {
            Ok(removed) => {
                let existed = match removed.existed {
                    // Of several attempts, the one that removed it may not be the one that told.
                    _ if !removed.settled => None,
                    Deleted::Yes => Some(true),
                    Deleted::No => Some(false),
                    Deleted::NotTold => None,
                };
                self.note(key, begin, action, Answer::Removed(existed), !removed.settled);
            }
            Err(error) => self.note_error(key, begin, action, &error),
        }
    }

    pub(super) async fn delete_many(&mut self) {
        let mut keys = vec![self.key(), self.key(), self.key()];
        keys.sort_unstable();
        keys.dedup();
        let store = self.store.clone();
        let items =
            keys.iter().map(|&key| DeleteItem { key: self.shared.keys[key].clone(), only: None }).collect();
        let begin = nanos();
        let done = self.timed(Asked::Write, "delete many", async |call| {
            Ok(store.delete_many_opts(items, &DeleteOptions::new().with_call(call)).await)
        });
        let done = done.await.unwrap_or_default();
        if done.len() != keys.len() {
            return self.problem(format!("delete many: {} answers for {} keys", done.len(), keys.len()));
        }
        for (key, done) in keys.into_iter().zip(done) {
            if let Err(error) = &done {
                held(&self.shared.tally).error(error);
                if let Some(wrong) = wrong(Asked::Write, error) {
                    self.problem(format!("delete many: {wrong}"));
                }
            }
            self.note_delete(key, begin, Action::Delete(None), done);
        }
    }

    /// Adds one to a counter.
    pub(super) async fn update(&mut self) {
        let which = self.rng.index(self.shared.counters.len());
        let (store, name) = (self.store.clone(), &self.shared.counters[which]);
        let done = self.timed(Asked::Update, "update", async |call| {
            let options = UpdateOptions::new().with_call(call);
            let add = |old: Option<Bytes>| {
                let old =
                    old.and_then(|old| std::str::from_utf8(&old).ok()?.parse::<u64>().ok()).unwrap_or(0);
                Some(Bytes::from((old + 1).to_string()))
            };
            store.update_opts(name.clone(), options, add).await
        });
        let done = done.await;
        let mut tally = held(&self.shared.tally);
        let counted = &mut tally.counters[which];
        match done {
            Ok(_) => counted.added += 1,
            Err(error) if !error.settled() || error.is(ErrorKind::Unknown) => counted.unknown += 1,
            Err(_) => {}
        }
    }
}
