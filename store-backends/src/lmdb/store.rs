//! The store.

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use larder_store_core::env::BoxFuture;
use larder_store_core::{
    Batches, ByteStream, Call, CasScope, Copied, CopyOptions, DeleteItem, DeleteOptions, Durability, Error,
    ErrorKind, GetOptions, Got, Guarantees, HeadOptions, Items, Key, ListOptions, Listed, Op, OpenOptions,
    PutItem, PutOptions, Removed, Result, Retention, Sharing, Step, Store, StoreId, SweepOptions, Swept,
    Transacted, Transactions, Usage, Written, derived,
};

use tokio::task::coop;

use super::body::Body;
use super::config::{LmdbConfig, LmdbRole, LmdbSync};
use super::handle::Handle;
use super::line::Line;
use super::read::{Look, Wanted};
use super::registry::{self, Attempt, User};
use super::shared::Settings;
use super::write::removed;
use super::writer::{SweepOrder, Work};
use super::{keys, list, many, open};
use crate::folder::{self, FolderRules};

/// The largest value: its index of checks, which a stream keeps in memory, has 32 MiB then.
const MAX_VALUE: u64 = 256 << 30;
/// The most steps of a transaction.
const MAX_STEPS: usize = 100_000;
/// The most bytes of values in one.
const MAX_STEP_BYTES: u64 = 256 << 20;
/// How long an opener waits for another one.
const OPENING: Duration = Duration::from_secs(10);
/// How long it pauses before it tries again.
const PAUSE: Duration = Duration::from_millis(1);

/// A store in an LMDB environment. See [the module](super). Clones share one handle: closing one closes all.
#[derive(Clone)]
pub struct LmdbStore {
    line: Arc<Line>,
}

impl LmdbStore {
    /// Opens the store, and creates it if it is missing.
    ///
    /// # Errors
    /// Those of [`LmdbStore::open_with`].
    ///
    /// ```
    /// use larder_store_backends::lmdb::{LmdbConfig, LmdbStore};
    /// use larder_store_core::StoreExt;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("store");
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let store = LmdbStore::open(&LmdbConfig::new(path)).await?;
    /// store.put("user/7", "Anna").await?;
    /// assert_eq!(store.get("user/7").await?.as_deref(), Some(&b"Anna"[..]));
    /// # Ok::<(), larder_store_core::Error>(()) }).unwrap();
    /// ```
    pub async fn open(config: &LmdbConfig) -> Result<LmdbStore> {
        LmdbStore::open_with(config, &OpenOptions::default()).await
    }

    /// Opens the store.
    ///
    /// Two opens in one process share an environment; they must agree on `sync` and the sizes.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for a configuration that makes no sense, another role than the folder was made for, a
    /// store that is missing and not to be created, or that is open with other settings; [`ErrorKind::Unsupported`] for
    /// network file systems, and a folder that another pid namespace uses; [`ErrorKind::Denied`] for a folder or files
    /// that are not this user's alone; [`ErrorKind::Corrupt`] for damage (a cache begins anew instead, unless another
    /// process has it open); [`ErrorKind::Full`]; [`ErrorKind::Unavailable`].
    pub async fn open_with(config: &LmdbConfig, options: &OpenOptions) -> Result<LmdbStore> {
        config.check()?;
        let role = config.role_as(options.role);
        config.check_role(role, options.role)?;
        let deadline = options.env.now() + OPENING;
        loop {
            if let Some(handle) = open_once(config, options).await? {
                let reopen = (role == LmdbRole::Cache).then(|| (config.clone(), options.clone()));
                return Ok(LmdbStore { line: Arc::new(Line::new(handle, reopen)) });
            }
            if options.env.now() >= deadline {
                let why = format!("another process has been opening {} for long", config.path.display());
                return Err(Error::new(ErrorKind::Unavailable, Op::Open, why)
                    .hint("is one of its processes stopped (SIGSTOP, a debugger, a frozen container)?"));
            }
            options.env.sleep(PAUSE).await;
        }
    }

    /// How often the cache in this folder was thrown away for damage and began anew; 0 for an origin.
    pub fn begun_anew(&self) -> u64 {
        self.line.newest().shared.guard.begun_anew()
    }
}

