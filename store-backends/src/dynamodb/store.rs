//! The store: single attempts, sent again.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::layer::Layers;
use larder_store_core::layer::retry::{Retries, Retry, RetryOptions};
use larder_store_core::{
    Batches, ByteStream, Call, CasScope, Copied, CopyOptions, DeleteItem, DeleteOptions, Durability,
    GetOptions, Got, Guarantees, HeadOptions, Items, Key, ListOptions, Listed, ListedTimes, Listing,
    MAX_ATTRIBUTES, Op, OpenOptions, PutItem, PutOptions, Ranges, Removed, Result, Retention, Sharing, Step,
    Store, StoreId, SweepOptions, Swept, Transacted, Transactions, Usage, Versions, Written, derived,
};

use super::config::DynamoConfig;
use super::item::CHUNK;
use super::list::PAGE;
use super::many::{READS, WRITES};
use super::marker::Marked;
use super::name::{MAX_SORT, Names};
use super::probe::{self, Probe};
use super::schema;
use super::single::Single;
use super::transact::MAX_STEPS;
use super::wire::Wire;

/// The largest value: some 2,700 chunks. The service has no limit of its own, and everything here would take more; but
/// each megabyte costs a thousand times what it costs in an object store.
const MAX_VALUE: u64 = 1 << 30;

/// Up to this, a stream is held in memory, so that all of it can be sent again.
const HELD: u64 = CHUNK as u64;

/// A store in a table. See [the module](super).
pub struct DynamoStore {
    calls: Retry<Single>,
    wire: Arc<Wire>,
}

/// What the service promises.
fn promised(config: &DynamoConfig) -> Guarantees {
    let mut g = Guarantees::in_process();
    g.cas = CasScope::Global;
    g.conditional_delete = true;
    g.versions = Versions::PerWrite;
    g.durability = Durability::Durable;
    g.listing =
        Listing { ordered: true, page: Some(PAGE), names_expired: false, times: ListedTimes::OfWriters };
    g.max_key = MAX_SORT.min(Key::MAX_LEN);
    g.max_value = MAX_VALUE;
    g.max_attributes = MAX_ATTRIBUTES;
    g.batches = Batches { get: Some(READS), put: Some(WRITES), delete: Some(WRITES) };
    let most = Transactions { max_steps: MAX_STEPS, max_bytes: MAX_VALUE };
    g.transactions = config.transactions.then_some(most);
    g.expiry = true;
    g.ranges = Ranges::Verified;
    g.sharing = Sharing::Global;
    g.late_landing = true;
    g.retention = Retention::Keeps;
    g
}

impl DynamoStore {
    /// A store in the table. Nothing is asked and no credentials are looked for before the first call that needs them,
    /// unless the table is to be made.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](larder_store_core::ErrorKind::Invalid) for a configuration that makes no sense, and with
    /// `create=true` for a table that has other keys; whatever making the table meets.
    pub async fn open(config: DynamoConfig) -> Result<DynamoStore> {
        DynamoStore::open_with(config, &OpenOptions::default()).await
    }

    /// [`DynamoStore::open`] in another environment.
    ///
    /// # Errors
    /// Those of [`DynamoStore::open`].
    pub async fn open_with(config: DynamoConfig, options: &OpenOptions) -> Result<DynamoStore> {
        config.check()?;
        let create = config.create;
        let names = Names::new(&config.namespace)?;
        let id = StoreId::new("dynamodb", config.place(), "record").with_prefix(names.namespace());
        let retry = RetryOptions::new().with_attempts(config.attempts).with_patience(Some(config.patience));
        let retries = Retries::new(retry, options.env.clone())?;
        let guarantees = promised(&config);
        let wire = Arc::new(Wire::new(config, names, id, guarantees, options.env.clone()));
        let single = Single { wire: wire.clone(), retries: retries.clone() };
        let store = DynamoStore { calls: Retry::with_retries(single, retries)?, wire };
        if create {
            let made = schema::ensure(&store.wire, store.calls.retries(), &Call::default()).await;
            made.map_err(|e| e.during(Op::Open).at(&store.wire.id))?;
        }
        Ok(store)
    }

