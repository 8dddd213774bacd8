//! `cargo run --release --example custom_backend`
//!
//! A store of your own: an ordered map of records. It does the least by itself, leaves the rest to `larder::derived`,
//! registers its URL scheme, and is put through the same suite as Larder's own stores.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder::config::{Param, StoreConfig};
use larder::derived::{self, Cursor, Delimited};
use larder::{
    Backend, ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, Deleted, Destroy, Durability,
    Env, GetOptions, Got, Guarantees, HeadOptions, Items, Key, ListOptions, Listed, Meta, Op, OpenOptions,
    PutItem, PutOptions, Registry, Removed, Result, Step, Store, StoreExt, StoreId, SweepOptions, Swept,
    Transacted, Version, WriteId, Written,
};
use larder_store_core::conformance::{self, Minimum, Options, Place, Subject};

type Values = BTreeMap<(bool, String), (Meta, Bytes)>;

/// Values in a map. Its clones share them, as handles do.
#[derive(Debug, Clone)]
struct Shelf {
    id: StoreId,
    guarantees: Guarantees,
    values: Arc<Mutex<Values>>,
    closed: Arc<AtomicBool>,
    env: Env,
}

impl Shelf {
    fn new(place: &str, env: Env) -> Shelf {
        let mut guarantees = Guarantees::in_process();
        guarantees.max_value = 4 << 30;
        let id = StoreId::new("shelf", place, "object");
        Shelf { id, guarantees, values: Arc::default(), closed: Arc::default(), env }
    }

    /// Refuses what comes too late; else lets nobody between reading and writing.
    fn begin(&self, op: Op, call: &Call) -> Result<MutexGuard<'_, Values>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(larder_store_core::closed(op, &self.id));
        }
        call.check(&self.env, op).map_err(|e| e.at(&self.id))?;
        Ok(self.values.lock().expect("nothing panics while it holds this"))
    }

    fn alive<'v>(&self, values: &'v Values, key: &Key) -> Option<&'v (Meta, Bytes)> {
        let found = values.get(&(key.is_system(), key.as_str().to_owned()))?;
        let expired = found.0.expires.is_some_and(|at| at.is_past(self.env.wall()));
        (!expired).then_some(found)
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        let values = self.begin(Op::Get, &options.call)?;
        self.guarantees.check_get(Op::Get, key, options)?;
        let Some((meta, value)) = self.alive(&values, key) else { return Ok(Got::Absent) };
        if let Some(version) = &meta.version
            && !options.admits(version)?
        {
            return Ok(Got::Unchanged(meta.clone()));
        }
        let body = match options.range {
            None => value.clone(),
            Some(range) => {
                let range = range.resolve(value.len() as u64)?;
                value.slice(range.start as usize..range.end as usize)
            }
        };
        Ok(Got::found(meta.clone(), body))
    }

    fn put_now(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        let mut values = self.begin(Op::Put, &options.call)?;
        self.guarantees.check_put(Op::Put, key, options, Some(value.len() as u64))?;
        let current = self.alive(&values, key).and_then(|(meta, _)| meta.version.as_ref());
        let predecessors = options.pre.check(Op::Put, current)?;
        let write_id = options.write_id.unwrap_or_else(|| WriteId::random(&self.env));
        let version = Version::of_write(write_id, predecessors);
        let mut meta = Meta::new(key.clone());
        meta.size = Some(value.len() as u64);
        meta.version = Some(version.clone());
        meta.modified = Some(self.env.wall());
        meta.expires = Some(options.expires.into());
        meta.attributes = Some(options.attributes.clone());
        meta.write_id = Some(write_id);
        values.insert((key.is_system(), key.as_str().to_owned()), (meta, value));
        Ok(Written::new(version, write_id, Durability::Process))
    }

    fn delete_now(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let mut values = self.begin(Op::Delete, &options.call)?;
        self.guarantees.check_delete(Op::Delete, key, options.only.is_some())?;
        let current = self.alive(&values, key);
        let existed = if current.is_some() { Deleted::Yes } else { Deleted::No };
        let version = current.and_then(|(meta, _)| meta.version.as_ref());
        larder_store_core::check_only(Op::Delete, options.only.as_ref(), version)?;
        values.remove(&(key.is_system(), key.as_str().to_owned()));
        Ok(Removed::new(existed))
    }

    /// The next items of a listing; none is the end.
    fn list_next(&self, cursor: &mut Cursor, options: &ListOptions) -> Result<Vec<Listed>> {
        let values = self.begin(Op::List, &options.call)?;
        let system = options.space() == larder_store_core::system::Space::System;
        let mut items = Vec::new();
        let mut after = values.iter().filter(|((space, _), _)| *space == system);
        while let Some((bound, counts)) = cursor.place().and_then(|place| place.bound()) {
            let next = after.find(|((_, key), (meta, _))| {
                let past = if counts { key.as_bytes() >= &bound[..] } else { key.as_bytes() > &bound[..] };
                past && !meta.expires.is_some_and(|at| at.is_past(self.env.wall()))
            });
            let Some(((_, key), (meta, _))) = next else { break };
            match cursor.meet(key) {
                Delimited::End => break,
                met => items.extend(met.listed(|| meta.clone())),
            }
        }
        Ok(items)
    }

    fn name<'a>(&'a self, op: Op, key: &'a Key) -> impl Fn(larder::Error) -> larder::Error + 'a {
        move |error| error.during(op).at(&self.id).on(key)
    }
}

