//! The store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use larder_store_core::env::InFlight;
use larder_store_core::{
    ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, GetOptions, Got, Guarantees,
    HeadOptions, Items, Key, ListOptions, Listed, Op, OpenOptions, PutItem, PutOptions, Removed, Result,
    Step, Store, StoreId, SweepOptions, Swept, Transacted, Written, derived,
};

use super::config::{FileConfig, Layout};
use super::error::failed;
use super::handle::Handle;
use super::marker::{self, Marker};
use super::path::KeyPath;
use super::root::Root;
use super::{cached, delete, list, open, put, read, stream, sweep, upload};
use crate::folder;

/// A store in a folder. See [the module](super).
pub struct FileStore(Arc<Handle>);

impl FileStore {
    /// Opens the store, created if it is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](larder_store_core::ErrorKind::Denied) for a folder that is a link, is not this user's
    /// alone, or cannot be written; [`ErrorKind::Invalid`](larder_store_core::ErrorKind::Invalid) for one with files of
    /// others; [`ErrorKind::Unsupported`](larder_store_core::ErrorKind::Unsupported) on a network file system.
    pub async fn open(config: FileConfig) -> Result<FileStore> {
        FileStore::open_with(config, &OpenOptions::default()).await
    }

    /// [`FileStore::open`] with options.
    ///
    /// # Errors
    /// Those of [`FileStore::open`]; [`ErrorKind::Invalid`](larder_store_core::ErrorKind::Invalid) for a store that is
    /// missing and not to be created.
    pub async fn open_with(config: FileConfig, options: &OpenOptions) -> Result<FileStore> {
        let (create, env) = (options.create_if_missing, options.env.clone());
        let work = move || open::open(&config, create, env);
        let handle = options.env.blocking(Op::Open, &InFlight::new(), work).await?;
        Ok(FileStore(Arc::new(handle)))
    }

    /// Whether there is such a store. Creates nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](larder_store_core::ErrorKind::Denied) and others where that cannot be told.
    pub async fn exists(config: FileConfig, options: &OpenOptions) -> Result<bool> {
        let op = Op::Exists;
        let work = move || {
            let Some(folder) = folder::find(config.path(), &open::rules(op, &config, false))? else {
                return Ok(false);
            };
            Ok(match marker::look(op, &folder.fd)? {
                Marker::Store { layout, .. } => {
                    marker::check_layout(op, layout, config.layout)?;
                    true
                }
                Marker::Foreign => config.layout == Layout::Raw,
                Marker::Empty => false,
            })
        };
        options.env.blocking(op, &InFlight::new(), work).await
    }

    #[cfg(test)]
    pub(super) fn handle(&self) -> &Arc<Handle> {
        &self.0
    }

    async fn get_as(&self, op: Op, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        let handle = &self.0;
        let root = handle.begin(op, &options.call)?;
        handle.guarantees_of(key).check_get(op, key, options)?;
        let path = handle.path_of(op, key)?;
        if let Some(got) = self.get_cached(&root, op, key, &path, options) {
            return got;
        }
        let (inner, key, wanted) = (handle.clone(), key.clone(), options.clone());
        let read = handle.blocking(op, move || read::get(&inner, &root, op, &key, &path, &wanted));
        options.call.guard(&handle.env, op, read).await
    }

    /// Answers a get without waiting for the disk, if that is possible.
    fn get_cached(
        &self,
        root: &Root,
        op: Op,
        key: &Key,
        path: &KeyPath,
        options: &GetOptions,
    ) -> Option<Result<Got<Bytes>>> {
        match self.0.layout_of(key) {
            Layout::Record => cached::get(&self.0, root, op, key, path, options),
            Layout::Raw => None,
        }
    }

    async fn head_as(&self, op: Op, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let handle = &self.0;
        let root = handle.begin(op, &options.call)?;
        handle.guarantees_of(key).check_key(op, key)?;
        let path = handle.path_of(op, key)?;
        let (inner, key, wanted) = (handle.clone(), key.clone(), options.clone());
        let read = handle.blocking(op, move || read::head(&inner, &root, op, &key, &path, &wanted));
        options.call.guard(&handle.env, op, read).await
    }