    /// Asks the live service whether it keeps what the guarantees say: writes, reads and removes a small item of the
    /// system space, some ten requests in all.
    ///
    /// # Errors
    /// Whatever the requests meet, but for conditions that are ignored: those are in the answer.
    pub async fn probe(&self, call: &Call) -> Result<Probe> {
        probe::probe(self, &self.wire, call).await
    }

    /// Whether the table is there, and Larder ever wrote into this namespace of it.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](larder_store_core::ErrorKind::Invalid) for a table with other keys, saying what differs;
    /// [`ErrorKind::Denied`](larder_store_core::ErrorKind::Denied) and others where that cannot be told.
    pub async fn exists(&self, call: &Call) -> Result<bool> {
        Ok(matches!(self.marked(call).await?, Marked::Shards(_)))
    }

    pub(super) async fn marked(&self, call: &Call) -> Result<Marked> {
        let (op, wire) = (Op::Exists, &self.wire);
        let marked = self.calls.retries().run(op, call, |_| wire.marked(op, call)).await;
        marked.map_err(|e| e.during(op).at(&wire.id))
    }

    pub(super) fn single(&self) -> &Single {
        self.calls.inner()
    }
}

#[async_trait]
impl Store for DynamoStore {
    fn id(&self) -> &StoreId {
        self.calls.id()
    }

    fn guarantees(&self) -> &Guarantees {
        self.calls.guarantees()
    }

    fn layers(&self) -> Layers {
        self.calls.layers().with(Layers::LIMIT)
    }

    fn folder(&self) -> Option<&Path> {
        None
    }

    fn usage(&self) -> Usage {
        Usage::UNKNOWN
    }

    fn try_get(&self, _: &Key, _: &GetOptions) -> Option<Result<Got<Bytes>>> {
        None
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.calls.get_opts(key, options).await
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        self.calls.get_stream_opts(key, options).await
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        self.calls.head_opts(key, options).await
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        self.calls.put_opts(key, value, options).await
    }

    async fn put_stream_opts(
        &self,
        key: &Key,
        mut body: ByteStream,
        options: &PutOptions,
    ) -> Result<Written> {
        let (op, wire) = (Op::PutStream, &self.wire);
        let named = wire.named(op, key);
        let _busy = wire.begin(op, &options.call).map_err(&named)?;
        self.guarantees().check_put(op, key, options, options.size_hint).map_err(&named)?;
        // What is small enough is held, and can be sent again.
        let mut begin = Vec::new();
        let mut size = 0;
        loop {
            let piece =
                options.call.guard(&wire.env, op, async { body.try_next().await }).await.map_err(&named)?;
            let Some(piece) = piece else { break };
            size += piece.len() as u64;
            begin.push(piece);
            if size > HELD || options.size_hint.is_some_and(|hint| hint > HELD) {
                let body = stream::iter(begin.into_iter().map(Ok)).chain(body).boxed();
                return self.calls.put_stream_opts(key, body, options).await;
            }
        }
        let value = match begin.len() {
            1 => begin.remove(0),
            _ => begin.concat().into(),
        };
        self.calls.put_opts(key, value, options).await.map_err(|e| e.during(op))
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        self.calls.delete_opts(key, options).await
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        self.calls.get_many_opts(keys, options).await
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        self.calls.put_many_opts(items, call).await
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        self.calls.delete_many_opts(items, options).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        derived::copy_by_stream(self, from, to, options).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        self.calls.transact_opts(steps, call).await
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        self.calls.list_opts(options)
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        self.calls.sweep(options).await
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        self.calls.flush(call).await
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        self.calls.drain(call).await
    }

    async fn close(&self, call: &Call) -> Result<()> {
        self.calls.close(call).await
    }
}

impl fmt::Debug for DynamoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DynamoStore({})", self.wire.id)
    }
}
