//! One of those who write in a worker: an operation after the other, each in the log before and after.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder_store_core::{
    Call, DeleteItem, DeleteOptions, Deleted, ErrorKind, GetOptions, Got, Key, Op, Precondition, PutItem,
    PutOptions, Served, Step, Store, Version,
};

use super::log::{Log, Record};
use super::mutant::Mutant;
use super::target::Opened;
use crate::Outcome;
use crate::model::{Action, Outcome as Answer, Pre};
use crate::rng::Rng;
use crate::value::{self, WriteNo};

/// What the clients of a worker share.
#[derive(Debug)]
pub(super) struct Shared {
    store: Arc<dyn Store>,
    writes: Arc<dyn Store>,
    /// For a stack: the number of the origin's tier. Reads are what a stack is for, so there are more of them.
    fronts: Option<u8>,
    keys: Vec<Key>,
    log: Log,
    who: u32,
    mutant: Mutant,
    count: Cell<u32>,
}

impl Shared {
    pub(super) fn new(opened: Opened, keys: Vec<Key>, log: Log, who: u32, mutant: Mutant) -> Shared {
        let fronts = opened.stack.map(|stack| stack.stats().tiers.len() as u8);
        let (store, writes) = (opened.store, opened.writes);
        Shared { store, writes, fronts, keys, log, who, mutant, count: Cell::new(0) }
    }

    /// Whether an answer came from a front.
    fn is_hit(&self, served: &Served) -> bool {
        self.fronts.zip(served.tier).is_some_and(|(fronts, tier)| tier < fronts)
    }

    /// A number that nobody else draws.
    fn number(&self) -> WriteNo {
        self.count.set(self.count.get() + 1);
        u64::from(self.who) << 32 | u64::from(self.count.get())
    }

    /// Puts beginnings into the log. Their numbers answer them.
    fn begin(&self, steps: &[(usize, Action)], group: Option<u64>) -> Outcome<Vec<u64>> {
        let ops: Vec<u64> = steps.iter().map(|_| self.number()).collect();
        let records: Vec<_> = ops
            .iter()
            .zip(steps)
            .map(|(&op, &(key, action))| Record::Begin { op, key, action, group })
            .collect();
        self.log.add(&records)?;
        Ok(ops)
    }

    fn end(&self, ops: &[u64], answers: impl IntoIterator<Item = Option<Answer>>) -> Outcome {
        let records: Vec<_> = ops
            .iter()
            .zip(answers)
            .map(|(&op, answer)| match answer {
                Some(outcome) => Record::End { op, outcome, hit: false },
                None => Record::Void { op },
            })
            .collect();
        Ok(self.log.add(&records)?)
    }

    /// Says that all went well before it was asked for, if that is how this worker is broken. Whether it did.
    fn ack_first(&self, ops: &[u64], answer: Answer) -> Outcome<bool> {
        let first = self.mutant == Mutant::AckFirst;
        if first {
            self.end(ops, ops.iter().map(|_| Some(answer)))?;
        }
        Ok(first)
    }
}

/// A client.
#[derive(Debug)]
pub(super) struct Client {
    shared: Rc<Shared>,
    rng: Rng,
}

#[derive(Debug, Clone, Copy)]
enum Doing {
    Get,
    GetStream,
    Put,
    PutIfAbsent,
    PutIfMatches,
    PutStream,
    PutMany,
    Delete,
    DeleteIfMatches,
    DeleteMany,
    Transact,
}

const DOINGS: &[(u32, Doing)] = &[
    (10, Doing::Get),
    (3, Doing::GetStream),
    (30, Doing::Put),
    (10, Doing::PutIfAbsent),
    (12, Doing::PutIfMatches),
    (6, Doing::PutStream),
    (6, Doing::PutMany),
    (12, Doing::Delete),
    (5, Doing::DeleteIfMatches),
    (3, Doing::DeleteMany),
    (8, Doing::Transact),
];

/// Sizes of values, least and most: inline, a few pages, blocks, several parts.
const SIZES: &[(u32, (u64, u64))] = &[
    (60, (40, 400)),
    (20, (400, 20_000)),
    (12, (60_000, 70_000)),
    (6, (100_000, 300_000)),
    (2, (900_000, 2_200_000)),
];

