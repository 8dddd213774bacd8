//! The store: single attempts, sent again.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use google_cloud_storage::http::Method;
use larder_store_core::layer::Layers;
use larder_store_core::layer::retry::{Retries, Retry, RetryOptions};
use larder_store_core::{
    Batches, ByteStream, Call, CasScope, Copied, CopyOptions, DeleteItem, DeleteOptions, Durability, Error,
    ErrorKind, GetOptions, Got, Guarantees, HeadOptions, Items, Key, ListOptions, Listed, ListedTimes,
    Listing, MAX_ATTRIBUTES, Meta, Op, OpenOptions, PutItem, PutOptions, Ranges, Removed, Result, Retention,
    Sharing, Step, Store, StoreId, SweepOptions, Swept, Transacted, Usage, Versions, Written, derived,
};

use super::config::{Conditions, GsConfig, ONE_REQUEST};
use super::generations::{self, Generation};
use super::list::PAGE;
use super::presign;
use super::probe::{self, Probe};
use super::single::Single;
use super::wire::Wire;
use crate::object::Service;
use crate::object::name::Names;
use crate::object::presigned::Presigned;

/// The largest object (Cloud Storage, "Quotas & limits").
const MAX_OBJECT: u64 = 5 << 40;

/// A store in a bucket. See [the module](super).
pub struct GsStore {
    calls: Retry<Single>,
    wire: Arc<Wire>,
}

/// What the service promises, where it is taken at its word.
fn promised(config: &GsConfig, names: &Names) -> Guarantees {
    let mut g = Guarantees::in_process();
    g.cas = if config.conditions == Conditions::None { CasScope::None } else { CasScope::Global };
    g.conditional_delete = config.conditions != Conditions::None;
    g.versions = Versions::PerWrite;
    g.durability = Durability::Durable;
    g.listing =
        Listing { ordered: true, page: Some(PAGE), names_expired: true, times: ListedTimes::OfWriters };
    g.max_key = names.max_key().min(Key::MAX_LEN);
    g.max_value = MAX_OBJECT;
    g.max_attributes = MAX_ATTRIBUTES;
    g.batches = Batches::default();
    g.expiry = true;
    g.ranges = Ranges::Unverified;
    g.sharing = Sharing::Global;
    g.late_landing = true;
    g.retention = Retention::Keeps;
    g
}

impl GsStore {
    /// A store in the bucket. Nothing is asked and no credentials are looked for before the first call that needs them,
    /// unless `conditions=probed` says so.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](larder_store_core::ErrorKind::Invalid) for a configuration that makes no sense; those of
    /// [`GsStore::probe`], where it is probed.
    pub async fn open(config: GsConfig) -> Result<GsStore> {
        GsStore::open_with(config, &OpenOptions::default()).await
    }

    /// [`GsStore::open`] in another environment.
    ///
    /// # Errors
    /// Those of [`GsStore::open`].
    pub async fn open_with(config: GsConfig, options: &OpenOptions) -> Result<GsStore> {
        let store = GsStore::new(config.clone(), options, None)?;
        if config.conditions != Conditions::Probed {
            return Ok(store);
        }
        let probed = store.probe(&Call::default()).await?;
        if !probed.conditions_hold() {
            tracing::warn!(store = %store.wire.id, %probed, "the service ignores conditions: conditional writes are refused");
        }
        GsStore::new(config, options, Some(&probed))
    }

    fn new(config: GsConfig, options: &OpenOptions, probed: Option<&Probe>) -> Result<GsStore> {
        config.check()?;
        let names = Names::new(Service::Gs, &config.prefix)?;
        let id = StoreId::new("gs", config.place(), "plain").with_prefix(names.root());
        let mut guarantees = promised(&config, &names);
        if let Some(probed) = probed {
            probe::weaken(probed, &mut guarantees);
        }
        let retry = RetryOptions::new().with_attempts(config.attempts).with_patience(Some(config.patience));
        let retries = Retries::new(retry, options.env.clone())?;
        let wire = Arc::new(Wire::new(config, names, id, guarantees, options.env.clone()));
        let single = Single { wire: wire.clone(), retries: retries.clone(), lists_expired: false };
        Ok(GsStore { calls: Retry::with_retries(single, retries)?, wire })
    }

