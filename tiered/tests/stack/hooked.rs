//! A store whose calls are counted, and can be held up before or after their effect.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use larder_store_core::layer::fault::When;
use larder_store_core::{
    ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, GetOptions, Got, Guarantees,
    HeadOptions, Items, Key, ListOptions, Listed, Op, PutItem, PutOptions, Removed, Result, Step, Store,
    StoreId, SweepOptions, Swept, Transacted, Usage, Written,
};
use tokio::sync::Semaphore;

/// One call that is held up.
#[derive(Debug, Clone)]
pub(crate) struct Hold(Arc<(Semaphore, Semaphore)>);

impl Hold {
    /// Waits until the call is there.
    pub(crate) async fn reached(&self) {
        self.0.0.acquire().await.unwrap().forget();
    }

    /// Lets it go on.
    pub(crate) fn release(&self) {
        self.0.1.add_permits(1);
    }

    async fn pass(&self) {
        self.0.0.add_permits(1);
        self.0.1.acquire().await.unwrap().forget();
    }
}

#[derive(Debug, Default)]
struct Books {
    calls: HashMap<Op, u64>,
    holds: Vec<(Op, When, Hold)>,
}

/// The store. A clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct Hooked {
    inner: Arc<dyn Store>,
    guarantees: Guarantees,
    folder: Option<PathBuf>,
    books: Arc<Mutex<Books>>,
    /// Whether gets that need not wait are answered without waiting.
    at_once: bool,
}

impl Hooked {
    pub(crate) fn new(inner: impl Store) -> Hooked {
        Hooked {
            guarantees: inner.guarantees().clone(),
            inner: Arc::new(inner),
            folder: None,
            books: Arc::default(),
            at_once: false,
        }
    }

    /// Promises something else than the inner store.
    pub(crate) fn promising(mut self, change: impl FnOnce(&mut Guarantees)) -> Hooked {
        change(&mut self.guarantees);
        self
    }

    /// Has a folder.
    pub(crate) fn with_folder(mut self, folder: &Path) -> Hooked {
        self.folder = Some(folder.to_owned());
        self
    }

    /// Answers without waiting where the inner store does; such calls are counted, and not held up.
    pub(crate) fn at_once(mut self) -> Hooked {
        self.at_once = true;
        self
    }

    /// Holds up the next call of `op` that nobody else holds up.
    pub(crate) fn hold(&self, op: Op, when: When) -> Hold {
        let hold = Hold(Arc::new((Semaphore::new(0), Semaphore::new(0))));
        self.books.lock().unwrap().holds.push((op, when, hold.clone()));
        hold
    }

    /// Calls so far.
    pub(crate) fn calls(&self, op: Op) -> u64 {
        self.books.lock().unwrap().calls.get(&op).copied().unwrap_or(0)
    }

    /// Calls that read, whole or in part.
    pub(crate) fn reads(&self) -> u64 {
        [Op::Get, Op::GetStream, Op::Head, Op::GetMany].into_iter().map(|op| self.calls(op)).sum()
    }

    fn count(&self, op: Op) {
        *self.books.lock().unwrap().calls.entry(op).or_default() += 1;
    }

    async fn pass(&self, op: Op, when: When) {
        let hold = {
            let mut books = self.books.lock().unwrap();
            let at = books.holds.iter().position(|(o, w, _)| (*o, *w) == (op, when));
            at.map(|at| books.holds.remove(at).2)
        };
        if let Some(hold) = hold {
            hold.pass().await;
        }
    }

    async fn run<T>(&self, op: Op, work: impl Future<Output = T>) -> T {
        self.count(op);
        self.pass(op, When::Before).await;
        let done = work.await;
        self.pass(op, When::After).await;
        done
    }
}

#[async_trait]
impl Store for Hooked {
    fn id(&self) -> &StoreId {
        self.inner.id()
    }
    fn guarantees(&self) -> &Guarantees {
        &self.guarantees
    }
    fn try_get(&self, key: &Key, o: &GetOptions) -> Option<Result<Got<Bytes>>> {
        let got = if self.at_once { self.inner.try_get(key, o) } else { None };
        if got.is_some() {
            self.count(Op::Get);
        }
        got
    }
    async fn get_opts(&self, key: &Key, o: &GetOptions) -> Result<Got<Bytes>> {
        self.run(Op::Get, self.inner.get_opts(key, o)).await
    }
    async fn get_stream_opts(&self, key: &Key, o: &GetOptions) -> Result<Got<ByteStream>> {
        self.run(Op::GetStream, self.inner.get_stream_opts(key, o)).await
    }
    async fn head_opts(&self, key: &Key, o: &HeadOptions) -> Result<Got<()>> {
        self.run(Op::Head, self.inner.head_opts(key, o)).await
    }
    async fn put_opts(&self, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        self.run(Op::Put, self.inner.put_opts(key, value, o)).await
    }
    async fn put_stream_opts(&self, key: &Key, body: ByteStream, o: &PutOptions) -> Result<Written> {
        self.run(Op::PutStream, self.inner.put_stream_opts(key, body, o)).await
    }
    async fn delete_opts(&self, key: &Key, o: &DeleteOptions) -> Result<Removed> {
        self.run(Op::Delete, self.inner.delete_opts(key, o)).await
    }
    async fn get_many_opts(&self, keys: &[Key], o: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        self.run(Op::GetMany, self.inner.get_many_opts(keys, o)).await
    }
    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        self.run(Op::PutMany, self.inner.put_many_opts(items, call)).await
    }
    async fn delete_many_opts(&self, items: Vec<DeleteItem>, o: &DeleteOptions) -> Vec<Result<Removed>> {
        self.run(Op::DeleteMany, self.inner.delete_many_opts(items, o)).await
    }
    async fn copy_opts(&self, from: &Key, to: &Key, o: &CopyOptions) -> Result<Copied> {
        self.run(Op::Copy, self.inner.copy_opts(from, to, o)).await
    }
    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        self.run(Op::Transact, self.inner.transact_opts(steps, call)).await
    }
    fn list_opts(&self, o: ListOptions) -> Items<Listed> {
        self.count(Op::List);
        self.inner.list_opts(o)
    }
    async fn sweep(&self, o: &SweepOptions) -> Result<Swept> {
        self.run(Op::Sweep, self.inner.sweep(o)).await
    }
    async fn flush(&self, call: &Call) -> Result<()> {
        self.run(Op::Flush, self.inner.flush(call)).await
    }
    async fn drain(&self, call: &Call) -> Result<()> {
        self.run(Op::Drain, self.inner.drain(call)).await
    }
    async fn close(&self, call: &Call) -> Result<()> {
        self.run(Op::Close, self.inner.close(call)).await
    }
    fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }
    fn usage(&self) -> Usage {
        self.inner.usage()
    }
}