#[async_trait]
impl Store for Shelf {
    fn id(&self) -> &StoreId {
        &self.id
    }

    fn guarantees(&self) -> &Guarantees {
        &self.guarantees
    }

    fn try_get(&self, _: &Key, _: &GetOptions) -> Option<Result<Got<Bytes>>> {
        None // The lock may be held: the caller asks `get_opts`.
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.get_now(key, options).map_err(self.name(Op::Get, key))
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        derived::stream_by_get(self, key, options).await
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        derived::head_by_get(self, key, options).await
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        self.put_now(key, value, options).map_err(self.name(Op::Put, key))
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let put = derived::put_stream_by_put(self, key, body, options);
        options.call.guard(&self.env, Op::PutStream, put).await.map_err(self.name(Op::PutStream, key))
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        self.delete_now(key, options).map_err(self.name(Op::Delete, key))
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

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        drop(self.begin(Op::Transact, call)?);
        derived::no_transact(self, &steps)
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        let (store, cursor) = (self.clone(), Cursor::new(&options));
        // All at once: a store that keeps more than fits in memory would take some items at a time.
        stream::once(async move { store.list_next(&mut { cursor }, &options) })
            .flat_map(|items| match items {
                Ok(items) => stream::iter(items.into_iter().map(Ok)).left_stream(),
                Err(error) => stream::iter([Err(error)]).right_stream(),
            })
            .boxed()
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        self.begin(Op::Sweep, &options.call).map(|_| Swept::default())
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        self.begin(Op::Flush, call).map(drop)
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        self.begin(Op::Drain, call).map(drop)
    }

    async fn close(&self, call: &Call) -> Result<()> {
        call.check(&self.env, Op::Close).map_err(|e| e.at(&self.id))?;
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}

/// `shelf:NAME`
#[derive(Debug)]
struct ShelfBackend;

#[async_trait]
impl Backend for ShelfBackend {
    fn scheme(&self) -> &str {
        "shelf"
    }

    fn params(&self) -> &[Param] {
        &[]
    }

    async fn open(&self, config: &StoreConfig, options: &OpenOptions) -> Result<Arc<dyn Store>> {
        Ok(Arc::new(Shelf::new(config.place(), options.env.clone())))
    }

    async fn exists(&self, _: &StoreConfig, _: &OpenOptions) -> Result<bool> {
        Ok(false) // Each opening makes another one.
    }

    async fn destroy(&self, _: &StoreConfig, _: &OpenOptions) -> Result<Destroy> {
        Err(larder::Error::unsupported(Op::Destroy, "destroying: a shelf goes with its last handle"))
    }
}

/// What the suite needs to know: how to open one. Handles of one place share their values.
#[derive(Debug, Default)]
struct Shelves(Mutex<BTreeMap<String, Shelf>>);

#[async_trait]
impl Subject for Shelves {
    fn name(&self) -> &str {
        "shelf"
    }

    fn minimum(&self) -> Minimum {
        // As memory promises, but for transactions.
        Minimum { transaction: 0, ..Minimum::MEMORY }
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let mut shelves = self.0.lock().expect("nothing panics while it holds this");
        let shelf = shelves
            .entry(place.name().to_owned())
            .or_insert_with(|| Shelf::new(place.name(), place.env().clone()))
            .clone();
        Ok(Arc::new(Shelf { closed: Arc::default(), ..shelf }))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut registry = Registry::new();
    registry.register(ShelfBackend)?;
    let store = registry.open_url("shelf:kitchen", &OpenOptions::new()).await?;
    store.put("jam", "plum").await?;
    println!("{} holds {:?}\n", store.id(), store.get("jam").await?);

    let report = conformance::run(Shelves::default(), &Options::quick()).await;
    println!("{report}");
    report.assert_passed();
    Ok(())
}