impl Client {
    pub(super) fn new(shared: Rc<Shared>, rng: Rng) -> Client {
        Client { shared, rng }
    }

    /// Works until the process is killed.
    ///
    /// # Errors
    /// An answer that is wrong whatever others do.
    pub(super) async fn work(mut self) -> Outcome {
        let transactions = self.shared.store.guarantees().transactions.is_some();
        loop {
            if self.shared.fronts.is_some() && !self.rng.one_in(3) {
                let _ = self.get(self.rng.clone().one_in(8)).await?;
                continue;
            }
            match self.rng.weighted(DOINGS) {
                Doing::Get => drop(self.get(false).await?),
                Doing::GetStream => drop(self.get(true).await?),
                Doing::Put => self.put(Pre::Any, None).await?,
                Doing::PutIfAbsent => self.put(Pre::Absent, None).await?,
                Doing::PutIfMatches => {
                    if let (key, Some((write, version))) = self.get(false).await? {
                        self.put(Pre::Matches(write), Some((key, version))).await?;
                    }
                }
                Doing::PutStream => self.put_stream().await?,
                Doing::PutMany => self.put_many().await?,
                Doing::Delete => self.delete(None).await?,
                Doing::DeleteIfMatches => {
                    if let (key, Some(seen)) = self.get(false).await? {
                        self.delete(Some((key, seen))).await?;
                    }
                }
                Doing::DeleteMany => self.delete_many().await?,
                Doing::Transact if transactions => self.transact().await?,
                Doing::Transact => self.put(Pre::Any, None).await?,
            }
        }
    }

    fn key(&mut self) -> usize {
        self.rng.index(self.shared.keys.len())
    }

