//! The store over the map.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLockReadGuard, RwLockWriteGuard, TryLockError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_store_core::derived::{self, Cursor};
use larder_store_core::{
    ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, Env, Error, ErrorKind, GetOptions, Got,
    Guarantees, HeadOptions, Items, Key, ListOptions, Listed, Op, PutItem, PutOptions, Removed, Result, Step,
    Store, StoreId, SweepOptions, Swept, Transacted, Transactions, WriteId, Written, closed,
};

use super::map::Map;
use super::names::{self, Shared};

/// Items that a listing takes under the lock at a time.
const LIST_CHUNK: usize = 256;

/// A store in this process. See [the module](super).
pub struct MemoryStore {
    id: StoreId,
    guarantees: Guarantees,
    shared: Shared,
    closed: Arc<AtomicBool>,
    env: Env,
}

impl MemoryStore {
    /// A store of its own, gone with its last handle.
    #[allow(
        clippy::new_without_default,
        reason = "each call makes another store, which `default` would not say"
    )]
    pub fn new() -> MemoryStore {
        MemoryStore::over(names::anonymous(), Shared::default())
    }

    /// The store of that name in this process, made if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a name that is empty or holds a `?`.
    pub fn named(name: &str) -> Result<MemoryStore> {
        if name.is_empty() || name.contains('?') {
            return Err(Error::new(
                ErrorKind::Invalid,
                Op::Open,
                format!("a memory store cannot have the name {name:?}"),
            )
            .hint("a name has at least one character, and no question mark"));
        }
        Ok(MemoryStore::over(name.to_owned(), names::find_or_make(name)))
    }

    /// The store of that name, if there is one.
    pub fn find(name: &str) -> Option<MemoryStore> {
        names::find(name).map(|shared| MemoryStore::over(name.to_owned(), shared))
    }

    fn over(place: String, shared: Shared) -> MemoryStore {
        let mut guarantees = Guarantees::in_process();
        guarantees.max_value = isize::MAX as u64;
        guarantees.transactions = Some(Transactions { max_steps: usize::MAX, max_bytes: isize::MAX as u64 });
        guarantees.batches.get = Some(usize::MAX);
        guarantees.batches.put = Some(usize::MAX);
        guarantees.batches.delete = Some(usize::MAX);
        MemoryStore {
            id: StoreId::new("memory", place, "object"),
            guarantees,
            shared,
            closed: Arc::default(),
            env: Env::system(),
        }
    }

    /// The same store with other clocks and randomness.
    pub fn with_env(mut self, env: Env) -> MemoryStore {
        self.env = env;
        self
    }

    fn named_error<'a>(&'a self, op: Op, key: &'a Key) -> impl Fn(Error) -> Error + 'a {
        move |e| e.during(op).at(&self.id).on(key)
    }

    /// Refuses a call on a closed store, or one that is over before it begins.
    fn begin(&self, op: Op, call: &Call) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed(op, &self.id));
        }
        call.check(&self.env, op).map_err(|e| e.at(&self.id))
    }

    // A panic cannot leave the map half changed: nothing in it panics between two changes.
    fn read(&self) -> RwLockReadGuard<'_, Map> {
        self.shared.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Map> {
        self.shared.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn get_in(&self, map: &Map, op: Op, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.guarantees
            .check_get(op, key, options)
            .and_then(|()| map.get(key, options, || self.env.wall()))
            .map_err(self.named_error(op, key))
    }

    fn put_in(&self, map: &mut Map, op: Op, item: PutItem) -> Result<Written> {
        let key = item.key.clone();
        let size = item.value.len() as u64;
        self.guarantees
            .check_put(op, &key, &item.options, Some(size))
            .and_then(|_| {
                let id = item.options.write_id.unwrap_or_else(|| WriteId::random(&self.env));
                map.put(item, id, self.env.wall())
            })
            .map_err(self.named_error(op, &key))
    }

    fn delete_in(&self, map: &mut Map, op: Op, item: &DeleteItem) -> Result<Removed> {
        self.guarantees
            .check_delete(op, &item.key, item.only.is_some())
            .and_then(|()| map.delete(item, self.env.wall()))
            .map_err(self.named_error(op, &item.key))
    }
}