    async fn stream_as(&self, op: Op, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        let handle = &self.0;
        let root = handle.begin(op, &options.call)?;
        handle.guarantees_of(key).check_get(op, key, options)?;
        let path = handle.path_of(op, key)?;
        let (inner, key, wanted) = (handle.clone(), key.clone(), options.clone());
        let read = handle.blocking(op, move || stream::open(&inner, &root, op, &key, &path, &wanted));
        options.call.guard(&handle.env, op, read).await
    }

    async fn put_as(&self, op: Op, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        let handle = &self.0;
        let root = handle.begin(op, &options.call)?;
        handle.guarantees_of(key).check_put(op, key, options, Some(value.len() as u64))?;
        put::put(handle, root, op, key, value, options).await
    }

    async fn put_stream_as(
        &self,
        op: Op,
        key: &Key,
        body: ByteStream,
        options: &PutOptions,
    ) -> Result<Written> {
        let handle = &self.0;
        let root = handle.begin(op, &options.call)?;
        handle.guarantees_of(key).check_put(op, key, options, options.size_hint)?;
        upload::put_stream(handle, root, op, key, body, options).await
    }

    async fn delete_as(&self, op: Op, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let handle = &self.0;
        let root = handle.begin(op, &options.call)?;
        handle.guarantees_of(key).check_delete(op, key, options.only.is_some())?;
        delete::delete(handle, root, op, key, options).await
    }

    async fn flush_as(&self, op: Op, call: &Call) -> Result<()> {
        let handle = &self.0;
        let root = handle.begin(op, call)?;
        handle.check_sound(op)?;
        // Otherwise each write has seen to it before it returned.
        if handle.syncs() {
            return Ok(());
        }
        let work = handle.blocking(op, move || {
            rustix::fs::syncfs(root.folder()).map_err(|e| failed(op, e, "writing the file system's buffers"))
        });
        call.guard(&handle.env, op, work).await
    }

    async fn wait(&self, op: Op, call: &Call) -> Result<()> {
        let work = async {
            self.0.inflight.wait().await;
            Ok(())
        };
        call.guard(&self.0.env, op, work).await.map_err(|e| e.at(&self.0.id))
    }
}

#[async_trait]
impl Store for FileStore {
    fn id(&self) -> &StoreId {
        &self.0.id
    }

    fn guarantees(&self) -> &Guarantees {
        &self.0.guarantees
    }

    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        // What is wrong with the call is said by `get_opts`.
        let handle = &self.0;
        let root = handle.begin(Op::Get, &options.call).ok()?;
        handle.guarantees_of(key).check_get(Op::Get, key, options).ok()?;
        let path = handle.path_of(Op::Get, key).ok()?;
        let got = self.get_cached(&root, Op::Get, key, &path, options)?;
        Some(got.map_err(handle.named(Op::Get, key)))
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.get_as(Op::Get, key, options).await.map_err(self.0.named(Op::Get, key))
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        self.stream_as(Op::GetStream, key, options).await.map_err(self.0.named(Op::GetStream, key))
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        self.head_as(Op::Head, key, options).await.map_err(self.0.named(Op::Head, key))
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        self.put_as(Op::Put, key, value, options).await.map_err(self.0.named(Op::Put, key))
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        self.put_stream_as(Op::PutStream, key, body, options).await.map_err(self.0.named(Op::PutStream, key))
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        self.delete_as(Op::Delete, key, options).await.map_err(self.0.named(Op::Delete, key))
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
        derived::delete_many_by_one(self, items, options).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        derived::copy_by_stream(self, from, to, options).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, _: &Call) -> Result<Transacted> {
        derived::no_transact(self, &steps)
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        list::list(&self.0, options)
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        sweep::sweep(&self.0, options).await.map_err(|e| e.during(Op::Sweep).at(&self.0.id))
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        self.flush_as(Op::Flush, call).await.map_err(|e| e.at(&self.0.id))
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        self.0.begin(Op::Drain, call)?;
        self.wait(Op::Drain, call).await
    }

    async fn close(&self, call: &Call) -> Result<()> {
        // A call that is over before it begins leaves the store open.
        call.check(&self.0.env, Op::Close).map_err(|e| e.at(&self.0.id))?;
        self.0.shut();
        self.wait(Op::Close, call).await
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileStore({})", self.0.id)
    }
}
