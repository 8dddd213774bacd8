//! The store.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::{join, join_all};
use futures_util::{StreamExt, stream};
use larder_store_core::env::BoxFuture;
use larder_store_core::layer::Layers;
use larder_store_core::{
    ByteStream, Call, Copied, CopyOptions, DeleteItem, DeleteOptions, GetOptions, Got, Guarantees,
    HeadOptions, Items, Key, ListOptions, Listed, Op, PutItem, PutOptions, Removed, Result, Step, Store,
    StoreId, SweepOptions, Swept, Transacted, Usage, Written,
};

use crate::builder::Builder;
use crate::front::Front;
use crate::stack::Stack;
use crate::stats::{FenceStats, OriginStats, StackStats, TierStats};

/// Stores on top of each other: fronts, the hottest first, and an origin, which alone holds the truth.
///
/// It is itself a store, with the origin's id and guarantees. Versions, preconditions and metas are the origin's. Clones
/// share one stack: closing one closes all, with the stores that it is made of.
#[derive(Clone)]
pub struct TieredStore {
    pub(crate) stack: Arc<Stack>,
}

impl TieredStore {
    /// Begins a stack over an origin.
    pub fn builder(origin: impl Store) -> Builder {
        Builder::new(Arc::new(origin))
    }

    /// What it did since it was opened by this process.
    pub fn stats(&self) -> StackStats {
        let stack = &self.stack;
        let tier = |front: &Front| TierStats {
            tier: front.number,
            store: front.store().map(|store| store.id().clone()),
            hits: front.counts.hits.get(),
            misses: front.counts.misses.get(),
            fills: front.counts.fills.get(),
            fills_lost: front.counts.fills_lost.get(),
            not_admitted: front.counts.not_admitted.get(),
            errors: front.counts.errors.get(),
            corrupt: front.counts.corrupt.get(),
            breaker: front.breaker(),
            usage: front.store().map_or(Usage::UNKNOWN, |store| {
                front.look_at_evictions(&**store);
                store.usage()
            }),
        };
        let counts = &stack.counts;
        StackStats {
            tiers: stack.fronts.iter().map(tier).collect(),
            origin: OriginStats {
                store: stack.id.clone(),
                reads: counts.origin_reads.get(),
                revalidations: counts.origin_revalidations.get(),
                writes: counts.origin_writes.get(),
                lists: counts.origin_lists.get(),
                errors: counts.origin_errors.get(),
            },
            joined: counts.joined.get(),
            fence: FenceStats {
                slots: stack.layout.slots(),
                shared: stack.fenced_by.is_some() && !stack.cell.is_adrift(),
                doubts: counts.doubts.get(),
            },
        }
    }

    /// Does something with all stores at once, so that a front that hangs keeps nobody from the others. What a front says
    /// is no error; but that its caller's time was over before it had ended is.
    async fn all<'s, T, F>(
        &'s self,
        op: Op,
        call: &Call,
        work: impl Fn(&'s Arc<dyn Store>) -> F,
        origin: impl Future<Output = Result<T>>,
    ) -> Result<T>
    where
        F: Future<Output = Result<()>>,
    {
        let env = self.stack.env();
        let of_front = |front: &'s Front| {
            let work = front.store().map(|store| call.guard(env, op, work(store)));
            async move {
                let Err(error) = work?.await else { return None };
                tracing::debug!(tier = front.number, %op, %error, "a front failed");
                call.check(env, op).err()
            }
        };
        // The fence is let go of before a close: no front is passed by then.
        let fronts: Vec<_> = self.stack.fronts.iter().map(of_front).collect();
        let (late, done) = join(join_all(fronts), origin).await;
        let done = done?;
        match late.into_iter().flatten().next() {
            Some(error) => Err(error.at(&self.stack.id)),
            None => Ok(done),
        }
    }

    /// Waits until nothing that was begun before runs in the background of the stack itself.
    async fn rest(&self, op: Op, call: &Call) -> Result<()> {
        let rest = async {
            self.stack.inflight.wait().await;
            Ok(())
        };
        call.guard(self.stack.env(), op, rest).await.map_err(|e| e.at(&self.stack.id))
    }
}

/// A get that may be over before it is polled.
struct Get<'a> {
    store: &'a TieredStore,
    key: &'a Key,
    options: &'a GetOptions,
}

impl<'a> Get<'a> {
    async fn run(self) -> Result<Got<Bytes>> {
        match self.store.stack.try_get(self.key, self.options) {
            Some(got) => got,
            None => self.store.stack.get(self.key, self.options).await,
        }
    }
}

#[async_trait]
impl Store for TieredStore {
    fn id(&self) -> &StoreId {
        &self.stack.id
    }

    fn guarantees(&self) -> &Guarantees {
        &self.stack.guarantees
    }

    #[inline]
    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        self.stack.try_get(key, options)
    }

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
        Box::pin(Get { store: self, key, options }.run())
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        self.stack.get_stream(key, options).await
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        self.stack.head(key, options).await
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        self.stack.put(key, value, options).await
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        self.stack.put_stream(key, body, options).await
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        self.stack.delete(key, options).await
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        self.stack.get_many(keys, options).await
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        self.stack.put_many(items, call).await
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        self.stack.delete_many(items, options).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        self.stack.copy(from, to, options).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        self.stack.transact(steps, call).await
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        if let Err(error) = self.stack.begin(Op::List, &options.call) {
            return stream::iter([Err(error)]).boxed();
        }
        self.stack.counts.origin_lists.add();
        self.stack.origin.list_opts(options)
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        self.stack.begin(Op::Sweep, &options.call)?;
        let origin = self.stack.origin.sweep(options);
        self.all(
            Op::Sweep,
            &options.call,
            |store| async move { store.sweep(options).await.map(drop) },
            origin,
        )
        .await
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        self.stack.begin(Op::Flush, call)?;
        self.stack.origin.flush(call).await
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        self.stack.begin(Op::Drain, call)?;
        self.rest(Op::Drain, call).await?;
        let origin = self.stack.origin.drain(call);
        self.all(Op::Drain, call, |store| async move { store.drain(call).await }, origin).await
    }

    async fn close(&self, call: &Call) -> Result<()> {
        let stack = &self.stack;
        call.check(stack.env(), Op::Close).map_err(|e| e.at(&stack.id))?;
        stack.closed.store(true, Ordering::Release);
        self.rest(Op::Close, call).await?;
        // The fence goes before the folder that it is in.
        stack.cell.detach();
        stack.reach.unwatch(&stack.cell);
        drop(stack.attachment.lock().unwrap_or_else(|e| e.into_inner()).take());
        let origin = stack.origin.close(call);
        self.all(Op::Close, call, |store| async move { store.close(call).await }, origin).await
    }

    fn folder(&self) -> Option<&Path> {
        self.stack.origin.folder()
    }

    fn layers(&self) -> Layers {
        self.stack.origin.layers()
    }

    fn usage(&self) -> Usage {
        self.stack.origin.usage()
    }
}

impl fmt::Debug for TieredStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tiers: Vec<_> = self.stack.fronts.iter().map(|front| front.store().map(|s| s.id())).collect();
        f.debug_struct("TieredStore").field("fronts", &tiers).field("origin", &self.stack.id).finish()
    }
}
