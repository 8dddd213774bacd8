//! Many keys: only those that failed are sent again, and the outcomes stay in order.

use std::collections::HashMap;
use std::future::Future;

use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::Retry;
use super::engine::{SPENT, Stop, is_worth_repeating};
use super::fate::{Answer, Fate, Next};
use super::intent::Intent;
use crate::call::Call;
use crate::derived;
use crate::error::{Error, ErrorKind, Op, Result};
use crate::key::Key;
use crate::options::{DeleteItem, DeleteOptions, GetOptions, PutItem};
use crate::outcome::{Got, Removed, Written};
use crate::store::Store;

/// Keys that are read back at once.
const LOOKS: usize = 16;

/// The items of a batch that are not done, and what became of the others.
struct Batch<T> {
    outcomes: Vec<Option<Result<T>>>,
    /// Positions of those to send.
    open: Vec<usize>,
    /// Items that one request takes.
    per_request: usize,
}

impl<T> Batch<T> {
    fn new(count: usize, per_request: Option<usize>) -> Batch<T> {
        let outcomes = (0..count).map(|_| None).collect();
        Batch { outcomes, open: (0..count).collect(), per_request: per_request.unwrap_or(1).max(1) }
    }

    fn requests(&self) -> usize {
        self.open.len().div_ceil(self.per_request)
    }

    /// There is no other round for these, because of `stop`.
    fn give_up(&mut self, failed: Vec<(usize, Error)>, stop: impl Fn(usize, Error) -> Error) {
        for (at, error) in failed {
            self.outcomes[at] = Some(Err(stop(at, error)));
        }
    }

    fn done(self, op: Op) -> Vec<Result<T>> {
        let missing = || Err(Error::new(ErrorKind::Unknown, op, "no outcome was kept"));
        self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()
    }
}

/// What the retry of all that failed goes by: the longest wait that a service asked for.
fn worst(failed: &[(usize, Error)]) -> Option<&Error> {
    failed.iter().map(|(_, error)| error).max_by_key(|error| error.retry_after())
}

/// Positions in waves: of several with one key, each is in a wave of its own, in their order.
fn waves<'k>(keys: impl Iterator<Item = &'k Key>) -> Vec<Vec<usize>> {
    let mut seen: HashMap<&Key, usize> = HashMap::new();
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for (at, key) in keys.enumerate() {
        let wave = seen.entry(key).and_modify(|n| *n += 1).or_default();
        if waves.len() == *wave {
            waves.push(Vec::new());
        }
        waves[*wave].push(at);
    }
    waves
}

impl<S: Store> Retry<S> {
    pub(super) async fn read_many(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let (op, call, env) = (Op::GetMany, &options.call, self.retries.env());
        let mut batch = Batch::new(keys.len(), self.guarantees().batches.get);
        let mut attempts = self.retries.attempts_of(call, batch.requests());
        while !batch.open.is_empty() {
            let sent: Vec<Key> = batch.open.iter().map(|at| keys[*at].clone()).collect();
            let asked = async { Ok(self.inner.get_many_opts(&sent, options).await) };
            let mut ended = spread(call.guard(env, op, asked).await, sent.len());
            let mut failed = Vec::new();
            for at in std::mem::take(&mut batch.open) {
                let ended = ended.next().unwrap_or_else(|| Err(too_few(op)));
                match ended.map_err(|e| e.at(self.id()).on(&keys[at])) {
                    Err(error) if is_worth_repeating(&error) => failed.push((at, error)),
                    done => batch.outcomes[at] = Some(done.map_err(|e| attempts.noted(e))),
                }
            }
            let Some(error) = worst(&failed) else { break };
            let requests = failed.len().div_ceil(batch.per_request);
            match attempts.again_many(op, error, requests).await {
                Ok(granted) => {
                    let rest = failed.split_off(failed.len().min(granted.saturating_mul(batch.per_request)));
                    let tried = attempts.tried() - 1;
                    batch.give_up(rest, |_, error| short_of_budget(tried, error));
                    batch.open = failed.into_iter().map(|(at, _)| at).collect();
                }
                Err(stop) => batch.give_up(failed, |_, error| stop.error(error)),
            }
        }
        batch.done(op)
    }

    pub(super) async fn put_many(&self, mut items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let per_request = self.guarantees().batches.put;
        let intents = items.iter_mut().map(|item| {
            let id = self.write_id(item.options.write_id);
            item.options.write_id = Some(id);
            (item.key.clone(), Intent::Put { id, pre: item.options.pre.clone() })
        });
        let intents: Vec<_> = intents.collect();
        self.write_many(Op::PutMany, &intents, call, per_request, |open| {
            let sent = open.iter().map(|at| items[*at].clone()).collect();
            self.inner.put_many_opts(sent, call)
        })
        .await
    }

