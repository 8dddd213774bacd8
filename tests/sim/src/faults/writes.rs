//! The writes of a client.

use bytes::Bytes;
use larder_store_core::{
    Call, Copied, CopyOptions, DeleteItem, DeleteOptions, Deleted, Op, Precondition, PutItem, PutOptions,
    Removed, Result as Answer, Step, Store, StoreExt, Updated, Version, Written,
};

use super::client::{Client, Wrong, conflict, failed};

/// A write that was settled.
fn settled(what: &'static str, done: Answer<Written>) -> Result<Version, Wrong> {
    match done {
        Ok(written) if written.settled => Ok(written.version),
        Ok(_) => Err(format!("{what} was not settled")),
        Err(error) => Err(failed(what)(error)),
    }
}

impl Client<'_> {
    /// Puts a value; `fits` says whether the precondition holds.
    pub(super) async fn put(&mut self, pre: Precondition, fits: bool) -> Result<(), Wrong> {
        let key = self.mine();
        self.put_to(key, pre, fits).await
    }

    async fn put_to(&mut self, key: usize, pre: Precondition, fits: bool) -> Result<(), Wrong> {
        let (held, bytes) = self.value(key);
        let shared = self.shared;
        let options = PutOptions::new().with_pre(pre);
        let name = shared.model.key(key);
        if !fits {
            return conflict("put", Op::Put, shared.writes.put_opts(name, bytes, &options).await);
        }
        shared.model.begin(key, Some(held));
        let version = settled("put", shared.writes.put_opts(name, bytes, &options).await)?;
        shared.model.end(key, Some(version));
        Ok(())
    }

    pub(super) async fn put_if_absent(&mut self) -> Result<(), Wrong> {
        let key = self.mine();
        let fits = self.shared.model.now(key).is_none();
        self.put_to(key, Precondition::Absent, fits).await
    }

    pub(super) async fn put_if_matches(&mut self) -> Result<(), Wrong> {
        let key = self.mine();
        let now = self.shared.model.now(key).and_then(|held| held.version);
        let old = self.shared.model.old_version(key).filter(|_| self.rng.one_in(4));
        match (old, now) {
            (Some(old), _) => self.put_to(key, Precondition::Matches(old), false).await,
            (None, Some(now)) => self.put_to(key, Precondition::Matches(now), true).await,
            (None, None) => self.put_to(key, Precondition::Any, true).await,
        }
    }

    pub(super) async fn put_stream(&mut self) -> Result<(), Wrong> {
        let key = self.mine();
        let (held, mut bytes) = self.value(key);
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let piece = self.rng.between(1, 60_000) as usize;
            pieces.push(Ok(bytes.split_to(piece.min(bytes.len()))));
        }
        let (shared, stream) = (self.shared, Box::pin(futures_util::stream::iter(pieces)));
        shared.model.begin(key, Some(held));
        let name = shared.model.key(key);
        let done = shared.writes.put_stream_opts(name, stream, &PutOptions::new()).await;
        shared.model.end(key, Some(settled("put stream", done)?));
        Ok(())
    }

    /// Puts a value of this size.
    pub(super) async fn put_sized(&mut self, key: usize, len: usize) -> Result<(), Wrong> {
        let (held, bytes) = self.value_of(key, len);
        let shared = self.shared;
        shared.model.begin(key, Some(held));
        let done = shared.writes.put_opts(shared.model.key(key), bytes, &PutOptions::new()).await;
        shared.model.end(key, Some(settled("put", done)?));
        Ok(())
    }

    pub(super) async fn put_many(&mut self) -> Result<(), Wrong> {
        let (keys, shared) = (self.some(), self.shared);
        let mut items = Vec::new();
        for key in &keys {
            let (held, value) = self.value(*key);
            shared.model.begin(*key, Some(held));
            items.push(PutItem { key: shared.model.key(*key).clone(), value, options: PutOptions::new() });
        }
        let done = shared.writes.put_many_opts(items, &Call::default()).await;
        if done.len() != keys.len() {
            return Err(format!("put many: {} answers for {} keys", done.len(), keys.len()));
        }
        for (key, done) in keys.into_iter().zip(done) {
            shared.model.end(key, Some(settled("put many", done)?));
        }
        Ok(())
    }

    /// Deletes a key, or only this version of it; `fits` says whether it has that.
    pub(super) async fn delete(
        &mut self,
        only: Option<(usize, Option<Version>)>,
        fits: bool,
    ) -> Result<(), Wrong> {
        let (key, only) = only.unwrap_or_else(|| (self.mine(), None));
        let shared = self.shared;
        let there = shared.model.now(key).is_some();
        let mut options = DeleteOptions::new().with_tell(true);
        options.only = only;
        if !fits {
            let done = shared.writes.delete_opts(shared.model.key(key), &options).await;
            return conflict("delete", Op::Delete, done);
        }
        shared.model.begin(key, None);
        let done = shared.writes.delete_opts(shared.model.key(key), &options).await;
        self.deleted("delete", key, there, done)
    }

    fn deleted(
        &self,
        what: &'static str,
        key: usize,
        there: bool,
        done: Answer<Removed>,
    ) -> Result<(), Wrong> {
        let done = done.map_err(failed(what))?;
        self.shared.model.end(key, None);
        match done.existed {
            _ if !done.settled => Err(format!("{what} was not settled")),
            Deleted::Yes if !there => Err(format!("{what}: it removed what was absent")),
            Deleted::No if there => Err(format!("{what}: it found nothing where there was a value")),
            _ => Ok(()),
        }
    }

    pub(super) async fn delete_if_matches(&mut self) -> Result<(), Wrong> {
        let key = self.mine();
        let now = self.shared.model.now(key).and_then(|held| held.version);
        let old = self.shared.model.old_version(key).filter(|_| self.rng.one_in(4));
        match (old, now) {
            (Some(old), Some(_)) => self.delete(Some((key, Some(old))), false).await,
            (_, Some(now)) => self.delete(Some((key, Some(now))), true).await,
            (_, None) => self.delete(Some((key, None)), true).await,
        }
    }

    pub(super) async fn delete_many(&mut self) -> Result<(), Wrong> {
        let (keys, shared) = (self.some(), self.shared);
        let there: Vec<bool> = keys.iter().map(|key| shared.model.now(*key).is_some()).collect();
        keys.iter().for_each(|key| shared.model.begin(*key, None));
        let item = |key: &usize| DeleteItem { key: shared.model.key(*key).clone(), only: None };
        let done =
            shared.writes.delete_many_opts(keys.iter().map(item).collect(), &DeleteOptions::new()).await;
        if done.len() != keys.len() {
            return Err(format!("delete many: {} answers for {} keys", done.len(), keys.len()));
        }
        for ((key, there), done) in keys.into_iter().zip(there).zip(done) {
            self.deleted("delete many", key, there, done)?;
        }
        Ok(())
    }

    pub(super) async fn copy(&mut self) -> Result<(), Wrong> {
        let (from, to) = (self.mine(), self.mine());
        if from == to {
            return self.put_to(to, Precondition::Any, true).await;
        }
        let (shared, held) = (self.shared, self.shared.model.now(from));
        if let Some(held) = &held {
            shared.model.begin(to, Some(super::model::Held { version: None, ..held.clone() }));
        }
        let (source, target) = (shared.model.key(from), shared.model.key(to));
        let done = shared.writes.copy_opts(source, target, &CopyOptions::new()).await;
        match (done.map_err(failed("copy"))?, held) {
            (Copied::Absent, None) => Ok(()),
            (Copied::Done(written), Some(_)) => {
                shared.model.end(to, Some(settled("copy", Ok(written))?));
                Ok(())
            }
            (done, held) => Err(format!("copy: {done:?} of {held:?}")),
        }
    }

    pub(super) async fn update(&mut self) -> Result<(), Wrong> {
        let key = self.mine();
        let (held, bytes) = self.value(key);
        let (shared, now) = (self.shared, self.shared.model.now(key));
        let (mut runs, mut given): (u32, Option<Bytes>) = (0, None);
        shared.model.begin(key, Some(held));
        let updated = shared.writes.update(shared.model.key(key).clone(), |value| {
            (runs, given) = (runs + 1, value);
            Some(bytes.clone())
        });
        let updated = updated.await.map_err(failed("update"))?;
        let Updated::Written { written, .. } = updated else {
            return Err(format!("update: {updated:?}, and a value was given"));
        };
        shared.model.end(key, Some(settled("update", Ok(written))?));
        let right = match (&now, &given) {
            (None, None) => true,
            (Some(now), Some(given)) => {
                crate::value::part(now.made_for.as_str(), now.write, now.len, 0..now.len) == given
            }
            _ => false,
        };
        match (runs, right) {
            (1, true) => Ok(()),
            (1, false) => Err(format!("update: it was given something else than {now:?}")),
            (runs, _) => Err(format!("update: nobody else writes, and it ran {runs} times")),
        }
    }

    pub(super) async fn transact(&mut self) -> Result<(), Wrong> {
        let shared = self.shared;
        if shared.store.guarantees().transactions.is_none() {
            return self.put_many().await;
        }
        let (keys, mut steps) = (self.some(), Vec::new());
        for key in &keys {
            let name = shared.model.key(*key).clone();
            if self.rng.one_in(4) {
                shared.model.begin(*key, None);
                steps.push(Step::Delete(DeleteItem { key: name, only: None }));
                continue;
            }
            let (held, value) = self.value(*key);
            shared.model.begin(*key, Some(held));
            steps.push(Step::Put(PutItem { key: name, value, options: PutOptions::new() }));
        }
        let done = shared.writes.transact_opts(steps, &Call::default()).await.map_err(failed("transact"))?;
        if !done.settled || done.steps.len() != keys.len() {
            return Err(format!("transact: {done:?} for {} steps", keys.len()));
        }
        for (key, step) in keys.into_iter().zip(done.steps) {
            let version = match step {
                larder_store_core::StepDone::Written(written) => Some(written.version),
                _ => None,
            };
            shared.model.end(key, version);
        }
        Ok(())
    }
}