/// Opens once. `None` if another process is opening or destroying the store.
pub(super) async fn open_once(config: &LmdbConfig, options: &OpenOptions) -> Result<Option<Handle>> {
    let role = config.role_as(options.role);
    let Attempt::Done(user) = attempt(config, role, options).await? else { return Ok(None) };
    let id = StoreId::new("lmdb", user.path().display().to_string(), "record");
    let guarantees = guarantees(&user.shared().settings);
    Ok(Some(Handle::new(id, guarantees, options.env.clone(), user)))
}

/// Opens once, on a thread that may block.
async fn attempt(config: &LmdbConfig, role: LmdbRole, options: &OpenOptions) -> Result<Attempt<User>> {
    let (config, create, env) = (config.clone(), options.create_if_missing, options.env.clone());
    let inflight = larder_store_core::env::InFlight::new();
    options
        .env
        .blocking(Op::Open, &inflight, move || {
            let rules = FolderRules { op: Op::Open, create, network: false };
            let folder = folder::check(&config.path, &rules)?;
            let fits = |settings: &Settings| fits(&config, role, settings);
            registry::join(folder.id, &folder.path, fits, || open::open(&folder, &config, role, create, &env))
        })
        .await
}

/// Refuses a second open in this process that wants other settings.
fn fits(config: &LmdbConfig, role: LmdbRole, settings: &Settings) -> Result<()> {
    let (map_size, max_size) = config.sizes();
    let is_origin = role == LmdbRole::Origin;
    let differs = [
        ("role", role != settings.role),
        ("sync", (config.sync_as(role) == LmdbSync::Full) != settings.sync),
        ("max_size", is_origin && max_size != settings.max_size),
        ("map_size", is_origin && map_size != settings.map_size),
        ("capacity", config.capacity.is_some() && config.capacity != settings.capacity),
    ];
    match differs.into_iter().find(|(_, differs)| *differs) {
        Some((what, _)) => Err(registry::differs(what)),
        None => Ok(()),
    }
}

fn guarantees(settings: &Settings) -> Guarantees {
    let mut guarantees = Guarantees::in_process();
    guarantees.cas = CasScope::Host;
    guarantees.sharing = Sharing::Host;
    guarantees.durability = if settings.sync { Durability::Durable } else { Durability::Host };
    guarantees.max_key = keys::MAX_KEY;
    guarantees.max_value = MAX_VALUE;
    guarantees.batches = Batches { get: Some(many::GETS), put: Some(many::PUTS), delete: Some(many::PUTS) };
    guarantees.transactions = Some(Transactions { max_steps: MAX_STEPS, max_bytes: MAX_STEP_BYTES });
    if settings.is_cache() {
        guarantees.retention = Retention::MayEvict;
    }
    guarantees
}

#[async_trait]
impl Store for LmdbStore {
    fn id(&self) -> &StoreId {
        &self.line.first().id
    }

    fn guarantees(&self) -> &Guarantees {
        &self.line.first().guarantees
    }

    fn folder(&self) -> Option<&Path> {
        Some(Path::new(self.line.first().id.place()))
    }

    fn usage(&self) -> Usage {
        self.line.newest().shared.usage()
    }

