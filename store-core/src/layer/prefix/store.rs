//! The contract through other names.

use std::sync::atomic::Ordering::SeqCst;

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::Prefixed;
use crate::call::Call;
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
use crate::store::{Store, closed};
use crate::store_id::StoreId;

impl<S: Store> Prefixed<S> {
    /// The inner store's key, of one that is short enough.
    fn down(&self, op: Op, key: &Key) -> Result<Key> {
        self.guarantees.check_key(op, key).map_err(|e| e.at(self.id()))?;
        self.names.down(key)
    }

    fn up<B>(&self, got: Result<Got<B>>) -> Result<Got<B>> {
        match got {
            Ok(got) => Ok(got.map_meta(|meta| self.names.up_meta(meta))),
            Err(error) => Err(self.up_error(error)),
        }
    }

    fn up_error(&self, error: Error) -> Error {
        self.names.up_error(error)
    }

    /// Renames the keys of many: those that can be, and for each whether it could.
    fn down_many<I>(
        &self,
        op: Op,
        items: impl IntoIterator<Item = (Key, I)>,
    ) -> (Vec<(Key, I)>, Vec<Result<()>>) {
        let mut down = Vec::new();
        let fates = items.into_iter().map(|(key, item)| {
            let key = self.down(op, &key)?;
            down.push((key, item));
            Ok(())
        });
        let fates = fates.collect();
        (down, fates)
    }

    /// The inner store's outcomes, among those of keys that it was never asked about.
    fn up_many<T>(&self, op: Op, fates: Vec<Result<()>>, inner: Vec<Result<T>>) -> Vec<Result<T>> {
        let mut inner = inner.into_iter();
        let missing = || {
            let why = "the inner store gave fewer outcomes than it was given keys";
            Err(Error::new(ErrorKind::Unknown, op, why).at(self.id()))
        };
        let outcome = |fate: Result<()>| {
            fate?;
            inner.next().unwrap_or_else(missing).map_err(|e| self.up_error(e))
        };
        fates.into_iter().map(outcome).collect()
    }

    fn refuse_many<T>(&self, op: Op, count: usize) -> Vec<Result<T>> {
        (0..count).map(|_| Err(closed(op, self.id()))).collect()
    }

    fn down_step(&self, step: Step) -> Result<Step> {
        let key = self.down(Op::Transact, step.key())?;
        Ok(match step {
            Step::Check { pre, .. } => Step::Check { key, pre },
            Step::Put(item) => Step::Put(PutItem { key, ..item }),
            Step::Delete(item) => Step::Delete(DeleteItem { key, ..item }),
        })
    }
}

#[async_trait]
impl<S: Store> Store for Prefixed<S> {
    fn id(&self) -> &StoreId {
        &self.names.outer
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
        &self.guarantees
    }

    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        if self.closed.load(SeqCst) {
            return Some(Err(closed(Op::Get, self.id())));
        }
        let key = match self.down(Op::Get, key) {
            Ok(key) => key,
            Err(error) => return Some(Err(error)),
        };
        let got = self.inner.try_get(&key, options)?;
        Some(self.up(got))
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        let _busy = self.enter(Op::Get)?;
        let got = self.inner.get_opts(&self.down(Op::Get, key)?, options).await;
        self.up(got)
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        let _busy = self.enter(Op::GetStream)?;
        let got = self.inner.get_stream_opts(&self.down(Op::GetStream, key)?, options).await;
        let names = self.names.clone();
        Ok(self.up(got)?.map(|body| body.map(move |piece| piece.map_err(|e| names.up_error(e))).boxed()))
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let _busy = self.enter(Op::Head)?;
        let got = self.inner.head_opts(&self.down(Op::Head, key)?, options).await;
        self.up(got)
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        let _busy = self.enter(Op::Put)?;
        let done = self.inner.put_opts(&self.down(Op::Put, key)?, value, options).await;
        done.map_err(|e| self.up_error(e))
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let _busy = self.enter(Op::PutStream)?;
        let done = self.inner.put_stream_opts(&self.down(Op::PutStream, key)?, body, options).await;
        done.map_err(|e| self.up_error(e))
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let _busy = self.enter(Op::Delete)?;
        let done = self.inner.delete_opts(&self.down(Op::Delete, key)?, options).await;
        done.map_err(|e| self.up_error(e))
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let Ok(_busy) = self.enter(Op::GetMany) else { return self.refuse_many(Op::GetMany, keys.len()) };
        let (down, fates) = self.down_many(Op::GetMany, keys.iter().map(|key| (key.clone(), ())));
        let down: Vec<Key> = down.into_iter().map(|(key, ())| key).collect();
        let got = self.inner.get_many_opts(&down, options).await;
        self.up_many(Op::GetMany, fates, got).into_iter().map(|one| self.up(one)).collect()
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let Ok(_busy) = self.enter(Op::PutMany) else { return self.refuse_many(Op::PutMany, items.len()) };
        let items = items.into_iter().map(|item| (item.key.clone(), item));
        let (down, fates) = self.down_many(Op::PutMany, items);
        let down = down.into_iter().map(|(key, item)| PutItem { key, ..item }).collect();
        self.up_many(Op::PutMany, fates, self.inner.put_many_opts(down, call).await)
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        let Ok(_busy) = self.enter(Op::DeleteMany) else {
            return self.refuse_many(Op::DeleteMany, items.len());
        };
        let items = items.into_iter().map(|item| (item.key.clone(), item));
        let (down, fates) = self.down_many(Op::DeleteMany, items);
        let down = down.into_iter().map(|(key, item)| DeleteItem { key, ..item }).collect();
        self.up_many(Op::DeleteMany, fates, self.inner.delete_many_opts(down, options).await)
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        let _busy = self.enter(Op::Copy)?;
        let (from, to) = (self.down(Op::Copy, from)?, self.down(Op::Copy, to)?);
        self.inner.copy_opts(&from, &to, options).await.map_err(|e| self.up_error(e))
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let _busy = self.enter(Op::Transact)?;
        let steps = steps.into_iter().map(|step| self.down_step(step)).collect::<Result<_>>()?;
        self.inner.transact_opts(steps, call).await.map_err(|e| self.up_error(e))
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        if self.closed.load(SeqCst) {
            return stream::once(std::future::ready(Err(closed(Op::List, self.id())))).boxed();
        }
        let names = self.names.clone();
        let up = move |item: Result<Listed>| match item {
            Ok(listed) => Ok(names.up_listed(listed)),
            Err(error) => Err(names.up_error(error)),
        };
        self.inner.list_opts(self.names.down_list(options)).map(up).boxed()
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        let _busy = self.enter(Op::Sweep)?;
        self.inner.sweep(options).await.map_err(|e| self.up_error(e))
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        let _busy = self.enter(Op::Flush)?;
        self.inner.flush(call).await.map_err(|e| self.up_error(e))
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        let _busy = self.enter(Op::Drain)?;
        self.inner.drain(call).await.map_err(|e| self.up_error(e))
    }

    async fn close(&self, call: &Call) -> Result<()> {
        call.check(&self.env, Op::Close).map_err(|e| e.at(self.id()))?;
        self.closed.store(true, SeqCst);
        let seen_out = async {
            self.inflight.wait().await;
            Ok(())
        };
        call.guard(&self.env, Op::Close, seen_out).await.map_err(|e| e.at(self.id()))
    }
}
