//! A collection as a store of its rows, which dumps are made of and read into.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder::vector::{Collection, CollectionOptions, Id, VectorStore};
use larder::{
    ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, Env, Error, ErrorKind, GetOptions, Got,
    Guarantees, HeadOptions, Items, Key, ListOptions, Listed, Meta, Op, PutItem, PutOptions, Removed, Result,
    Step, Store, StoreId, SweepOptions, Swept, Transacted, Version, WriteId, Written, derived,
};
use tokio::sync::OnceCell;

use super::entry;
use super::writer::Writer;

/// Rows that are written together at the most.
const BATCH: usize = 1000;

/// Rows by their keys. Keys of the system space are those of the store below, which has the memory of an import in them.
#[derive(Debug)]
pub(crate) struct RowStore {
    below: Arc<dyn Store>,
    guarantees: Guarantees,
    env: Env,
    options: CollectionOptions,
    writer: OnceCell<Arc<Writer>>,
    /// Why the collection could not be written: whoever imports takes a conflict for one of keys.
    conflict: OnceLock<Error>,
}

impl RowStore {
    /// Over a collection that is opened when its schema is known: from a dump, whose first entry has it.
    pub(crate) fn new(below: Arc<dyn Store>, env: Env, options: CollectionOptions) -> RowStore {
        let mut guarantees = below.guarantees().clone();
        guarantees.batches.put = Some(BATCH);
        guarantees.max_key = Key::MAX_LEN;
        guarantees.listing.ordered = true;
        guarantees.expiry = false;
        guarantees.max_attributes = 0;
        RowStore { below, guarantees, env, options, writer: OnceCell::new(), conflict: OnceLock::new() }
    }

    /// Over a collection that is open.
    pub(crate) fn over(below: Arc<dyn Store>, env: Env, places: Collection) -> RowStore {
        let rows = RowStore::new(below, env, CollectionOptions::new());
        rows.writer.set(Arc::new(Writer::new(places))).expect("it was just made");
        rows
    }

    /// The collection, opened if there is one.
    pub(crate) async fn writer(&self) -> Result<&Writer> {
        let opened = self.writer.get_or_try_init(|| self.open(self.options.clone())).await?;
        Ok(opened)
    }

    /// The conflict that an import met, in place of what it made of that.
    pub(crate) fn met(&self, error: Error) -> Error {
        self.conflict.get().cloned().unwrap_or(error)
    }

    /// The collection, if it was opened.
    pub(crate) fn opened(&self) -> Option<&Writer> {
        self.writer.get().map(|writer| &**writer)
    }

    async fn open(&self, options: CollectionOptions) -> Result<Arc<Writer>> {
        Ok(Arc::new(Writer::new(Collection::open(self.below.clone(), options).await?)))
    }

    async fn take_schema(&self, value: &[u8]) -> Result<()> {
        let schema = entry::decode_schema(value)?;
        let options = self.options.clone().with_schema(schema);
        let there = *self.writer.get_or_try_init(|| self.open(options)).await?.places.schema();
        match there == schema {
            true => Ok(()),
            false => {
                let why = format!("the collection there is another one: {there:?}, not {schema:?}");
                Err(Error::new(ErrorKind::Conflict, Op::Import, why).at(self.below.id()))
            }
        }
    }

    async fn value(&self, key: &Key, call: &Call) -> Result<Option<Bytes>> {
        let places = &self.writer().await?.places;
        if key.as_str() == entry::SCHEMA {
            return entry::encode_schema(places.schema()).map(Some);
        }
        let Some(id) = entry::id(key) else { return Ok(None) };
        Ok(places.get_opts(&id, call).await?.map(|row| entry::encode(&row)))
    }

    /// Writes rows that stand behind each other.
    async fn put_all(&self, items: &[PutItem], call: &Call) -> Result<()> {
        let done = self.try_put_all(items, call).await;
        if let Err(error) = &done
            && error.is(ErrorKind::Conflict)
        {
            let _ = self.conflict.set(error.clone());
        }
        done
    }