    #[inline]
    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        let (op, handle) = (Op::Get, &**self.line.newest());
        let begun =
            handle.begin(op, &options.call).and_then(|()| handle.guarantees.check_get(op, key, options));
        if let Err(error) = begun {
            // Who can wait may see another handle in its place.
            return if handle.is_retired() { None } else { Some(Err(handle.named(op, key)(error))) };
        }
        let wanted = Wanted::of(options);
        match handle.try_read(op, |snapshot| handle.look(snapshot, op, key, &wanted))? {
            Ok(Look::Got(got)) => Some(Ok(got)),
            Ok(Look::Parts(_)) => None,
            Err(error) => Some(Err(handle.named(op, key)(error))),
        }
    }

    // Written out: most answers are there at once, and the future of the others is large.
    fn get_opts<'s, 'k, 'o, 'f>(
        &'s self,
        key: &'k Key,
        options: &'o GetOptions,
    ) -> BoxFuture<'f, Result<Got<Bytes>>>
    where
        's: 'f,
        'k: 'f,
        'o: 'f,
        Self: 'f,
    {
        Box::pin(Get { store: self, key, options, slow: None })
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        let (op, handle) = (Op::GetStream, self.line.ready().await);
        let done = async {
            handle.begin(op, &options.call)?;
            handle.guarantees.check_get(op, key, options)?;
            let wanted = Wanted::of(options);
            match handle.read(op, |snapshot| handle.look(snapshot, op, key, &wanted)).await? {
                Look::Got(got) => Ok(got.map(derived::pieces)),
                Look::Parts(parts) => {
                    let (head, meta) = *parts;
                    let Some(parts) = head.parts else { return Ok(Got::Absent) };
                    let call = options.call.clone();
                    let body = Body::new(handle.clone(), op, call, head, parts, options.range)?;
                    Ok(Got::found(meta, body.stream()))
                }
            }
        };
        done.await.map_err(handle.named(op, key))
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let (op, handle) = (Op::Head, self.line.ready().await);
        let done = async {
            handle.begin(op, &options.call)?;
            handle.guarantees.check_key(op, key)?;
            let (unless, only) = (options.unless.as_ref(), options.only.as_ref());
            let wanted = Wanted { range: None, unless, only, body: false };
            let look = handle.read(op, |snapshot| handle.look(snapshot, op, key, &wanted)).await?;
            Ok(match look {
                Look::Got(got) => got.map(drop),
                Look::Parts(parts) => Got::found(parts.1, ()),
            })
        };
        done.await.map_err(handle.named(op, key))
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        let op = Op::Put;
        let handle = self.line.ready().await;
        handle.put(op, key, &value, options).await.map_err(handle.named(op, key))
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let op = Op::PutStream;
        let handle = self.line.ready().await;
        handle.put_stream(op, key, body, options).await.map_err(handle.named(op, key))
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let (op, handle) = (Op::Delete, self.line.ready().await);
        let done = async {
            handle.begin(op, &options.call)?;
            let item = DeleteItem { key: key.clone(), only: options.only.clone() };
            let change = handle.deletion(op, &item)?;
            handle.submit_one(op, &options.call, change).await.map(removed)
        };
        done.await.map_err(handle.named(op, key))
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        self.line.ready().await.get_many(keys, options).await
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        self.line.ready().await.put_many(items, call).await
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        self.line.ready().await.delete_many(items, options).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        derived::copy_by_stream(self, from, to, options).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let done = self.line.ready().await.transact(steps, call).await;
        done.map_err(|e| e.during(Op::Transact).at(self.id()))
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        list::list(self.line.newest().clone(), options)
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        let (op, handle) = (Op::Sweep, self.line.ready().await);
        handle.begin(op, &options.call)?;
        let now = handle.env.wall();
        let order = SweepOrder { now, older_than: options.older_than, dry_run: options.dry_run };
        let swept = options.call.guard(&handle.env, op, handle.ask(op, |reply| Work::Sweep(order, reply)));
        swept.await.map_err(|e| e.at(&handle.id))
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        let (op, handle) = (Op::Flush, self.line.ready().await);
        handle.begin(op, call)?;
        call.guard(&handle.env, op, handle.ask(op, Work::Flush)).await.map_err(|e| e.at(&handle.id))
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        let handle = self.line.newest();
        handle.begin(Op::Drain, call)?;
        handle.drain(call).await.map_err(|e| e.at(&handle.id))
    }

    async fn close(&self, call: &Call) -> Result<()> {
        self.line.close(call).await.map_err(|e| e.at(self.id()))
    }
}

/// A get: at once when it is first polled, or else patiently.
struct Get<'f> {
    store: &'f LmdbStore,
    key: &'f Key,
    options: &'f GetOptions,
    slow: Option<BoxFuture<'f, Result<Got<Bytes>>>>,
}

impl Future for Get<'_> {
    type Output = Result<Got<Bytes>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (store, key, options) = (self.store, self.key, self.options);
        if let Some(slow) = &mut self.slow {
            return slow.as_mut().poll(context);
        }
        // A task that only reads lets others run from time to time.
        let turn = ready!(coop::poll_proceed(context));
        if let Some(got) = store.try_get(key, options) {
            turn.made_progress();
            return Poll::Ready(got);
        }
        let slow = self.slow.insert(Box::pin(store.get_patiently(key, options)));
        slow.as_mut().poll(context)
    }
}

impl LmdbStore {
    async fn get_patiently(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        let (op, handle) = (Op::Get, self.line.ready().await);
        let done = async {
            handle.begin(op, &options.call)?;
            handle.guarantees.check_get(op, key, options)?;
            let wanted = Wanted::of(options);
            let look = handle.read(op, |snapshot| handle.look(snapshot, op, key, &wanted)).await;
            handle.finish_get(op, key, options, look).await
        };
        done.await.map_err(handle.named(op, key))
    }
}

impl fmt::Debug for LmdbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LmdbStore({})", self.id())
    }
}