    /// Asks the live service whether it keeps what the guarantees say: writes, reads and removes a small object of the
    /// system space, eleven requests in all.
    ///
    /// # Errors
    /// Whatever the requests meet, but for conditions that are ignored: those are in the answer.
    pub async fn probe(&self, call: &Call) -> Result<Probe> {
        probe::probe(self, &self.wire, call).await
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

    /// The same store, whose listings also name values that have expired.
    pub(super) fn with_expired(&self) -> Result<Retry<Single>> {
        let single = Single { lists_expired: true, ..self.calls.inner().clone() };
        Retry::with_retries(single, self.calls.retries().clone())
    }

    /// All generations that the bucket keeps of a key, the oldest first, expired or not: of a bucket without object
    /// versioning at most the live one. One request for a thousand of them.
    ///
    /// # Errors
    /// Whatever the request meets.
    pub async fn generations(&self, key: &Key, call: &Call) -> Result<Vec<Generation>> {
        let (op, wire) = (Op::List, &self.wire);
        let named = wire.named(op, key);
        let _busy = wire.begin(op, call).map_err(&named)?;
        let found = self.calls.retries().run(op, call, |_| generations::generations(wire, op, call, key));
        found.await.map_err(&named)
    }

    /// The value of one generation, live or not, expired or not; `None` where the bucket does not keep it. Of `options`,
    /// the range and the call are looked at.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a number that no generation has, and whatever the request meets.
    pub async fn get_generation(
        &self,
        key: &Key,
        generation: i64,
        options: &GetOptions,
    ) -> Result<Option<(Meta, Bytes)>> {
        let (op, wire, call) = (Op::Get, &self.wire, &options.call);
        let named = wire.named(op, key);
        let _busy = wire.begin(op, call).map_err(&named)?;
        self.guarantees().check_get(op, key, options).map_err(&named)?;
        if generation <= 0 {
            let why = format!("{generation} is the number of no generation");
            return Err(named(Error::new(ErrorKind::Invalid, op, why)));
        }
        let name = wire.names.of(op, key)?;
        let mut wanted = GetOptions::new().with_call(call.clone());
        wanted.range = options.range;
        let of = Some(generation);
        let got = self.calls.retries().run(op, call, |_| wire.get_once(op, key, &name, &wanted, of)).await;
        match got.map_err(&named)? {
            Got::Found { meta, body, .. } => Ok(Some((meta, body))),
            _ => Ok(None),
        }
    }

    /// A URL by which whoever has it may read the value with any HTTP client, for so long: whole or by ranges, expired or
    /// not. Nothing is asked, unless the credentials have no key of their own: then Google signs.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the credentials cannot sign (a token, nobody) or the key is none that a URL can
    /// name; [`ErrorKind::Invalid`] for a time of less than a second or above seven days.
    pub async fn presigned_get(&self, key: &Key, lasts: Duration, call: &Call) -> Result<Presigned> {
        self.presigned(Op::Get, Method::GET, key, lasts, call).await
    }

    /// A URL by which whoever has it may write the value with one `PUT`, for so long, whatever stands there: an object as
    /// another tool writes it, without write id, attributes or expiry.
    ///
    /// # Errors
    /// Those of [`GsStore::presigned_get`].
    pub async fn presigned_put(&self, key: &Key, lasts: Duration, call: &Call) -> Result<Presigned> {
        self.presigned(Op::Put, Method::PUT, key, lasts, call).await
    }

    async fn presigned(
        &self,
        op: Op,
        method: Method,
        key: &Key,
        lasts: Duration,
        call: &Call,
    ) -> Result<Presigned> {
        let named = self.wire.named(op, key);
        let _busy = self.wire.begin(op, call).map_err(&named)?;
        presign::sign(&self.wire, op, call, key, method, lasts).await.map_err(&named)
    }
}

#[async_trait]
impl Store for GsStore {
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
        self.calls.copy_opts(from, to, options).await
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

impl fmt::Debug for GsStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GsStore({})", self.wire.id)
    }
}
