//! The store that fails on purpose.

use std::future::Future;
use std::time::Duration;

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;

use super::plan::{Armed, Faults, Strike};
use super::rule::{Effect, When, is_write};
use super::stream::{cut_bytes, items};
use crate::call::Call;
use crate::env::Env;
use crate::error::{Error, ErrorKind, Op, Result};
use crate::front::Usage;
use crate::guarantees::Guarantees;
use crate::key::Key;
use crate::layer::Layers;
use crate::options::{
    CopyOptions, DeleteItem, DeleteOptions, GetOptions, HeadOptions, ListOptions, PutItem, PutOptions, Step,
    SweepOptions,
};
use crate::outcome::{ByteStream, Copied, Got, Items, Listed, Removed, Swept, Transacted, Written};
use crate::store::Store;
use crate::store_id::StoreId;

/// A store that fails as its [`Faults`] say, and is its inner store else. See the [module](super).
#[derive(Debug)]
pub struct FaultStore<S> {
    inner: S,
    faults: Faults,
    env: Env,
}

impl<S: Store> FaultStore<S> {
    /// Strikes the calls of `inner`.
    pub fn new(inner: S, faults: Faults) -> FaultStore<S> {
        FaultStore { inner, faults, env: Env::system() }
    }

    /// Takes the clock of delays from `env`.
    pub fn with_env(mut self, env: Env) -> FaultStore<S> {
        self.env = env;
        self
    }

