//! A store that poses as another kind of store.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use larder_store_core::{
    ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, GetOptions, Got, Guarantees,
    HeadOptions, Items, Key, ListOptions, Listed, PutItem, PutOptions, Removed, Result, Sharing, Step, Store,
    StoreId, SweepOptions, Swept, Transacted, Usage, Written,
};

/// The store, with other promises than its own, or other habits.
#[derive(Debug)]
pub struct Posing {
    inner: Arc<dyn Store>,
    guarantees: Guarantees,
    waits: bool,
}

impl Posing {
    /// As it is, but for the objects that it may keep: nobody passes this layer by.
    pub fn new(inner: Arc<dyn Store>) -> Posing {
        Posing { guarantees: inner.guarantees().clone(), inner, waits: false }
    }

    /// It says that no other process shares it, and so offers no place for a fence.
    #[must_use]
    pub fn private(mut self) -> Posing {
        self.guarantees.sharing = Sharing::Process;
        self
    }

    /// It has to be waited for.
    #[must_use]
    pub fn waited_for(mut self) -> Posing {
        self.waits = true;
        self
    }
}

#[async_trait]
impl Store for Posing {
    fn id(&self) -> &StoreId {
        self.inner.id()
    }
    fn guarantees(&self) -> &Guarantees {
        &self.guarantees
    }
    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        if self.waits { None } else { self.inner.try_get(key, options) }
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
    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        self.inner.put_opts(key, value, options).await
    }
    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        self.inner.put_stream_opts(key, body, options).await
    }
    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        self.inner.delete_opts(key, options).await
    }
    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        self.inner.get_many_opts(keys, options).await
    }
    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        self.inner.put_many_opts(items, call).await
    }
    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        self.inner.delete_many_opts(items, options).await
    }
    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        self.inner.copy_opts(from, to, options).await
    }
    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        self.inner.transact_opts(steps, call).await
    }
    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        self.inner.list_opts(options)
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
    fn folder(&self) -> Option<&Path> {
        self.inner.folder().filter(|_| self.guarantees.sharing > Sharing::Process)
    }
    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}
