//! The contract, with attempts.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use super::Retry;
use super::engine::is_worth_repeating;
use super::intent::Intent;
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

impl<S: Store> Retry<S> {
    fn named(&self, key: &Key) -> impl Fn(Error) -> Error {
        move |e| e.at(self.id()).on(key)
    }
}

#[async_trait]
impl<S: Store> Store for Retry<S> {
    fn id(&self) -> &StoreId {
        self.inner.id()
    }

    fn guarantees(&self) -> &Guarantees {
        self.inner.guarantees()
    }

    fn layers(&self) -> Layers {
        self.inner.layers().with(Layers::RETRY)
    }

    fn folder(&self) -> Option<&Path> {
        self.inner.folder()
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }

    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        // What is worth another attempt takes the way that has some.
        self.inner.try_get(key, options).filter(|got| !got.as_ref().is_err_and(is_worth_repeating))
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        let inner = &self.inner;
        let got = self.retries.run(Op::Get, &options.call, |_| inner.get_opts(key, options)).await;
        got.map_err(self.named(key))
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        self.read_stream(key, options).await
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let inner = &self.inner;
        let got = self.retries.run(Op::Head, &options.call, |_| inner.head_opts(key, options)).await;
        got.map_err(self.named(key))
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        let id = self.write_id(options.write_id);
        let intent = Intent::Put { id, pre: options.pre.clone() };
        let options = &PutOptions { write_id: Some(id), ..options.clone() };
        let (inner, call) = (&self.inner, &options.call);
        self.write(Op::Put, key, intent, call, || inner.put_opts(key, value.clone(), options)).await
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        self.write_stream(key, body, options).await
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let intent = Intent::Delete { only: options.only.clone() };
        let inner = &self.inner;
        self.write(Op::Delete, key, intent, &options.call, || inner.delete_opts(key, options)).await
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        self.read_many(keys, options).await
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        self.put_many(items, call).await
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        self.delete_many(items, options).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        let id = self.write_id(options.write_id);
        let intent = Intent::Put { id, pre: options.pre.clone() };
        let options = &CopyOptions { write_id: Some(id), ..options.clone() };
        let inner = &self.inner;
        self.write(Op::Copy, to, intent, &options.call, || inner.copy_opts(from, to, options)).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        self.write_all(steps, call).await
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        self.list(options)
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        let inner = &self.inner;
        let swept = self.retries.run(Op::Sweep, &options.call, |_| inner.sweep(options)).await;
        swept.map_err(|e| e.at(self.id()))
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        let done = self.retries.run(Op::Flush, call, |_| self.inner.flush(call)).await;
        done.map_err(|e| e.at(self.id()))
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        let done = self.retries.run(Op::Drain, call, |_| self.inner.drain(call)).await;
        done.map_err(|e| e.at(self.id()))
    }

    async fn close(&self, call: &Call) -> Result<()> {
        let done = self.retries.run(Op::Close, call, |_| self.inner.close(call)).await;
        done.map_err(|e| e.at(self.id()))
    }
}
