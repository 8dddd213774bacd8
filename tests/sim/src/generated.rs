//! An origin that makes its values up: each key has one, which follows from the key. So caches can be filled with more
//! than any disk has room for, and what they give can be checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use larder_store_core::{
    ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, Durability, Env, Error, ErrorKind,
    GetOptions, Got, Guarantees, HeadOptions, Items, Key, ListOptions, Listed, Meta, Op, PutItem, PutOptions,
    Removed, Result, Step, Store, StoreId, SweepOptions, Swept, Transacted, Version, WriteId, Written,
    closed, derived,
};

use crate::rng::{Rng, mix};
use crate::value::{self, WriteNo};

/// The write that all values are of.
const WRITE: WriteNo = 1;

/// How large values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// All alike.
    Fixed(usize),
    /// From 1 KiB to 512 KiB, small ones most often: 27 KiB on average.
    Mixed,
}

/// The store.
#[derive(Debug)]
pub struct Generated {
    id: StoreId,
    guarantees: Guarantees,
    sizes: Sizes,
    closed: AtomicBool,
    /// Writes that never end, where none do.
    held: Option<Arc<AtomicU64>>,
    env: Env,
}

impl Generated {
    /// The store of that name: under one name always the same.
    pub fn new(name: &str, sizes: Sizes) -> Generated {
        Generated {
            id: StoreId::new("generated", name, "object"),
            guarantees: Guarantees::in_process(),
            sizes,
            closed: AtomicBool::new(false),
            held: None,
            env: Env::system(),
        }
    }

    /// Answers no write: this counts those that wait.
    pub fn holding(mut self, waiting: Arc<AtomicU64>) -> Generated {
        self.held = Some(waiting);
        self
    }

    fn begin(&self, op: Op, call: &Call) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed(op, &self.id));
        }
        call.check(&self.env, op).map_err(|e| e.at(&self.id))
    }

    fn get_now(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.begin(Op::Get, &options.call)?;
        self.guarantees.check_get(Op::Get, key, options)?;
        let len = self.sizes.of(key.as_str());
        let version = version(key);
        let mut meta = Meta::new(key.clone());
        meta.size = Some(len as u64);
        meta.version = Some(version.clone());
        if !options.admits(&version)? {
            return Ok(Got::Unchanged(meta));
        }
        let body = match options.range {
            None => value::make(key.as_str(), WRITE, len),
            Some(range) => {
                let range = range.resolve(len as u64)?;
                value::part(key.as_str(), WRITE, len, range.start as usize..range.end as usize)
            }
        };
        Ok(Got::found(meta, body))
    }

    fn refuse(&self, op: Op) -> Error {
        Error::new(ErrorKind::Unsupported, op, "values that are made up stay what they are").at(&self.id)
    }
}

/// The version of a key's value, which never changes.
fn version(key: &Key) -> Version {
    let (one, two) = (value::hash(key.as_str().as_bytes()), mix(key.len() as u64));
    Version::of_write(WriteId::from_bytes((u128::from(one) << 64 | u128::from(two)).to_be_bytes()), [])
}

impl Sizes {
    /// How large the value of a key is.
    pub fn of(self, key: &str) -> usize {
        match self {
            Sizes::Fixed(len) => len,
            Sizes::Mixed => {
                let mut rng = Rng::new(value::hash(key.as_bytes()));
                let (least, most) = *rng.weighted(&[(70, (1, 8)), (25, (8, 64)), (5, (64, 512))]);
                rng.between(least << 10, most << 10) as usize
            }
        }
    }

    /// The value of a key.
    pub fn make(self, key: &str) -> Bytes {
        value::make(key, WRITE, self.of(key))
    }

    /// Whether that is it.
    ///
    /// # Errors
    /// What is wrong with it, in a clause.
    pub fn check(self, key: &str, body: &[u8]) -> std::result::Result<(), String> {
        match value::check(key, body)? {
            WRITE if body.len() == self.of(key).max(value::HEAD) => Ok(()),
            other => Err(format!("{} bytes of write {other}", body.len())),
        }
    }
}

#[async_trait]
impl Store for Generated {
    fn id(&self) -> &StoreId {
        &self.id
    }

    fn guarantees(&self) -> &Guarantees {
        &self.guarantees
    }

    fn try_get(&self, _: &Key, _: &GetOptions) -> Option<Result<Got<Bytes>>> {
        None // It costs what a request costs.
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.get_now(key, options).map_err(|e| e.at(&self.id).on(key))
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        derived::stream_by_get(self, key, options).await
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        derived::head_by_get(self, key, options).await
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        self.begin(Op::Put, &options.call)?;
        if let Err(why) = self.sizes.check(key.as_str(), &value) {
            let why = format!("only the value that the key has can be written to it: {why}");
            return Err(Error::new(ErrorKind::Invalid, Op::Put, why).at(&self.id).on(key));
        }
        if let Some(waiting) = &self.held {
            waiting.fetch_add(1, Ordering::SeqCst);
            std::future::pending::<()>().await;
        }
        let write_id = options.write_id.unwrap_or_else(|| WriteId::random(&self.env));
        Ok(Written::new(version(key), write_id, Durability::Process))
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        derived::put_stream_by_put(self, key, body, options).await
    }

    async fn delete_opts(&self, key: &Key, _: &DeleteOptions) -> Result<Removed> {
        Err(self.refuse(Op::Delete).on(key))
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

    async fn copy_opts(&self, _: &Key, to: &Key, _: &CopyOptions) -> Result<Copied> {
        Err(self.refuse(Op::Copy).on(to))
    }

    async fn transact_opts(&self, steps: Vec<Step>, _: &Call) -> Result<Transacted> {
        derived::no_transact(self, &steps)
    }

    fn list_opts(&self, _: ListOptions) -> Items<Listed> {
        stream::iter([Err(self.refuse(Op::List))]).boxed()
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        self.begin(Op::Sweep, &options.call).map(|()| Swept::default())
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
