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

use super::config::ONE_REQUEST;
use super::wire::Wire;
use super::{copy, delete, list, stream as streams, sweep, upload};

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
        let done = match value.len() as u64 > ONE_REQUEST {
            false => wire.put(op, key, value, options).await,
            true => {
                let mut options = options.clone();
                options.size_hint = options.size_hint.or(Some(value.len() as u64));
                let pieces = derived::pieces(value);
                Box::pin(upload::put_stream(wire, &self.retries, op, key, pieces, &options)).await
            }
        };
        done.map_err(wire.named(op, key))
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let (op, wire) = (Op::PutStream, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        upload::put_stream(wire, &self.retries, op, key, body, options).await.map_err(wire.named(op, key))
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let (op, wire) = (Op::Delete, &self.wire);
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, key))?;
        wire.delete(op, key, options).await.map_err(wire.named(op, key))
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        derived::get_many_by_one(self, keys, options).await
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        derived::put_many_by_one(self, items, call).await
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        // Who wants to be told asks for each, and what is named twice is removed in its order.
        if options.tell || items.len() < 2 || !delete::distinct(&items) {
            return derived::delete_many_by_one(self, items, options).await;
        }
        let op = Op::DeleteMany;
        let begun = derived::check_delete_many(options).and_then(|()| self.wire.begin(op, &options.call));
        let _busy = match begun {
            Ok(busy) => busy,
            Err(error) => {
                return items.iter().map(|i| Err(self.wire.named(op, &i.key)(error.clone()))).collect();
            }
        };
        self.wire.delete_batch(&items, &options.call).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        let (op, wire) = (Op::Copy, &self.wire);
        if !copy::is_offered(wire, from, to) {
            return derived::copy_by_stream(self, from, to, options).await;
        }
        let _busy = wire.begin(op, &options.call).map_err(wire.named(op, to))?;
        copy::copy(wire, &self.retries, op, from, to, options).await.map_err(wire.named(op, to))
    }

    async fn transact_opts(&self, steps: Vec<Step>, _: &Call) -> Result<Transacted> {
        derived::no_transact(self, &steps)
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
