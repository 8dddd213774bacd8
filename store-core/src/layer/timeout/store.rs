//! The contract, in time.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use super::progress::{Progress, unless_stalled, within};
use super::{Timeout, explain};
use crate::call::Call;
use crate::error::{Error, Op, Result};
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

impl<S: Store> Timeout<S> {
    fn named(&self, key: &Key) -> impl Fn(Error) -> Error + Send + use<S> {
        let (id, key) = (self.id().clone(), key.clone());
        move |e| e.at(&id).on(&key)
    }

    /// One outcome for each key, or the error of the whole for each.
    fn each<'k, T>(
        &self,
        done: Result<Vec<Result<T>>>,
        keys: impl Iterator<Item = &'k Key>,
    ) -> Vec<Result<T>> {
        done.unwrap_or_else(|error| keys.map(|key| Err(error.clone().at(self.id()).on(key))).collect())
    }
}

#[async_trait]
impl<S: Store> Store for Timeout<S> {
    fn id(&self) -> &StoreId {
        self.inner.id()
    }

    fn guarantees(&self) -> &Guarantees {
        self.inner.guarantees()
    }

    fn layers(&self) -> Layers {
        self.inner.layers().with(Layers::TIMEOUT)
    }

    fn folder(&self) -> Option<&Path> {
        self.inner.folder()
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }

    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        self.inner.try_get(key, options)
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        let (call, limit) = self.bound(&options.call, self.options.reads);
        let options = GetOptions { call, ..options.clone() };
        let got = options.call.guard(&self.env, Op::Get, self.inner.get_opts(key, &options)).await;
        got.map_err(|e| self.named(key)(explain(e, limit)))
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        let op = Op::GetStream;
        let Some(limit) = self.options.progress else {
            return self.inner.get_stream_opts(key, options).await;
        };
        // The inner store keeps the caller's deadline, which holds for the stream as a whole; ours is for the opening.
        let (call, ours) = self.bound(&options.call, Some(limit));
        let got = call.guard(&self.env, op, self.inner.get_stream_opts(key, options)).await;
        let got = got.map_err(|e| self.named(key)(explain(e, ours)))?;
        Ok(got.map(|body| within(body, self.env.clone(), op, limit, self.named(key))))
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let (call, limit) = self.bound(&options.call, self.options.reads);
        let options = HeadOptions { call, ..options.clone() };
        let got = options.call.guard(&self.env, Op::Head, self.inner.head_opts(key, &options)).await;
        got.map_err(|e| self.named(key)(explain(e, limit)))
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        let (call, limit) = self.bound(&options.call, self.options.writes);
        let options = PutOptions { call, ..options.clone() };
        let put = self.inner.put_opts(key, value, &options);
        let done = options.call.guard_write(&self.env, Op::Put, put).await;
        done.map_err(|e| self.named(key)(explain(e, limit)))
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let op = Op::PutStream;
        let Some(limit) = self.options.progress else {
            return self.inner.put_stream_opts(key, body, options).await;
        };
        options.call.check(&self.env, op).map_err(self.named(key))?;
        let progress = Progress::new(&self.env);
        let put = self.inner.put_stream_opts(key, progress.of(body, &self.env), options);
        unless_stalled(&progress, &self.env, op, limit, put).await.map_err(self.named(key))
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let (call, limit) = self.bound(&options.call, self.options.writes);
        let options = DeleteOptions { call, ..options.clone() };
        let delete = self.inner.delete_opts(key, &options);
        let done = options.call.guard_write(&self.env, Op::Delete, delete).await;
        done.map_err(|e| self.named(key)(explain(e, limit)))
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let (call, limit) = self.bound(&options.call, self.options.reads);
        let options = GetOptions { call, ..options.clone() };
        let gets = async { Ok(self.inner.get_many_opts(keys, &options).await) };
        let got = options.call.guard(&self.env, Op::GetMany, gets).await;
        self.each(got.map_err(|e| explain(e, limit)), keys.iter())
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let (call, limit) = self.bound(call, self.options.writes);
        let keys: Vec<Key> = items.iter().map(|item| item.key.clone()).collect();
        let puts = async { Ok(self.inner.put_many_opts(items, &call).await) };
        let done = call.guard_write(&self.env, Op::PutMany, puts).await;
        self.each(done.map_err(|e| explain(e, limit)), keys.iter())
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        let (call, limit) = self.bound(&options.call, self.options.writes);
        let options = DeleteOptions { call, ..options.clone() };
        let keys: Vec<Key> = items.iter().map(|item| item.key.clone()).collect();
        let deletes = async { Ok(self.inner.delete_many_opts(items, &options).await) };
        let done = options.call.guard_write(&self.env, Op::DeleteMany, deletes).await;
        self.each(done.map_err(|e| explain(e, limit)), keys.iter())
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        let (call, limit) = self.bound(&options.call, self.options.writes);
        let options = CopyOptions { call, ..options.clone() };
        let copy = self.inner.copy_opts(from, to, &options);
        let done = options.call.guard_write(&self.env, Op::Copy, copy).await;
        done.map_err(|e| self.named(to)(explain(e, limit)))
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let (call, limit) = self.bound(call, self.options.writes);
        let done = call.guard_write(&self.env, Op::Transact, self.inner.transact_opts(steps, &call)).await;
        done.map_err(|e| explain(e, limit).at(self.id()))
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        let items = self.inner.list_opts(options);
        let id = self.id().clone();
        match self.options.page {
            Some(limit) => within(items, self.env.clone(), Op::List, limit, move |e| e.at(&id)),
            None => items,
        }
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        self.inner.sweep(options).await
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        self.inner.flush(call).await
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        self.inner.drain(call).await
    }

    async fn close(&self, call: &Call) -> Result<()> {
        self.inner.close(call).await
    }
}
