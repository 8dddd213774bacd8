//! The store over the shelf.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_store_core::{
    Batches, ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, Env, Error, ErrorKind,
    GetOptions, Got, Guarantees, HeadOptions, Items, Key, ListOptions, Listed, Object, Objects, Op, PutItem,
    PutOptions, Removed, Result, Retention, Step, Store, StoreId, SweepOptions, Swept, Transacted, Usage,
    Written, closed, derived,
};

use super::cost;
use super::held::What;
use super::list::Listing;
use super::name::{Kind, Probe};
use super::shelf::Shelf;
use super::upload;
use crate::memory::names;

/// A cache in this process, which lets go of what was used least recently.
///
/// It never takes more than its capacity, with keys and bookkeeping counted; what finds no room is refused
/// ([`ErrorKind::Full`]). Besides values it keeps [`Objects`], under the same bound and in the same order of use.
pub struct MemoryCache {
    id: StoreId,
    guarantees: Guarantees,
    shelf: Arc<Shelf>,
    closed: Arc<AtomicBool>,
    env: Env,
}

impl MemoryCache {
    /// The smallest capacity: a few entries.
    pub const LEAST: u64 = 64 << 10;
    /// The capacity of a front that is not given one.
    pub const DEFAULT: u64 = 64 << 20;

    /// A cache of so many bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for less than [`MemoryCache::LEAST`].
    ///
    /// ```
    /// use larder_store_backends::memory::MemoryCache;
    /// use larder_store_core::{Store, StoreExt};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let cache = MemoryCache::new(64 << 20)?;
    /// cache.put("user/7", "Anna").await?;
    /// assert_eq!(cache.usage().entries, Some(1));
    /// assert!(cache.usage().bytes.unwrap() <= 64 << 20);
    /// # Ok::<(), larder_store_core::Error>(()) }).unwrap();
    /// ```
    pub fn new(capacity: u64) -> Result<MemoryCache> {
        // More than there are addresses is no bound.
        if !(MemoryCache::LEAST..=1 << 46).contains(&capacity) {
            let why = format!("a memory cache of {capacity} bytes: the capacity must be from 64KiB to 64TiB");
            return Err(Error::new(ErrorKind::Invalid, Op::Open, why)
                .hint("below 64KiB there is hardly room for what is kept about an entry"));
        }
        Ok(MemoryCache::over(Arc::new(Shelf::new(capacity)), names::anonymous()))
    }

    fn over(shelf: Arc<Shelf>, place: String) -> MemoryCache {
        shelf.handles.fetch_add(1, Ordering::Relaxed);
        let mut guarantees = Guarantees::in_process();
        guarantees.max_value = isize::MAX as u64;
        guarantees.batches =
            Batches { get: Some(usize::MAX), put: Some(usize::MAX), delete: Some(usize::MAX) };
        guarantees.retention = Retention::MayEvict;
        let id = StoreId::new("memory", place, "object");
        MemoryCache { id, guarantees, shelf, closed: Arc::default(), env: Env::system() }
    }

    /// The same cache with other clocks and randomness.
    pub fn with_env(mut self, env: Env) -> MemoryCache {
        self.env = env;
        self
    }

    /// Another handle on the same entries, which is closed by itself. The last one that is closed lets go of them.
    pub fn again(&self) -> MemoryCache {
        MemoryCache::over(self.shelf.clone(), self.id.place().to_owned()).with_env(self.env.clone())
    }

    fn named<'a>(&'a self, op: Op, key: &'a Key) -> impl Fn(Error) -> Error + 'a {
        move |e| e.during(op).at(&self.id).on(key)
    }

    /// Refuses a call on a closed store, or one that is over before it begins.
    #[inline]
    fn begin(&self, op: Op, call: &Call) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed(op, &self.id));
        }
        call.check(&self.env, op).map_err(|e| e.at(&self.id))
    }

    #[inline]
    fn read(&self, op: Op, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.guarantees
            .check_get(op, key, options)
            .and_then(|()| self.shelf.answer(key, options, &self.env))
            .map_err(self.named(op, key))
    }

    fn write(&self, op: Op, key: &Key, value: &Bytes, options: &PutOptions) -> Result<Written> {
        let written = || {
            let size = value.len() as u64;
            let attributes = self.guarantees.check_put(op, key, options, Some(size))?;
            let incoming = self.shelf.bring_in(op, key, value, options, attributes.len())?;
            self.shelf.put(op, key, incoming, options, &self.env)
        };
        written().map_err(self.named(op, key))
    }

    fn remove(&self, op: Op, item: &DeleteItem) -> Result<Removed> {
        self.guarantees
            .check_delete(op, &item.key, item.only.is_some())
            .and_then(|()| self.shelf.delete(op, item, &self.env))
            .map_err(self.named(op, &item.key))
    }
}

