//! A correct store in which some methods are replaced by wrong ones.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use larder_store_core::conformance::{Minimum, Place, Reference, ReferenceSubject, Subject};
use larder_store_core::{
    ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, Env, GetOptions, Got, Guarantees,
    HeadOptions, Items, Key, ListOptions, Listed, PutItem, PutOptions, Removed, Result, Step, Store, StoreId,
    SweepOptions, Swept, Transacted, Written,
};

/// What a broken store does wrong: the methods that it replaces. All others are right.
#[async_trait]
pub(crate) trait Quirk: Debug + Send + Sync + 'static {
    /// The environment that its stores run in.
    fn env(&self, given: &Env) -> Env {
        given.clone()
    }

    /// What becomes of the data when another handle is opened.
    fn reopened(&self, store: &Reference) {
        let _ = store;
    }

    fn guarantees<'a>(&'a self, store: &'a Reference) -> &'a Guarantees {
        store.guarantees()
    }

    fn id<'a>(&'a self, store: &'a Reference) -> &'a StoreId {
        store.id()
    }

    fn try_get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Option<Result<Got<Bytes>>> {
        store.try_get(key, o)
    }

    async fn get(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        store.get_opts(key, o).await
    }

    async fn get_stream(&self, store: &Reference, key: &Key, o: &GetOptions) -> Result<Got<ByteStream>> {
        store.get_stream_opts(key, o).await
    }

    async fn head(&self, store: &Reference, key: &Key, o: &HeadOptions) -> Result<Got<()>> {
        store.head_opts(key, o).await
    }

    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        store.put_opts(key, value, o).await
    }

    async fn put_stream(
        &self,
        store: &Reference,
        key: &Key,
        b: ByteStream,
        o: &PutOptions,
    ) -> Result<Written> {
        store.put_stream_opts(key, b, o).await
    }

    async fn delete(&self, store: &Reference, key: &Key, o: &DeleteOptions) -> Result<Removed> {
        store.delete_opts(key, o).await
    }

    async fn get_many(&self, store: &Reference, keys: &[Key], o: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        store.get_many_opts(keys, o).await
    }

    async fn put_many(&self, store: &Reference, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        store.put_many_opts(items, call).await
    }

    async fn delete_many(
        &self,
        store: &Reference,
        items: Vec<DeleteItem>,
        o: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        store.delete_many_opts(items, o).await
    }

    async fn copy(&self, store: &Reference, from: &Key, to: &Key, o: &CopyOptions) -> Result<Copied> {
        store.copy_opts(from, to, o).await
    }

    async fn transact(&self, store: &Reference, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        store.transact_opts(steps, call).await
    }

    fn list(&self, store: &Reference, o: ListOptions) -> Items<Listed> {
        store.list_opts(o)
    }

    async fn sweep(&self, store: &Reference, o: &SweepOptions) -> Result<Swept> {
        store.sweep(o).await
    }

    async fn flush(&self, store: &Reference, call: &Call) -> Result<()> {
        store.flush(call).await
    }

    async fn drain(&self, store: &Reference, call: &Call) -> Result<()> {
        store.drain(call).await
    }

    async fn close(&self, store: &Reference, call: &Call) -> Result<()> {
        store.close(call).await
    }
}

#[derive(Debug)]
struct Broken {
    store: Reference,
    quirk: Arc<dyn Quirk>,
}

#[async_trait]
impl Store for Broken {
    fn id(&self) -> &StoreId {
        self.quirk.id(&self.store)
    }

    fn guarantees(&self) -> &Guarantees {
        self.quirk.guarantees(&self.store)
    }

    fn try_get(&self, key: &Key, o: &GetOptions) -> Option<Result<Got<Bytes>>> {
        self.quirk.try_get(&self.store, key, o)
    }

    async fn get_opts(&self, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        self.quirk.get(&self.store, key, o).await
    }

    async fn get_stream_opts(&self, key: &Key, o: &GetOptions) -> Result<Got<ByteStream>> {
        self.quirk.get_stream(&self.store, key, o).await
    }

    async fn head_opts(&self, key: &Key, o: &HeadOptions) -> Result<Got<()>> {
        self.quirk.head(&self.store, key, o).await
    }

    async fn put_opts(&self, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        self.quirk.put(&self.store, key, value, o).await
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, o: &PutOptions) -> Result<Written> {
        self.quirk.put_stream(&self.store, key, body, o).await
    }

    async fn delete_opts(&self, key: &Key, o: &DeleteOptions) -> Result<Removed> {
        self.quirk.delete(&self.store, key, o).await
    }

    async fn get_many_opts(&self, keys: &[Key], o: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        self.quirk.get_many(&self.store, keys, o).await
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        self.quirk.put_many(&self.store, items, call).await
    }

    async fn delete_many_opts(&self, items: Vec<DeleteItem>, o: &DeleteOptions) -> Vec<Result<Removed>> {
        self.quirk.delete_many(&self.store, items, o).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, o: &CopyOptions) -> Result<Copied> {
        self.quirk.copy(&self.store, from, to, o).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        self.quirk.transact(&self.store, steps, call).await
    }

    fn list_opts(&self, o: ListOptions) -> Items<Listed> {
        self.quirk.list(&self.store, o)
    }

    async fn sweep(&self, o: &SweepOptions) -> Result<Swept> {
        self.quirk.sweep(&self.store, o).await
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        self.quirk.flush(&self.store, call).await
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        self.quirk.drain(&self.store, call).await
    }

    async fn close(&self, call: &Call) -> Result<()> {
        self.quirk.close(&self.store, call).await
    }
}

/// A subject whose stores have a quirk. The handles of a place share the quirk's state.
pub(crate) struct Quirky {
    name: &'static str,
    make: Box<dyn Fn() -> Arc<dyn Quirk> + Send + Sync>,
    inner: ReferenceSubject,
    quirks: Mutex<HashMap<String, Arc<dyn Quirk>>>,
}

impl Debug for Quirky {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Quirky {
    pub(crate) fn new<Q: Quirk>(
        name: &'static str,
        promises: Guarantees,
        make: impl Fn() -> Q + Send + Sync + 'static,
    ) -> Quirky {
        let inner = ReferenceSubject::with(promises, Minimum::MEMORY);
        Quirky { name, make: Box::new(move || Arc::new(make())), inner, quirks: Mutex::default() }
    }
}

#[async_trait]
impl Subject for Quirky {
    fn name(&self) -> &str {
        self.name
    }

    fn minimum(&self) -> Minimum {
        Minimum::MEMORY
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let mut quirks = self.quirks.lock().unwrap();
        let known = quirks.get(place.name()).cloned();
        let quirk = known.clone().unwrap_or_else(|| (self.make)());
        quirks.insert(place.name().to_owned(), quirk.clone());
        let place = Place::new(place.name(), quirk.env(place.env()));
        let store = self.inner.handle(&place);
        if known.is_some() {
            quirk.reopened(&store);
        }
        Ok(Arc::new(Broken { store, quirk }))
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        self.inner.remove(place).await
    }
}