    /// The plan.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The store that never fails on purpose.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    fn arm(&self, op: Op, keys: &[&Key]) -> Armed {
        self.faults.arm(op, keys.iter().map(|key| key.as_str()))
    }

    /// One call, with what was drawn for it. `key` is the one that errors name.
    async fn run<T>(
        &self,
        armed: Armed,
        op: Op,
        key: Option<&Key>,
        call: &Call,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        if armed.is_empty() {
            return work.await;
        }
        if let Some(error) = self.before(&armed, op, key, call).await {
            return Err(error.at(self.id()));
        }
        let answer = work.await;
        match self.after(&armed, op, key, call, Strike::loses(&answer)).await {
            Some(error) => Err(error.at(self.id())),
            None => answer,
        }
    }

    async fn before(&self, armed: &Armed, op: Op, key: Option<&Key>, call: &Call) -> Option<Error> {
        for (strike, effect) in self.faults.on(armed, op, When::Before) {
            match effect {
                Effect::Fail(kind) if strike.claim() => return Some(strike.error(kind, key)),
                Effect::Hang if strike.claim() => std::future::pending().await,
                Effect::Delay(time) if strike.claim() => {
                    // Nothing was sent: giving up here leaves nothing open.
                    if let Err(error) = hold_up(&self.env, call, op, time).await {
                        return Some(name(error, key));
                    }
                }
                _ => {}
            }
        }
        None
    }

    async fn after(
        &self,
        armed: &Armed,
        op: Op,
        key: Option<&Key>,
        call: &Call,
        loses: bool,
    ) -> Option<Error> {
        if !loses {
            return None;
        }
        for (strike, effect) in self.faults.on(armed, op, When::After) {
            match effect {
                Effect::Fail(kind) if strike.claim() => return Some(strike.error(kind, key)),
                Effect::Hang if strike.claim() => std::future::pending().await,
                Effect::Delay(time) if strike.claim() => {
                    if let Err(error) = hold_up(&self.env, call, op, time).await {
                        return Some(name(given_up_after(op, error), key));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Draws for each key of many; gives those that go on, and the outcomes of those that do not.
    async fn many_before<T>(
        &self,
        op: Op,
        keys: &[&Key],
        call: &Call,
    ) -> (Vec<Armed>, Vec<Option<Result<T>>>) {
        let armed: Vec<_> = keys.iter().map(|key| self.arm(op, &[*key])).collect();
        let mut outcomes = Vec::with_capacity(keys.len());
        for (armed, key) in armed.iter().zip(keys) {
            let struck = self.before(armed, op, Some(*key), call).await;
            outcomes.push(struck.map(|error| Err(error.at(self.id()))));
        }
        (armed, outcomes)
    }

    /// Puts the inner store's outcomes into the gaps, each with what was drawn for it.
    async fn many_after<T>(
        &self,
        op: Op,
        keys: &[Key],
        call: &Call,
        (armed, outcomes): (Vec<Armed>, Vec<Option<Result<T>>>),
        inner: Vec<Result<T>>,
    ) -> Vec<Result<T>> {
        let mut inner = inner.into_iter();
        let mut all = Vec::with_capacity(outcomes.len());
        for ((outcome, armed), key) in outcomes.into_iter().zip(&armed).zip(keys) {
            let missing =
                || Err(Error::new(ErrorKind::Unknown, op, "the inner store gave too few outcomes").on(key));
            all.push(match outcome {
                Some(struck) => struck,
                None => {
                    let answer = inner.next().unwrap_or_else(missing);
                    match self.after(armed, op, Some(key), call, Strike::loses(&answer)).await {
                        Some(error) => Err(error.at(self.id())),
                        None => answer,
                    }
                }
            });
        }
        all
    }
}

/// Those whose outcome is still open.
fn open_ones<I, T>(items: impl IntoIterator<Item = I>, outcomes: &[Option<Result<T>>]) -> Vec<I> {
    items.into_iter().zip(outcomes).filter(|(_, outcome)| outcome.is_none()).map(|(item, _)| item).collect()
}

/// Waits, until the call itself is over.
pub(super) async fn hold_up(env: &Env, call: &Call, op: Op, time: Duration) -> Result<()> {
    let slept = async {
        env.sleep(time).await;
        Ok(())
    };
    call.guard(env, op, slept).await
}

/// The error of a call that was given up when its effect had happened.
fn given_up_after(op: Op, error: Error) -> Error {
    match is_write(op) {
        true => {
            Error::new(ErrorKind::Unknown, op, "the call was given up when it had been made").caused_by(error)
        }
        false => error,
    }
}

fn name(error: Error, key: Option<&Key>) -> Error {
    match key {
        Some(key) => error.on(key),
        None => error,
    }
}

#[async_trait]
impl<S: Store> Store for FaultStore<S> {
    fn id(&self) -> &StoreId {
        self.inner.id()
    }

    fn folder(&self) -> Option<&Path> {
        self.inner.folder()
    }

    fn layers(&self) -> Layers {
        self.inner.layers()
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }

    fn guarantees(&self) -> &Guarantees {
        self.inner.guarantees()
    }

    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        // Asked first: a call that goes on to `get_opts` is one call, and draws once.
        let answer = self.inner.try_get(key, options)?;
        let armed = self.arm(Op::Get, &[key]);
        let sides = || {
            let side = |when| self.faults.on(&armed, Op::Get, when);
            side(When::Before).chain(side(When::After).filter(|_| Strike::loses(&answer)))
        };
        if sides().any(|(_, effect)| !matches!(effect, Effect::Fail(_))) {
            self.faults.owe(key, armed);
            return None;
        }
        for (strike, effect) in sides() {
            if let Effect::Fail(kind) = effect
                && strike.claim()
            {
                return Some(Err(strike.error(kind, Some(key)).at(self.id())));
            }
        }
        Some(answer)
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        let armed = self.faults.owed(key).unwrap_or_else(|| self.arm(Op::Get, &[key]));
        self.run(armed, Op::Get, Some(key), &options.call, self.inner.get_opts(key, options)).await
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        let op = Op::GetStream;
        let armed = self.arm(op, &[key]);
        let cut = self.faults.cut(&armed, op);
        let got =
            self.run(armed, op, Some(key), &options.call, self.inner.get_stream_opts(key, options)).await?;
        Ok(got.map(|body| cut_bytes(body, cut, key, self.id())))
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let armed = self.arm(Op::Head, &[key]);
        self.run(armed, Op::Head, Some(key), &options.call, self.inner.head_opts(key, options)).await
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        let armed = self.arm(Op::Put, &[key]);
        self.run(armed, Op::Put, Some(key), &options.call, self.inner.put_opts(key, value, options)).await
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let op = Op::PutStream;
        let armed = self.arm(op, &[key]);
        let body = cut_bytes(body, self.faults.cut(&armed, op), key, self.id());
        self.run(armed, op, Some(key), &options.call, self.inner.put_stream_opts(key, body, options)).await
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let armed = self.arm(Op::Delete, &[key]);
        self.run(armed, Op::Delete, Some(key), &options.call, self.inner.delete_opts(key, options)).await
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let (op, call) = (Op::GetMany, &options.call);
        let begun = self.many_before(op, &keys.iter().collect::<Vec<_>>(), call).await;
        let open: Vec<Key> = open_ones(keys.iter().cloned(), &begun.1);
        let inner = self.inner.get_many_opts(&open, options).await;
        self.many_after(op, keys, call, begun, inner).await
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let op = Op::PutMany;
        let keys: Vec<Key> = items.iter().map(|item| item.key.clone()).collect();
        let begun = self.many_before(op, &keys.iter().collect::<Vec<_>>(), call).await;
        let inner = self.inner.put_many_opts(open_ones(items, &begun.1), call).await;
        self.many_after(op, &keys, call, begun, inner).await
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        let (op, call) = (Op::DeleteMany, &options.call);
        let keys: Vec<Key> = items.iter().map(|item| item.key.clone()).collect();
        let begun = self.many_before(op, &keys.iter().collect::<Vec<_>>(), call).await;
        let inner = self.inner.delete_many_opts(open_ones(items, &begun.1), options).await;
        self.many_after(op, &keys, call, begun, inner).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        let armed = self.arm(Op::Copy, &[from, to]);
        self.run(armed, Op::Copy, Some(to), &options.call, self.inner.copy_opts(from, to, options)).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let keys: Vec<Key> = steps.iter().map(|step| step.key().clone()).collect();
        let armed = self.arm(Op::Transact, &keys.iter().collect::<Vec<_>>());
        self.run(armed, Op::Transact, None, call, self.inner.transact_opts(steps, call)).await
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        let armed = self.faults.arm(Op::List, std::iter::once(options.prefix.as_str()));
        if armed.is_empty() {
            return self.inner.list_opts(options);
        }
        let (call, id) = (options.call.clone(), self.id().clone());
        let inner = self.inner.list_opts(options);
        items(inner, self.faults.clone(), armed, self.env.clone(), call)
            .map(move |item| item.map_err(|e| e.at(&id)))
            .boxed()
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        let armed = self.arm(Op::Sweep, &[]);
        self.run(armed, Op::Sweep, None, &options.call, self.inner.sweep(options)).await
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        let armed = self.arm(Op::Flush, &[]);
        self.run(armed, Op::Flush, None, call, self.inner.flush(call)).await
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        let armed = self.arm(Op::Drain, &[]);
        self.run(armed, Op::Drain, None, call, self.inner.drain(call)).await
    }

    async fn close(&self, call: &Call) -> Result<()> {
        let armed = self.arm(Op::Close, &[]);
        self.run(armed, Op::Close, None, call, self.inner.close(call)).await
    }
}
