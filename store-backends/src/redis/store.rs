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

use super::config::{DurabilityClaim, RedisConfig};
use super::list::PAGE;
use super::many::{GETS, MAX_BYTES, MAX_STEPS, STEPS};
use super::name::Names;
use super::probe::{self, Probe, Server};
use super::single::Single;
use super::upload::{INLINE, MAX_VALUE};
use super::wire::Wire;
use super::{destroy, tls};

/// A store in a Redis server or cluster. See [the module](super).
pub struct RedisStore {
    calls: Retry<Single>,
    wire: Arc<Wire>,
}

/// What every Redis promises.
fn promised(config: &RedisConfig) -> Guarantees {
    let mut g = Guarantees::in_process();
    g.cas = CasScope::GlobalUntilFailover;
    g.conditional_delete = true;
    g.versions = Versions::PerWrite;
    g.durability = Durability::Host;
    g.listing =
        Listing { ordered: true, page: Some(PAGE), names_expired: false, times: ListedTimes::OfWriters };
    g.max_key = Key::MAX_LEN;
    g.max_value = MAX_VALUE;
    g.max_attributes = MAX_ATTRIBUTES;
    g.batches = Batches { get: Some(GETS), put: Some(STEPS), delete: Some(STEPS) };
    // Where keys lie in different slots, only one of them is ever sure to lie in one.
    let max_steps = if config.shards == 1 { MAX_STEPS } else { 1 };
    g.transactions = Some(Transactions { max_steps, max_bytes: MAX_BYTES });
    g.expiry = true;
    g.ranges = Ranges::Verified;
    g.sharing = Sharing::Global;
    g.late_landing = true;
    g.retention = Retention::Keeps;
    g
}

impl RedisStore {
    /// A store in the server. Nothing is asked and no connection is made before the first call that needs one, unless
    /// `durability=probed` says so. The files for TLS are read.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](larder_store_core::ErrorKind::Invalid) for a configuration that makes no sense, and for a
    /// file that cannot be read; those of [`RedisStore::servers`], where it is probed.
    pub async fn open(config: RedisConfig) -> Result<RedisStore> {
        RedisStore::open_with(config, &OpenOptions::default()).await
    }

    /// [`RedisStore::open`] in another environment.
    ///
    /// # Errors
    /// Those of [`RedisStore::open`].
    pub async fn open_with(config: RedisConfig, options: &OpenOptions) -> Result<RedisStore> {
        config.check()?;
        let tls = match config.tls {
            true => Some(tls::client(&config)?),
            false => None,
        };
        let store = RedisStore::new(&config, options, tls.clone(), None)?;
        if config.durability != DurabilityClaim::Probed {
            return Ok(store);
        }
        let servers = store.servers(&Call::default()).await?;
        for server in servers.iter().filter(|server| server.evicts() == Some(true)) {
            tracing::warn!(store = %store.wire.id, %server, "the server drops values when memory is short");
        }
        RedisStore::new(&config, options, tls, Some(&servers))
    }

    fn new(
        config: &RedisConfig,
        options: &OpenOptions,
        tls: Option<Arc<rustls::ClientConfig>>,
        probed: Option<&[Server]>,
    ) -> Result<RedisStore> {
        let names = Names::new(&config.namespace, config.shards)?;
        let id = StoreId::new("redis", config.place(), "record");
        let mut guarantees = promised(config);
        if let Some(servers) = probed {
            probe::apply(servers, &mut guarantees);
        }
        let retry = RetryOptions::new().with_attempts(config.attempts).with_patience(Some(config.patience));
        let retries = Retries::new(retry, options.env.clone())?;
        let wire = Arc::new(Wire::new(config, names, id, guarantees, tls, options.env.clone())?);
        let single = Single { wire: wire.clone(), retries: retries.clone() };
        Ok(RedisStore { calls: Retry::with_retries(single, retries)?, wire })
    }

    /// Asks the live server whether it keeps what the guarantees say: writes, reads and removes a small value of the
    /// system space, and asks for the settings that decide how long it keeps what it is given.
    ///
    /// # Errors
    /// Whatever the requests meet. A setting that an ACL forbids to ask for is `None`.
    pub async fn probe(&self, call: &Call) -> Result<Probe> {
        probe::probe(self, &self.wire, call).await
    }

    /// The settings of the server, or of each primary of the cluster: one request for each.
    ///
    /// # Errors
    /// Whatever the requests meet. A setting that an ACL forbids to ask for is `None`.
    pub async fn servers(&self, call: &Call) -> Result<Vec<Server>> {
        let (op, wire) = (Op::Open, &self.wire);
        let asked = self.calls.retries().run(op, call, |_| probe::servers(wire, call)).await;
        asked.map_err(|e| e.during(op).at(&wire.id))
    }

    /// Whether anything was ever written in the namespace, and not destroyed since.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](larder_store_core::ErrorKind::Denied) and others where that cannot be told.
    pub async fn exists(&self, call: &Call) -> Result<bool> {
        let (op, wire) = (Op::Exists, &self.wire);
        let asked = self.calls.retries().run(op, call, |_| wire.is_there(op, call)).await;
        asked.map_err(|e| e.during(op).at(&wire.id))
    }

    /// What the names of all its keys begin with.
    pub(super) fn root(&self) -> &str {
        self.wire.names.root()
    }

    /// Refuses to destroy what others wrote.
    pub(super) async fn check_destroy(&self) -> Result<()> {
        let (op, wire, call) = (Op::Destroy, &self.wire, Call::default());
        let done = self.calls.retries().run(op, &call, |_| destroy::check(wire, &call)).await;
        done.map_err(|e| e.during(op).at(&wire.id))
    }

    /// Removes every key of the namespace.
    pub(super) async fn destroy(&self) -> Result<()> {
        let (op, wire, call) = (Op::Destroy, &self.wire, Call::default());
        let done = self.calls.retries().run(op, &call, |_| destroy::empty(wire, &call)).await;
        done.map_err(|e| e.during(op).at(&wire.id))
    }
}

#[async_trait]
impl Store for RedisStore {
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
        // What fits one request is sent as one, which can be sent again.
        let mut begin = Vec::new();
        let mut size = 0;
        loop {
            let piece =
                options.call.guard(&wire.env, op, async { body.try_next().await }).await.map_err(&named)?;
            let Some(piece) = piece else { break };
            size += piece.len() as u64;
            begin.push(piece);
            if size > INLINE || options.size_hint.is_some_and(|hint| hint > INLINE) {
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

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisStore({})", self.wire.id)
    }
}
