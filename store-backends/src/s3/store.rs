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
    Store, StoreId, SweepOptions, Swept, Transacted, Usage, Versions, Written, derived,
};

use super::config::{Conditions, Layout, ONE_REQUEST, S3Config};
use super::copy;
use super::delete::BATCH;
use super::list::PAGE;
use super::probe::{self, Probe};
use super::single::Single;
use super::wire::Wire;
use crate::object::Service;
use crate::object::name::Names;

/// The largest object: 10,000 parts of up to 5 GiB (Amazon S3 User Guide) come to more, and this is what they may make.
const MAX_OBJECT: u64 = 5 << 40;
/// The largest value in a record, whose checks are held in memory while it is written: 32 MiB of them.
const MAX_RECORD: u64 = 256 << 30;

/// A store in a bucket. See [the module](super).
pub struct S3Store {
    calls: Retry<Single>,
    wire: Arc<Wire>,
}

/// What the service promises, where it is taken at its word.
fn promised(config: &S3Config, names: &Names) -> Guarantees {
    let record = config.layout == Layout::Record;
    let mut g = Guarantees::in_process();
    g.cas = if config.conditions == Conditions::None { CasScope::None } else { CasScope::Global };
    g.conditional_delete = config.conditions != Conditions::None;
    g.versions = if record { Versions::PerWrite } else { Versions::PerContent };
    g.durability = Durability::Durable;
    g.listing =
        Listing { ordered: true, page: Some(PAGE), names_expired: true, times: ListedTimes::OfService };
    g.max_key = names.max_key().min(Key::MAX_LEN);
    g.max_value = if record { MAX_RECORD } else { MAX_OBJECT };
    g.max_attributes = MAX_ATTRIBUTES;
    g.batches = Batches { delete: Some(BATCH), ..Batches::default() };
    g.expiry = true;
    g.ranges = if record { Ranges::Verified } else { Ranges::Unverified };
    g.sharing = Sharing::Global;
    g.late_landing = true;
    g.retention = Retention::Keeps;
    g
}

impl S3Store {
    /// A store in the bucket. Nothing is asked and no credentials are looked for before the first call that needs them,
    /// unless `conditions=probed` says so.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](larder_store_core::ErrorKind::Invalid) for a configuration that makes no sense; those of
    /// [`S3Store::probe`], where it is probed.
    pub async fn open(config: S3Config) -> Result<S3Store> {
        S3Store::open_with(config, &OpenOptions::default()).await
    }

    /// [`S3Store::open`] in another environment.
    ///
    /// # Errors
    /// Those of [`S3Store::open`].
    pub async fn open_with(config: S3Config, options: &OpenOptions) -> Result<S3Store> {
        let store = S3Store::new(config.clone(), options, None)?;
        if config.conditions != Conditions::Probed {
            return Ok(store);
        }
        let probed = store.probe(&Call::default()).await?;
        if !probed.conditions_hold() {
            tracing::warn!(store = %store.wire.id, %probed, "the service ignores conditions: conditional writes are refused");
        }
        S3Store::new(config, options, Some(&probed))
    }

    fn new(config: S3Config, options: &OpenOptions, probed: Option<&Probe>) -> Result<S3Store> {
        config.check()?;
        let names = Names::new(Service::S3, &config.prefix)?;
        let id = StoreId::new("s3", config.place(), config.layout.name()).with_prefix(names.root());
        let mut guarantees = promised(&config, &names);
        if let Some(probed) = probed {
            probe::weaken(probed, &mut guarantees);
        }
        let retry = RetryOptions::new().with_attempts(config.attempts).with_patience(Some(config.patience));
        let retries = Retries::new(retry, options.env.clone())?;
        let wire = Arc::new(Wire::new(config, names, id, guarantees, options.env.clone()));
        let single = Single { wire: wire.clone(), retries: retries.clone() };
        Ok(S3Store { calls: Retry::with_retries(single, retries)?, wire })
    }

    /// Asks the live service whether it keeps what the guarantees say: writes, reads and removes a small object of the
    /// system space, eleven requests in all.
    ///
    /// # Errors
    /// Whatever the requests meet, but for conditions that are ignored: those are in the answer.
    pub async fn probe(&self, call: &Call) -> Result<Probe> {
        probe::probe(self, &self.wire, call).await
    }

    pub(super) fn wire(&self) -> &Arc<Wire> {
        &self.wire
    }

    pub(super) fn retries(&self) -> &Retries {
        self.calls.retries()
    }

    /// Whether the bucket is there and may be listed.
    ///
    /// # Errors
    /// [`ErrorKind::Denied`](larder_store_core::ErrorKind::Denied) and others where that cannot be told.
    pub async fn exists(&self, call: &Call) -> Result<bool> {
        let (op, wire) = (Op::Exists, &self.wire);
        self.calls
            .retries()
            .run(op, call, |_| wire.has_bucket(op, call))
            .await
            .map_err(|e| e.during(op).at(&wire.id))
    }
}

#[async_trait]
impl Store for S3Store {
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
            if size > ONE_REQUEST || options.size_hint.is_some_and(|hint| hint > ONE_REQUEST) {
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
        self.calls.delete_many_opts(items, options).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        match copy::is_offered(&self.wire, from, to) {
            true => self.calls.copy_opts(from, to, options).await,
            // By this store's own streams, each of whose requests is sent again where it fails.
            false => derived::copy_by_stream(self, from, to, options).await,
        }
    }

    async fn transact_opts(&self, steps: Vec<Step>, _: &Call) -> Result<Transacted> {
        derived::no_transact(self, &steps)
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

impl fmt::Debug for S3Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Store({})", self.wire.id)
    }
}