    async fn try_put_all(&self, items: &[PutItem], call: &Call) -> Result<()> {
        let mut rows = Vec::with_capacity(items.len());
        for item in items {
            if item.key.as_str() == entry::SCHEMA {
                self.take_schema(&item.value).await?;
                continue;
            }
            let id: Option<Id> = entry::id(&item.key);
            let id = id.ok_or_else(|| {
                Error::new(ErrorKind::Invalid, Op::Import, "this is the key of no row of a collection")
                    .on(&item.key)
                    .hint("larder import reads the dumps of other stores")
            })?;
            rows.push(entry::decode(id, &item.value).map_err(|e| e.on(&item.key))?);
        }
        match rows.is_empty() {
            true => Ok(()),
            false => self.writer().await?.write(rows, call).await,
        }
    }

    fn written(&self) -> Written {
        let id = WriteId::random(&self.env);
        Written::new(Version::of_write(id, []), id, self.guarantees.durability)
    }

    fn no(&self, op: Op) -> Error {
        Error::unsupported(op, "that for the rows of its collection").at(self.below.id())
    }
}

/// The keys of all rows, in their order.
async fn keys(writer: &Writer, call: &Call) -> Result<Vec<Key>> {
    let mut rows = writer.places.scan_opts(call);
    let mut keys = vec![Key::new(entry::SCHEMA)?];
    while let Some(row) = rows.try_next().await? {
        keys.push(entry::key(&row.id)?);
    }
    keys.sort_unstable();
    Ok(keys)
}

#[async_trait]
impl Store for RowStore {
    fn id(&self) -> &StoreId {
        self.below.id()
    }

    fn guarantees(&self) -> &Guarantees {
        &self.guarantees
    }

    fn try_get(&self, _: &Key, _: &GetOptions) -> Option<Result<Got<Bytes>>> {
        None
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        if key.is_system() {
            return self.below.get_opts(key, options).await;
        }
        let Some(value) = self.value(key, &options.call).await? else { return Ok(Got::Absent) };
        let mut meta = Meta::new(key.clone());
        meta.size = Some(value.len() as u64);
        Ok(Got::found(meta, value))
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        derived::stream_by_get(self, key, options).await
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        derived::head_by_get(self, key, options).await
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        if key.is_system() {
            return self.below.put_opts(key, value, options).await;
        }
        let item = PutItem { key: key.clone(), value, options: options.clone() };
        self.put_all(&[item], &options.call).await.map(|()| self.written())
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        derived::put_stream_by_put(self, key, body, options).await
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        match key.is_system() {
            true => self.below.delete_opts(key, options).await,
            false => Err(self.no(Op::Delete)),
        }
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        derived::get_many_by_one(self, keys, options).await
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        let done = self.put_all(&items, call).await;
        items.iter().map(|_| done.clone().map(|()| self.written())).collect()
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

    /// A listing reads the collection once, and holds the keys of its rows.
    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        let Some(writer) = self.writer.get().cloned() else {
            return stream::once(std::future::ready(Err(self.no(Op::List)))).boxed();
        };
        let listed = async move {
            let dims = writer.places.schema().dims;
            let keys = keys(&writer, &options.call).await?;
            let wanted = keys.into_iter().filter(move |key| {
                let name = key.as_str();
                name.starts_with(&options.prefix) && options.start_after.as_deref().is_none_or(|at| name > at)
            });
            Ok::<_, Error>(stream::iter(wanted.map(move |key| {
                let mut meta = Meta::new(key);
                // About: what a listing tells of it decides how it is read.
                meta.stored_size = Some(u64::from(dims) * 4);
                Ok(Listed::Entry(meta))
            })))
        };
        stream::once(listed).try_flatten().boxed()
    }

    async fn sweep(&self, _: &SweepOptions) -> Result<Swept> {
        Ok(Swept::default())
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        self.below.flush(call).await
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        self.below.drain(call).await
    }

    async fn close(&self, _: &Call) -> Result<()> {
        Ok(())
    }
}