    pub(super) async fn delete_many(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        if let Err(error) = derived::check_delete_many(options) {
            return items.iter().map(|item| Err(error.clone().at(self.id()).on(&item.key))).collect();
        }
        let per_request = self.guarantees().batches.delete;
        let intents = items.iter().map(|i| (i.key.clone(), Intent::Delete { only: i.only.clone() }));
        let intents: Vec<_> = intents.collect();
        self.write_many(Op::DeleteMany, &intents, &options.call, per_request, |open| {
            let sent = open.iter().map(|at| items[*at].clone()).collect();
            self.inner.delete_many_opts(sent, options)
        })
        .await
    }

    /// Writes, with the rules of a single one for each key.
    async fn write_many<T, F, A>(
        &self,
        op: Op,
        intents: &[(Key, Intent)],
        call: &Call,
        per_request: Option<usize>,
        mut send: F,
    ) -> Vec<Result<T>>
    where
        T: Answer,
        F: FnMut(Vec<usize>) -> A + Send,
        A: Future<Output = Vec<Result<T>>> + Send,
    {
        let mut batch = Batch::new(intents.len(), per_request);
        // An earlier put must not be sent again behind a later one of its key.
        for wave in waves(intents.iter().map(|(key, _)| key)) {
            batch.open = wave;
            self.write_wave(op, intents, call, &mut batch, &mut send).await;
        }
        batch.done(op)
    }

    async fn write_wave<T, F, A>(
        &self,
        op: Op,
        intents: &[(Key, Intent)],
        call: &Call,
        batch: &mut Batch<T>,
        send: &mut F,
    ) where
        T: Answer,
        F: FnMut(Vec<usize>) -> A + Send,
        A: Future<Output = Vec<Result<T>>> + Send,
    {
        let env = self.retries.env();
        let mut fates = vec![Fate::default(); intents.len()];
        let mut attempts = self.retries.attempts_of(call, batch.requests());
        while !batch.open.is_empty() {
            let open = std::mem::take(&mut batch.open);
            let sent = send(open.clone());
            let ended = spread(call.guard_write(env, op, async { Ok(sent.await) }).await, open.len());
            let ended = ended.chain(std::iter::repeat_with(|| Err(too_few(op))));
            let weighed = open.into_iter().zip(ended).map(|(at, ended)| {
                let (key, intent) = &intents[at];
                let mut fate = fates[at];
                let ended = ended.map_err(|e: Error| e.at(self.id()).on(key));
                let attempts = &attempts;
                async move {
                    let next = self.weigh(&mut fate, op, key, intent, attempts, ended).await;
                    (at, fate, next)
                }
            });
            let weighed: Vec<_> = weighed.collect();
            let weighed: Vec<_> = stream::iter(weighed).buffered(LOOKS).collect().await;
            let mut failed = Vec::new();
            for (at, fate, next) in weighed {
                fates[at] = fate;
                match next {
                    Next::Done(done) => batch.outcomes[at] = Some(done.map_err(|e| attempts.noted(e))),
                    Next::Again(error) | Next::Look(error) => failed.push((at, error)),
                }
            }
            let Some(error) = worst(&failed) else { break };
            let requests = failed.len().div_ceil(batch.per_request);
            let granted = attempts.again_many(op, error, requests).await;
            match granted {
                Ok(granted) => {
                    let rest = failed.split_off(failed.len().min(granted.saturating_mul(batch.per_request)));
                    let tried = attempts.tried() - 1;
                    batch.give_up(rest, |at, error| fates[at].last(short_of_budget(tried, error)));
                    batch.open = failed.into_iter().map(|(at, _)| at).collect();
                }
                Err(stop) => batch.give_up(failed, |at, error| fates[at].last(stop.error(error))),
            }
        }
    }
}

fn short_of_budget(tried: u32, error: Error) -> Error {
    Stop::GaveUp { tried, why: SPENT }.error(error)
}

/// The outcomes of a batch, or the error of the whole for each.
fn spread<T>(ended: Result<Vec<Result<T>>>, count: usize) -> Box<dyn Iterator<Item = Result<T>> + Send>
where
    T: Send + 'static,
{
    match ended {
        Ok(outcomes) => Box::new(outcomes.into_iter()),
        Err(error) => Box::new((0..count).map(move |_| Err(error.clone()))),
    }
}

fn too_few(op: Op) -> Error {
    Error::new(ErrorKind::Unknown, op, "the inner store gave fewer outcomes than it was given keys")
}
