//! The contract, behind a gate.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::OwnedSemaphorePermit;

use super::{Gate, Limit};
use crate::call::Call;
use crate::derived;
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

impl<S: Store> Limit<S> {
    async fn enter(&self, op: Op, key: Option<&Key>, call: &Call) -> Result<OwnedSemaphorePermit> {
        self.gate.enter(op, call).await.map_err(|e| {
            let e = e.at(self.id());
            match key {
                Some(key) => e.on(key),
                None => e,
            }
        })
    }

    fn refused<'k, T>(&self, error: &Error, keys: impl Iterator<Item = &'k Key>) -> Vec<Result<T>> {
        keys.map(|key| Err(error.clone().at(self.id()).on(key))).collect()
    }
}

/// The stream, which gives its place back when it ends or is dropped.
fn holding<T: Send + 'static>(items: Items<T>, place: OwnedSemaphorePermit) -> Items<T> {
    let held = stream::unfold(Some((items, place)), |held| async move {
        let (mut items, place) = held?;
        match items.next().await {
            Some(Ok(item)) => Some((Ok(item), Some((items, place)))),
            Some(Err(error)) => Some((Err(error), None)),
            None => None,
        }
    });
    held.boxed()
}

/// The listing, which takes a place for each item that costs a request: the first one of a page.
fn paged<S: Store>(inner: Arc<S>, gate: Gate, options: ListOptions) -> Items<Listed> {
    let call = options.call.clone();
    let items = inner.list_opts(options);
    let page = inner.guarantees().listing.page.unwrap_or(usize::MAX).max(1);
    let listed = stream::unfold(Some((items, 0)), move |state| {
        let (inner, gate, call) = (inner.clone(), gate.clone(), call.clone());
        async move {
            let (mut items, given) = state?;
            let item = match given % page {
                0 => match gate.enter(Op::List, &call).await {
                    Ok(_place) => items.next().await,
                    Err(error) => return Some((Err(error.at(inner.id())), None)),
                },
                _ => items.next().await,
            };
            match item? {
                Ok(item) => Some((Ok(item), Some((items, given + 1)))),
                Err(error) => Some((Err(error), None)),
            }
        }
    });
    listed.boxed()
}

#[async_trait]
impl<S: Store> Store for Limit<S> {
    fn id(&self) -> &StoreId {
        self.inner.id()
    }

    fn guarantees(&self) -> &Guarantees {
        self.inner.guarantees()
    }

    fn layers(&self) -> Layers {
        self.inner.layers().with(Layers::LIMIT)
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
        let _place = self.enter(Op::Get, Some(key), &options.call).await?;
        self.inner.get_opts(key, options).await
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        let place = self.enter(Op::GetStream, Some(key), &options.call).await?;
        let got = self.inner.get_stream_opts(key, options).await?;
        Ok(got.map(|body| holding(body, place)))
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let _place = self.enter(Op::Head, Some(key), &options.call).await?;
        self.inner.head_opts(key, options).await
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        let _place = self.enter(Op::Put, Some(key), &options.call).await?;
        self.inner.put_opts(key, value, options).await
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let _place = self.enter(Op::PutStream, Some(key), &options.call).await?;
        self.inner.put_stream_opts(key, body, options).await
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let _place = self.enter(Op::Delete, Some(key), &options.call).await?;
        self.inner.delete_opts(key, options).await
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        if self.guarantees().batches.get.is_none() {
            return derived::get_many_by_one(self, keys, options).await;
        }
        match self.gate.enter(Op::GetMany, &options.call).await {
            Ok(_place) => self.inner.get_many_opts(keys, options).await,
            Err(error) => self.refused(&error, keys.iter()),
        }
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        if self.guarantees().batches.put.is_none() {
            return derived::put_many_by_one(self, items, call).await;
        }
        match self.gate.enter(Op::PutMany, call).await {
            Ok(_place) => self.inner.put_many_opts(items, call).await,
            Err(error) => self.refused(&error, items.iter().map(|item| &item.key)),
        }
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        if self.guarantees().batches.delete.is_none() {
            return derived::delete_many_by_one(self, items, options).await;
        }
        match self.gate.enter(Op::DeleteMany, &options.call).await {
            Ok(_place) => self.inner.delete_many_opts(items, options).await,
            Err(error) => self.refused(&error, items.iter().map(|item| &item.key)),
        }
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        let _place = self.enter(Op::Copy, Some(to), &options.call).await?;
        self.inner.copy_opts(from, to, options).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let _place = self.enter(Op::Transact, None, call).await?;
        self.inner.transact_opts(steps, call).await
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        paged(self.inner.clone(), self.gate.clone(), options)
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        let _place = self.enter(Op::Sweep, None, &options.call).await?;
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
