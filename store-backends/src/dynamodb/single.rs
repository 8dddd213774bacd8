//! The store of single attempts: each request is sent once, and an answer that does not come is told as such.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_store_core::layer::retry::Retries;
use larder_store_core::{
    ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, Error, GetOptions, Got, Guarantees,
    HeadOptions, Items, Key, ListOptions, Listed, Op, PutItem, PutOptions, Removed, Result, Step, Store,
    StoreId, SweepOptions, Swept, Transacted, Written, derived,
};

use super::config::INLINE;
use super::many::distinct;
use super::wire::Wire;
use super::{list, upload};

/// Single attempts, but for the chunks of large values and what a batch leaves undone.
#[derive(Debug, Clone)]
pub(super) struct Single {
    pub(super) wire: Arc<Wire>,
    /// What sends chunks again.
    pub(super) retries: Retries,
}

impl Single {
    /// Writes a value, whatever its size.
    pub(super) async fn put_sized(
        &self,
        op: Op,
        key: &Key,
        value: Bytes,
        options: &PutOptions,
    ) -> Result<Written> {
        if value.len() <= INLINE {
            return self.put(op, key, value, options).await;
        }
        self.wire.guarantees.check_put(op, key, options, Some(value.len() as u64))?;
        let mut options = options.clone();
        options.size_hint = Some(value.len() as u64);
        Box::pin(upload::put_stream(self, op, key, derived::pieces(value), &options)).await
    }

    /// The error of a batch that was not begun, for each of its keys.
    fn each<'k, T>(&self, op: Op, keys: impl Iterator<Item = &'k Key>, error: &Error) -> Vec<Result<T>> {
        keys.map(|key| Err(self.wire.named(op, key)(error.clone()))).collect()
    }
}

#[async_trait]
impl Store for Single {
    fn id(&self) -> &StoreId {
        &self.wire.id
    }

    fn guarantees(&self) -> &Guarantees {
        &self.wire.guarantees
    }

    fn try_get(&self, _: &Key, _: &GetOptions) -> Option<Result<Got<Bytes>>> {
        None
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        let (op, wire) = (Op::Get, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        self.get(op, key, options).await.map_err(wire.named(op, key))
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        let (op, wire) = (Op::GetStream, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        self.get_stream(op, key, options).await.map_err(wire.named(op, key))
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let (op, wire) = (Op::Head, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        self.head(op, key, options).await.map_err(wire.named(op, key))
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        let (op, wire) = (Op::Put, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        self.put_sized(op, key, value, options).await.map_err(wire.named(op, key))
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let (op, wire) = (Op::PutStream, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        upload::put_stream(self, op, key, body, options).await.map_err(wire.named(op, key))
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let (op, wire) = (Op::Delete, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        self.delete(op, key, options).await.map_err(wire.named(op, key))
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let op = Op::GetMany;
        let _busy = match self.wire.begin(op, &options.call) {
            Ok(busy) => busy,
            Err(error) => return self.each(op, keys.iter(), &error),
        };
        let got = self.get_many(keys, options).await;
        got.into_iter().zip(keys).map(|(got, key)| got.map_err(self.wire.named(op, key))).collect()
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        if !distinct(items.iter().map(|item| &item.key)) {
            return derived::put_many_by_one(self, items, call).await;
        }
        let op = Op::PutMany;
        let keys: Vec<Key> = items.iter().map(|item| item.key.clone()).collect();
        let _busy = match self.wire.begin(op, call) {
            Ok(busy) => busy,
            Err(error) => return self.each(op, keys.iter(), &error),
        };
        let put = self.put_many(items, call).await;
        put.into_iter().zip(&keys).map(|(put, key)| put.map_err(self.wire.named(op, key))).collect()
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        if !distinct(items.iter().map(|item| &item.key)) {
            return derived::delete_many_by_one(self, items, options).await;
        }
        let op = Op::DeleteMany;
        let keys = || items.iter().map(|item| &item.key);
        let begun = derived::check_delete_many(options).and_then(|()| self.wire.begin(op, &options.call));
        let _busy = match begun {
            Ok(busy) => busy,
            Err(error) => return self.each(op, keys(), &error),
        };
        let done = self.delete_many(&items, options).await;
        done.into_iter().zip(keys()).map(|(done, key)| done.map_err(self.wire.named(op, key))).collect()
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        derived::copy_by_stream(self, from, to, options).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let wire = &self.wire;
        let _busy = wire.begin(Op::Transact, call).map_err(|e| e.at(&wire.id))?;
        self.transact(steps, call).await.map_err(|e| e.during(Op::Transact).at(&wire.id))
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        if let Err(error) = self.wire.begin(Op::List, &options.call) {
            return stream::once(std::future::ready(Err(error.at(&self.wire.id)))).boxed();
        }
        list::list(&self.wire, options)
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        self.sweep_chunks(options).await.map_err(|e| e.during(Op::Sweep).at(&self.wire.id))
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        // What the service has acknowledged is durable.
        self.wire.begin(Op::Flush, call).map(drop).map_err(|e| e.at(&self.wire.id))
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        drop(self.wire.begin(Op::Drain, call).map_err(|e| e.at(&self.wire.id))?);
        self.wire.wait(Op::Drain, call).await
    }

    async fn close(&self, call: &Call) -> Result<()> {
        // A call that is over before it begins leaves the store open.
        call.check(&self.wire.env, Op::Close).map_err(|e| e.at(&self.wire.id))?;
        self.wire.shut();
        self.wire.wait(Op::Close, call).await
    }
}