#[async_trait]
impl Store for MemoryCache {
    fn id(&self) -> &StoreId {
        &self.id
    }

    fn guarantees(&self) -> &Guarantees {
        &self.guarantees
    }

    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        if let Err(error) = self.begin(Op::Get, &options.call) {
            return Some(Err(error.on(key)));
        }
        Some(self.read(Op::Get, key, options))
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.begin(Op::Get, &options.call).map_err(|e| e.on(key))?;
        self.read(Op::Get, key, options)
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        // The value is shared, not copied: the stream keeps its version whatever is evicted meanwhile.
        derived::stream_by_get(self, key, options).await
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        derived::head_by_get(self, key, options).await
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        self.begin(Op::Put, &options.call).map_err(|e| e.on(key))?;
        self.write(Op::Put, key, &value, options)
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let op = Op::PutStream;
        self.begin(op, &options.call).map_err(|e| e.on(key))?;
        let named = self.named(op, key);
        // Nothing is found under the key before the stream has ended: a call that is given up changed nothing.
        let checked = self.guarantees.check_put(op, key, options, options.size_hint);
        let attributes = checked.map_err(&named)?.len();
        let whole = upload::collect(&self.shelf, key, body, options, attributes);
        let incoming = options.call.guard(&self.env, op, whole).await.map_err(&named)?;
        self.begin(op, &options.call).map_err(|e| e.on(key))?;
        self.shelf.put(op, key, incoming, options, &self.env).map_err(&named)
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        self.begin(Op::Delete, &options.call).map_err(|e| e.on(key))?;
        self.remove(Op::Delete, &DeleteItem { key: key.clone(), only: options.only.clone() })
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let read = |key| {
            self.begin(Op::GetMany, &options.call).map_err(|e| e.on(key))?;
            self.read(Op::GetMany, key, options)
        };
        keys.iter().map(read).collect()
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let write = |item: PutItem| {
            self.begin(Op::PutMany, call).map_err(|e| e.on(&item.key))?;
            self.write(Op::PutMany, &item.key, &item.value, &item.options)
        };
        items.into_iter().map(write).collect()
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        let begun =
            self.begin(Op::DeleteMany, &options.call).and_then(|()| derived::check_delete_many(options));
        if let Err(error) = begun {
            return items.iter().map(|item| Err(error.clone().at(&self.id).on(&item.key))).collect();
        }
        items.iter().map(|item| self.remove(Op::DeleteMany, item)).collect()
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        derived::copy_by_stream(self, from, to, options).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        self.begin(Op::Transact, call)?;
        derived::no_transact(self, &steps)
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        if let Err(error) = self.begin(Op::List, &options.call) {
            return stream::iter([Err(error)]).boxed();
        }
        let (shelf, closed) = (self.shelf.clone(), self.closed.clone());
        Listing { options, shelf, closed, env: self.env.clone(), id: self.id.clone() }.stream()
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        // Nothing is ever left behind: an upload is in its caller's hands until it is whole.
        self.begin(Op::Sweep, &options.call)?;
        Ok(Swept::default())
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        self.begin(Op::Flush, call)
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        self.begin(Op::Drain, call)
    }

    async fn close(&self, call: &Call) -> Result<()> {
        call.check(&self.env, Op::Close).map_err(|e| e.at(&self.id))?;
        if !self.closed.swap(true, Ordering::AcqRel) && self.shelf.handles.fetch_sub(1, Ordering::AcqRel) == 1
        {
            self.shelf.clear();
        }
        Ok(())
    }

    fn objects(&self) -> Option<&dyn Objects> {
        Some(self)
    }

    fn usage(&self) -> Usage {
        self.shelf.usage()
    }
}

impl Objects for MemoryCache {
    #[inline]
    fn get(&self, key: &Key) -> Option<Object> {
        if self.closed.load(Ordering::Relaxed) {
            return None;
        }
        self.shelf.get(object(key))?.object()
    }

    fn insert(&self, key: &Key, object: Object, bytes: u64) -> bool {
        let cost = cost::entry(key).saturating_add(bytes);
        let charge = if self.closed.load(Ordering::Acquire) { None } else { self.shelf.room(cost) };
        match charge {
            Some(charge) => self.shelf.insert(self::object(key), What::Object(object), charge),
            None => {
                self.shelf.remove(self::object(key));
                return false;
            }
        }
        true
    }

    fn remove(&self, key: &Key) {
        self.shelf.remove(object(key));
    }
}

fn object(key: &Key) -> Probe<'_> {
    Probe { key, kind: Kind::Object }
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryCache({})", self.id)
    }
}
