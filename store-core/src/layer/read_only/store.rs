//! The contract without its writes.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use super::ReadOnly;
use crate::call::Call;
use crate::error::{Op, Result};
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

#[async_trait]
impl<S: Store> Store for ReadOnly<S> {
    fn id(&self) -> &StoreId {
        self.inner.id()
    }

    fn guarantees(&self) -> &Guarantees {
        &self.guarantees
    }

    fn layers(&self) -> Layers {
        self.inner.layers()
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
        self.inner.get_opts(key, options).await
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        self.inner.get_stream_opts(key, options).await
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        self.inner.head_opts(key, options).await
    }

    async fn put_opts(&self, key: &Key, _value: Bytes, _options: &PutOptions) -> Result<Written> {
        Err(self.refusal(Op::Put).on(key))
    }

    async fn put_stream_opts(&self, key: &Key, _body: ByteStream, _options: &PutOptions) -> Result<Written> {
        Err(self.refusal(Op::PutStream).on(key))
    }

    async fn delete_opts(&self, key: &Key, _options: &DeleteOptions) -> Result<Removed> {
        Err(self.refusal(Op::Delete).on(key))
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        self.inner.get_many_opts(keys, options).await
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, _call: &Call) -> Vec<Result<Written>> {
        items.iter().map(|item| Err(self.refusal(Op::PutMany).on(&item.key))).collect()
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        _options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        items.iter().map(|item| Err(self.refusal(Op::DeleteMany).on(&item.key))).collect()
    }

    async fn copy_opts(&self, _from: &Key, to: &Key, _options: &CopyOptions) -> Result<Copied> {
        Err(self.refusal(Op::Copy).on(to))
    }

    async fn transact_opts(&self, _steps: Vec<Step>, _call: &Call) -> Result<Transacted> {
        Err(self.refusal(Op::Transact))
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        self.inner.list_opts(options)
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        match options.dry_run {
            true => self.inner.sweep(options).await,
            false => Err(self.refusal(Op::Sweep).hint("a dry run only counts")),
        }
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