#[async_trait]
impl Store for MemoryStore {
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
        let map = match self.shared.try_read() {
            Ok(map) => map,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(self.get_in(&map, Op::Get, key, options))
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.begin(Op::Get, &options.call).map_err(|e| e.on(key))?;
        self.get_in(&self.read(), Op::Get, key, options)
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        // The value is shared, not copied: the stream keeps its version whatever is written meanwhile.
        derived::stream_by_get(self, key, options).await
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        derived::head_by_get(self, key, options).await
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        self.begin(Op::Put, &options.call).map_err(|e| e.on(key))?;
        let item = PutItem { key: key.clone(), value, options: options.clone() };
        self.put_in(&mut self.write(), Op::Put, item)
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        self.begin(Op::PutStream, &options.call).map_err(|e| e.on(key))?;
        // Nothing is written before the stream has ended, so a call that is given up meanwhile changed nothing.
        let limit = self.guarantees.max_value;
        self.guarantees
            .check_put(Op::PutStream, key, options, options.size_hint)
            .map_err(self.named_error(Op::PutStream, key))?;
        let whole = options.call.guard(&self.env, Op::PutStream, derived::collect(body, limit)).await;
        let value = whole.map_err(|e| e.at(&self.id).on(key))?;
        self.begin(Op::PutStream, &options.call).map_err(|e| e.on(key))?;
        let item = PutItem { key: key.clone(), value, options: options.clone() };
        self.put_in(&mut self.write(), Op::PutStream, item)
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        self.begin(Op::Delete, &options.call).map_err(|e| e.on(key))?;
        let item = DeleteItem { key: key.clone(), only: options.only.clone() };
        self.delete_in(&mut self.write(), Op::Delete, &item)
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        if let Err(error) = self.begin(Op::GetMany, &options.call) {
            return keys.iter().map(|key| Err(error.clone().on(key))).collect();
        }
        let map = self.read();
        keys.iter().map(|key| self.get_in(&map, Op::GetMany, key, options)).collect()
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        if let Err(error) = self.begin(Op::PutMany, call) {
            return items.iter().map(|item| Err(error.clone().on(&item.key))).collect();
        }
        let mut map = self.write();
        items.into_iter().map(|item| self.put_in(&mut map, Op::PutMany, item)).collect()
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
        let mut map = self.write();
        items.iter().map(|item| self.delete_in(&mut map, Op::DeleteMany, item)).collect()
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        derived::copy_by_stream(self, from, to, options).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        self.begin(Op::Transact, call)?;
        self.guarantees
            .check_transact(&steps)
            .and_then(|()| self.write().transact(steps, || WriteId::random(&self.env), self.env.wall()))
            .map(Transacted::new)
            .map_err(|e| e.during(Op::Transact).at(&self.id))
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        if let Err(error) = self.begin(Op::List, &options.call) {
            return stream::iter([Err(error)]).boxed();
        }
        let listing = Listing {
            cursor: Cursor::new(&options),
            options,
            shared: self.shared.clone(),
            closed: self.closed.clone(),
            env: self.env.clone(),
            id: self.id.clone(),
        };
        stream::unfold(listing, |mut listing| async move {
            let items = listing.next();
            (!items.is_empty()).then_some((stream::iter(items), listing))
        })
        .flatten()
        .boxed()
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
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}

/// A listing under way. It owns its share of the map.
struct Listing {
    cursor: Cursor,
    options: ListOptions,
    shared: Shared,
    closed: Arc<AtomicBool>,
    env: Env,
    id: StoreId,
}

impl Listing {
    fn next(&mut self) -> Vec<Result<Listed>> {
        let over = if self.closed.load(Ordering::Acquire) {
            Err(closed(Op::List, &self.id))
        } else {
            self.options.call.check(&self.env, Op::List).map_err(|e| e.at(&self.id))
        };
        if let Err(error) = over {
            // Reported once; a cursor at its end gives nothing more.
            return match self.cursor.place() {
                Some(_) => {
                    self.cursor = Cursor::new(&ListOptions::new().with_limit(0));
                    vec![Err(error)]
                }
                None => Vec::new(),
            };
        }
        let map = self.shared.read().unwrap_or_else(PoisonError::into_inner);
        map.list(&mut self.cursor, self.options.space(), LIST_CHUNK, self.env.wall())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryStore({})", self.id)
    }
}
