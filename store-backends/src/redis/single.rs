//! The store of single attempts: each request is sent once, and an answer that does not come is told as such.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_store_core::layer::retry::Retries;
use larder_store_core::{
    ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, GetOptions, Got, Guarantees,
    HeadOptions, Items, Key, ListOptions, Listed, Op, PutItem, PutOptions, Removed, Result, Step, Store,
    StoreId, SweepOptions, Swept, Transacted, Written, derived,
};

use super::upload::INLINE;
use super::wire::Wire;
use super::{list, stream as streams, sweep};

/// Single attempts, but for the parts of uploads.
#[derive(Debug, Clone)]
pub(super) struct Single {
    pub(super) wire: Arc<Wire>,
    /// What sends parts again.
    pub(super) retries: Retries,
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
        wire.get(op, key, options).await.map_err(wire.named(op, key))
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        let (op, wire) = (Op::GetStream, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        streams::get_stream(wire, op, key, options).await.map_err(wire.named(op, key))
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let (op, wire) = (Op::Head, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        wire.head(op, key, options).await.map_err(wire.named(op, key))
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        let (op, wire) = (Op::Put, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        let done = match value.len() as u64 > INLINE {
            false => wire.put(op, key, &value, options).await,
            true => Box::pin(self.put_large(op, key, value, options)).await,
        };
        done.map_err(wire.named(op, key))
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let (op, wire) = (Op::PutStream, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        self.put_stream(op, key, body, options).await.map_err(wire.named(op, key))
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let (op, wire) = (Op::Delete, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        wire.delete(op, key, options).await.map_err(wire.named(op, key))
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        // Parts of values come by themselves.
        if options.range.is_some() {
            return derived::get_many_by_one(self, keys, options).await;
        }
        let (op, wire) = (Op::GetMany, &self.wire);
        match wire.begin(op, &options.call) {
            Ok(_busy) => self.read_some(keys, options).await,
            Err(error) => keys.iter().map(|key| Err(wire.named(op, key)(error.clone()))).collect(),
        }
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let (op, wire) = (Op::PutMany, &self.wire);
        match wire.begin(op, call) {
            Ok(_busy) => self.put_some(items, call).await,
            Err(error) => items.iter().map(|item| Err(wire.named(op, &item.key)(error.clone()))).collect(),
        }
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        let (op, wire) = (Op::DeleteMany, &self.wire);
        match derived::check_delete_many(options).and_then(|()| wire.begin(op, &options.call)) {
            Ok(_busy) => self.delete_some(items, &options.call).await,
            Err(error) => items.iter().map(|item| Err(wire.named(op, &item.key)(error.clone()))).collect(),
        }
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        derived::copy_by_stream(self, from, to, options).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let (op, wire) = (Op::Transact, &self.wire);
        let _busy = wire.begin(op, call).map_err(|e| e.at(&wire.id))?;
        self.transact(steps, call).await.map_err(|e| e.during(op).at(&wire.id))
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        if let Err(error) = self.wire.begin(Op::List, &options.call) {
            return stream::once(std::future::ready(Err(error.at(&self.wire.id)))).boxed();
        }
        list::list(&self.wire, options)
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        sweep::sweep(&self.wire, options).await.map_err(|e| e.during(Op::Sweep).at(&self.wire.id))
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        // What the server has acknowledged is as durable as it will be.
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
        self.wire.wait(Op::Close, call).await?;
        self.wire.client.clear();
        Ok(())
    }
}