    /// Several keys, none twice.
    fn some_keys(&mut self) -> Vec<usize> {
        let mut keys: Vec<usize> = (0..self.rng.between(2, 4)).map(|_| self.key()).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// A new value for a key.
    fn value(&mut self, key: usize) -> (WriteNo, Bytes) {
        let (least, most) = *self.rng.weighted(SIZES);
        let (write, len) = (self.shared.number(), self.rng.between(least, most));
        (write, value::make(self.shared.keys[key].as_str(), write, len as usize))
    }

    async fn get(&mut self, stream: bool) -> Outcome<(usize, Option<(WriteNo, Version)>)> {
        let key = self.key();
        let name = self.shared.keys[key].clone();
        let ops = self.shared.begin(&[(key, Action::Read)], None)?;
        let options = GetOptions::new();
        let got = match stream {
            true => match self.shared.store.get_stream_opts(&name, &options).await? {
                Got::Found { meta, body, served } => {
                    let pieces: Result<Vec<Bytes>, _> = body.try_collect().await;
                    match pieces {
                        Ok(pieces) => Got::Found { meta, body: Bytes::from(pieces.concat()), served },
                        // The version went away meanwhile: that is allowed, and says nothing.
                        Err(e) if e.is(ErrorKind::Conflict) => {
                            self.shared.end(&ops, [None])?;
                            return Ok((key, None));
                        }
                        Err(e) => return Err(e.into()),
                    }
                }
                _ => Got::Absent,
            },
            false => match self.shared.store.try_get(&name, &options) {
                Some(got) => got?,
                None => self.shared.store.get_opts(&name, &options).await?,
            },
        };
        let mut hit = false;
        let seen = match got {
            Got::Found { meta, body, served } => {
                hit = self.shared.is_hit(&served);
                let write =
                    value::check(name.as_str(), &body).map_err(|e| format!("torn: get {name:?}: {e}"))?;
                Some((write, meta.version.ok_or("a get gave no version")?))
            }
            _ => None,
        };
        let outcome = Answer::Read(seen.as_ref().map(|(write, _)| *write));
        self.shared.log.add(&[Record::End { op: ops[0], outcome, hit }])?;
        Ok((key, seen))
    }

    async fn put(&mut self, pre: Pre, over: Option<(usize, Version)>) -> Outcome {
        let (key, pre_of_store) = match (pre, over) {
            (_, Some((key, version))) => (key, Precondition::Matches(version)),
            (Pre::Absent, None) => (self.key(), Precondition::Absent),
            (_, None) => (self.key(), Precondition::Any),
        };
        let (write, body) = self.value(key);
        let shared = self.shared.clone();
        let name = &shared.keys[key];
        let ops = shared.begin(&[(key, Action::Put(write, pre))], None)?;
        let acked = pre == Pre::Any && shared.ack_first(&ops, Answer::Written)?;
        if shared.mutant == Mutant::TwoSteps {
            let half = body.slice(..body.len() / 2);
            let _ =
                shared.writes.put_opts(name, half, &PutOptions::new().with_pre(pre_of_store.clone())).await;
        }
        let answer = if shared.mutant == Mutant::PlainCas {
            self.plain_cas(name, body, pre_of_store).await?
        } else {
            written(shared.writes.put_opts(name, body, &PutOptions::new().with_pre(pre_of_store)).await)?
        };
        if !acked {
            shared.end(&ops, [Some(answer)])?;
        }
        Ok(())
    }

    /// A conditional put as one would write it by hand, and wrong.
    async fn plain_cas(&self, name: &Key, body: Bytes, pre: Precondition) -> Outcome<Answer> {
        let store = &self.shared.writes;
        let now = store.get_opts(name, &GetOptions::new()).await?;
        if pre.check(Op::Put, now.meta().and_then(|meta| meta.version.as_ref())).is_err() {
            return Ok(Answer::Conflict);
        }
        written(store.put_opts(name, body, &PutOptions::new()).await)
    }

    async fn put_stream(&mut self) -> Outcome {
        let key = self.key();
        let (write, mut body) = self.value(key);
        let mut options = PutOptions::new();
        if self.rng.one_in(2) {
            options = options.with_size_hint(body.len() as u64);
        }
        let mut pieces = Vec::new();
        while !body.is_empty() {
            let most = if self.rng.one_in(4) { 300_000 } else { 70_000 };
            let piece = self.rng.between(1, most) as usize;
            pieces.push(Ok(body.split_to(piece.min(body.len()))));
        }
        let shared = self.shared.clone();
        let ops = shared.begin(&[(key, Action::Put(write, Pre::Any))], None)?;
        let acked = shared.ack_first(&ops, Answer::Written)?;
        let stream = Box::pin(futures_util::stream::iter(pieces));
        let answer = written(shared.writes.put_stream_opts(&shared.keys[key], stream, &options).await)?;
        if !acked {
            shared.end(&ops, [Some(answer)])?;
        }
        Ok(())
    }

    async fn put_many(&mut self) -> Outcome {
        let (mut steps, mut items) = (Vec::new(), Vec::new());
        for key in self.some_keys() {
            let (write, value) = self.value(key);
            steps.push((key, Action::Put(write, Pre::Any)));
            items.push(PutItem { key: self.shared.keys[key].clone(), value, options: PutOptions::new() });
        }
        let ops = self.shared.begin(&steps, None)?;
        let acked = self.shared.ack_first(&ops, Answer::Written)?;
        let answers: Outcome<Vec<_>> = self
            .shared
            .writes
            .put_many_opts(items, &Call::default())
            .await
            .into_iter()
            .map(written)
            .collect();
        let answers = as_many(answers?, &ops)?;
        match acked {
            true => Ok(()),
            false => self.shared.end(&ops, answers.into_iter().map(Some)),
        }
    }

    async fn delete(&mut self, only: Option<(usize, (WriteNo, Version))>) -> Outcome {
        let (key, write, version) = match only {
            Some((key, (write, version))) => (key, Some(write), Some(version)),
            None => (self.key(), None, None),
        };
        let mut options = DeleteOptions::new().with_tell(self.rng.one_in(2));
        options.only = version;
        let shared = self.shared.clone();
        let ops = shared.begin(&[(key, Action::Delete(write))], None)?;
        let acked = write.is_none() && shared.ack_first(&ops, Answer::Removed(None))?;
        let answer = removed(shared.writes.delete_opts(&shared.keys[key], &options).await)?;
        match acked {
            true => Ok(()),
            false => shared.end(&ops, [Some(answer)]),
        }
    }

    async fn delete_many(&mut self) -> Outcome {
        let keys = self.some_keys();
        let steps: Vec<_> = keys.iter().map(|key| (*key, Action::Delete(None))).collect();
        let item = |key: &usize| DeleteItem { key: self.shared.keys[*key].clone(), only: None };
        let items = keys.iter().map(item).collect();
        let ops = self.shared.begin(&steps, None)?;
        let done = self.shared.writes.delete_many_opts(items, &DeleteOptions::new()).await;
        let answers: Outcome<Vec<_>> = done.into_iter().map(removed).collect();
        self.shared.end(&ops, as_many(answers?, &ops)?.into_iter().map(Some))
    }

    async fn transact(&mut self) -> Outcome {
        let (mut steps, mut events) = (Vec::new(), Vec::new());
        for key in self.some_keys() {
            let name = self.shared.keys[key].clone();
            if self.rng.one_in(4) {
                steps.push(Step::Delete(DeleteItem { key: name, only: None }));
                events.push((key, Action::Delete(None)));
                continue;
            }
            let (write, value) = self.value(key);
            let (pre, of_store) = match self.rng.one_in(6) {
                true => (Pre::Absent, Precondition::Absent),
                false => (Pre::Any, Precondition::Any),
            };
            let options = PutOptions::new().with_pre(of_store);
            steps.push(Step::Put(PutItem { key: name, value, options }));
            events.push((key, Action::Put(write, pre)));
        }
        let group = self.shared.number();
        let ops = self.shared.begin(&events, Some(group))?;
        if self.shared.mutant == Mutant::SplitTransaction {
            return self.split(&ops, steps).await;
        }
        match self.shared.writes.transact_opts(steps, &Call::default()).await {
            Ok(_) => self.shared.end(&ops, events.iter().map(|(_, action)| Some(made(*action)))),
            // It made nothing. Which key stood in the way is not followed up.
            Err(e) if e.is(ErrorKind::Conflict) => self.shared.end(&ops, ops.iter().map(|_| None)),
            Err(e) => Err(e.into()),
        }
    }

    /// The steps one after the other, each with its precondition: no transaction.
    async fn split(&self, ops: &[u64], steps: Vec<Step>) -> Outcome {
        let mut answers = Vec::new();
        for step in steps {
            answers.push(Some(match step {
                Step::Put(item) => {
                    written(self.shared.writes.put_opts(&item.key, item.value, &item.options).await)?
                }
                step => removed(self.shared.writes.delete_opts(step.key(), &DeleteOptions::new()).await)?,
            }));
        }
        self.shared.end(ops, answers)
    }
}

/// What a step that was made answers.
fn made(action: Action) -> Answer {
    match action {
        Action::Put(..) => Answer::Written,
        _ => Answer::Removed(None),
    }
}

/// The answer of a put. Nothing but a conflict may keep it from being made.
fn written(done: larder_store_core::Result<larder_store_core::Written>) -> Outcome<Answer> {
    match done {
        Ok(done) if done.settled => Ok(Answer::Written),
        Ok(_) => Err("a put on this machine was not settled".into()),
        Err(e) if e.is(ErrorKind::Conflict) => Ok(Answer::Conflict),
        Err(e) => Err(e.into()),
    }
}

/// The answer of a delete.
fn removed(done: larder_store_core::Result<larder_store_core::Removed>) -> Outcome<Answer> {
    match done {
        Ok(done) if done.settled => Ok(Answer::Removed(match done.existed {
            Deleted::Yes => Some(true),
            Deleted::No => Some(false),
            Deleted::NotTold => None,
        })),
        Ok(_) => Err("a delete on this machine was not settled".into()),
        Err(e) if e.is(ErrorKind::Conflict) => Ok(Answer::Conflict),
        Err(e) => Err(e.into()),
    }
}

/// An answer for each.
fn as_many(answers: Vec<Answer>, ops: &[u64]) -> Outcome<Vec<Answer>> {
    match answers.len() == ops.len() {
        true => Ok(answers),
        false => Err(format!("{} answers came for {} items", answers.len(), ops.len()).into()),
    }
}
