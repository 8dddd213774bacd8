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
    PutItem, PutOptions, Removed, Result, Role, Sharing, Step, Store, StoreId, SweepOptions, Swept,
    Transacted, Transactions, Written, derived,
};

use tokio::task::coop;

use super::body::Body;
use super::config::{LmdbConfig, LmdbRole, LmdbSync};
use super::handle::Handle;
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
    handle: Arc<Handle>,
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
    /// store that is missing and not to be created, or that is open here with other settings;
    /// [`ErrorKind::Unsupported`] for `role=cache`, network file systems, and a folder that another pid namespace uses;
    /// [`ErrorKind::Denied`] for a folder or files that are not this user's alone; [`ErrorKind::Corrupt`] for damage;
    /// [`ErrorKind::Full`]; [`ErrorKind::Unavailable`].
    pub async fn open_with(config: &LmdbConfig, options: &OpenOptions) -> Result<LmdbStore> {
        config.check()?;
        let role = config.role_as(options.role);
        if role == LmdbRole::Cache {
            return Err(no_cache(options.role));
        }
        let deadline = options.env.now() + OPENING;
        loop {
            if let Attempt::Done(user) = attempt(config, role, options).await? {
                return Ok(LmdbStore::over(user, config, options));
            }
            if options.env.now() >= deadline {
                let why = format!("another process has been opening {} for long", config.path.display());
                return Err(Error::new(ErrorKind::Unavailable, Op::Open, why)
                    .hint("is one of its processes stopped (SIGSTOP, a debugger, a frozen container)?"));
            }
            options.env.sleep(PAUSE).await;
        }
    }

    fn over(user: User, config: &LmdbConfig, options: &OpenOptions) -> LmdbStore {
        let id = StoreId::new("lmdb", user.path().display().to_string(), "record");
        let handle = Handle::new(id, guarantees(config.sync), options.env.clone(), user);
        LmdbStore { handle: Arc::new(handle) }
    }
}

fn no_cache(role: Role) -> Error {
    let why = match role {
        Role::Front => "an LMDB store above another tier is a cache (role=cache), which is not offered yet",
        _ => "role=cache is not offered yet",
    };
    Error::new(ErrorKind::Unsupported, Op::Open, why)
        .hint("open the LMDB store alone or as the last tier, with role=origin")
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
            let fits = |settings: &Settings| fits(&config, settings);
            registry::join(folder.id, &folder.path, fits, || open::open(&folder, &config, role, create, &env))
        })
        .await
}

/// Refuses a second open in this process that wants other settings.
fn fits(config: &LmdbConfig, settings: &Settings) -> Result<()> {
    if (config.sync == LmdbSync::Full) != settings.sync {
        return Err(registry::differs("sync"));
    }
    if config.max_size as usize != settings.max_size {
        return Err(registry::differs("max_size"));
    }
    if config.map_size as usize != settings.map_size {
        return Err(registry::differs("map_size"));
    }
    Ok(())
}

fn guarantees(sync: LmdbSync) -> Guarantees {
    let mut guarantees = Guarantees::in_process();
    guarantees.cas = CasScope::Host;
    guarantees.sharing = Sharing::Host;
    guarantees.durability = match sync {
        LmdbSync::Full => Durability::Durable,
        LmdbSync::None => Durability::Host,
    };
    guarantees.max_key = keys::MAX_KEY;
    guarantees.max_value = MAX_VALUE;
    guarantees.batches = Batches { get: Some(many::GETS), put: Some(many::PUTS), delete: Some(many::PUTS) };
    guarantees.transactions = Some(Transactions { max_steps: MAX_STEPS, max_bytes: MAX_STEP_BYTES });
    guarantees
}

#[async_trait]
impl Store for LmdbStore {
    fn id(&self) -> &StoreId {
        &self.handle.id
    }

    fn guarantees(&self) -> &Guarantees {
        &self.handle.guarantees
    }

    fn folder(&self) -> Option<&Path> {
        Some(Path::new(self.handle.id.place()))
    }

    #[inline]
    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        let (op, handle) = (Op::Get, &*self.handle);
        let begun =
            handle.begin(op, &options.call).and_then(|()| handle.guarantees.check_get(op, key, options));
        if let Err(error) = begun {
            return Some(Err(handle.named(op, key)(error)));
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
        let (op, handle) = (Op::GetStream, &self.handle);
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
        let (op, handle) = (Op::Head, &self.handle);
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
        self.handle.put(op, key, &value, options).await.map_err(self.handle.named(op, key))
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let op = Op::PutStream;
        self.handle.put_stream(op, key, body, options).await.map_err(self.handle.named(op, key))
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let (op, handle) = (Op::Delete, &self.handle);
        let done = async {
            handle.begin(op, &options.call)?;
            let item = DeleteItem { key: key.clone(), only: options.only.clone() };
            let change = handle.deletion(op, &item)?;
            handle.submit_one(op, &options.call, change).await.map(removed)
        };
        done.await.map_err(handle.named(op, key))
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        self.handle.get_many(keys, options).await
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        self.handle.put_many(items, call).await
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        self.handle.delete_many(items, options).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        derived::copy_by_stream(self, from, to, options).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let done = self.handle.transact(steps, call).await;
        done.map_err(|e| e.during(Op::Transact).at(&self.handle.id))
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        list::list(self.handle.clone(), options)
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        let (op, handle) = (Op::Sweep, &self.handle);
        handle.begin(op, &options.call)?;
        let now = handle.env.wall();
        let order = SweepOrder { now, older_than: options.older_than, dry_run: options.dry_run };
        let swept = options.call.guard(&handle.env, op, handle.ask(op, |reply| Work::Sweep(order, reply)));
        swept.await.map_err(|e| e.at(&handle.id))
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        let (op, handle) = (Op::Flush, &self.handle);
        handle.begin(op, call)?;
        call.guard(&handle.env, op, handle.ask(op, Work::Flush)).await.map_err(|e| e.at(&handle.id))
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        self.handle.begin(Op::Drain, call)?;
        self.handle.drain(call).await.map_err(|e| e.at(&self.handle.id))
    }

    async fn close(&self, call: &Call) -> Result<()> {
        self.handle.close(call).await.map_err(|e| e.at(&self.handle.id))
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
        let (op, handle) = (Op::Get, &self.handle);
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
        write!(f, "LmdbStore({})", self.handle.id)
    }
}
