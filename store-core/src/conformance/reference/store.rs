//! The contract, method by method.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::data::Entered;
use super::state::State;
use super::{Inner, Reference};
use crate::call::Call;
use crate::derived::{self, Cursor, Delimited};
use crate::error::{Error, Op, Result};
use crate::guarantees::Guarantees;
use crate::key::Key;
use crate::options::{
    CopyOptions, DeleteItem, DeleteOptions, GetOptions, HeadOptions, ListOptions, PutItem, PutOptions, Step,
    SweepOptions,
};
use crate::outcome::{ByteStream, Copied, Got, Items, Listed, Removed, StepDone, Swept, Transacted, Written};
use crate::store::{Store, closed};
use crate::store_id::StoreId;
use crate::system::Space;

/// Keys that a listing takes under one lock.
const PAGE: usize = 1000;

impl Inner {
    /// The map, if the store is open and the call is not over.
    fn enter(&self, op: Op, call: &Call) -> Result<Entered<'_>> {
        let state = self.data.enter();
        if self.closed.load(SeqCst) {
            return Err(closed(op, &self.id));
        }
        call.check(&self.env, op)?;
        Ok(state)
    }

    fn get(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.guarantees.check_get(Op::Get, key, options)?;
        let state = self.enter(Op::Get, &options.call)?;
        let Some(entry) = state.live(key, self.env.wall()) else { return Ok(Got::Absent) };
        let meta = entry.meta();
        if !options.admits(&entry.version)? {
            return Ok(Got::Unchanged(meta));
        }
        let body = match options.range {
            None => entry.value.clone(),
            Some(range) => {
                let part = range.resolve(entry.value.len() as u64)?;
                entry.value.slice(part.start as usize..part.end as usize)
            }
        };
        Ok(Got::found(meta, body))
    }

    fn page(&self, call: &Call, space: Space, cursor: &mut Cursor) -> Result<Vec<Listed>> {
        let state = self.enter(Op::List, call)?;
        let now = self.env.wall();
        let mut page = Vec::new();
        'seek: while page.len() < PAGE {
            let Some((bound, inclusive)) = cursor.place().and_then(|place| place.bound()) else { break };
            // From one key to the next there is nothing to seek.
            for entry in state.seek(space, bound, inclusive, now) {
                let met = cursor.meet(entry.key.as_str());
                let is_entry = met == Delimited::Entry;
                if met == Delimited::End {
                    return Ok(page);
                }
                page.extend(met.listed(|| entry.meta()));
                if !is_entry || page.len() == PAGE {
                    continue 'seek;
                }
            }
            break;
        }
        Ok(page)
    }

    fn write(&self, state: &mut State, op: Op, key: &Key, value: &Bytes, o: &PutOptions) -> Result<Written> {
        state.put(op, &self.env, key, value, o, self.guarantees.durability)
    }

    fn transact(&self, steps: &[Step], call: &Call) -> Result<Transacted> {
        self.guarantees.check_transact(steps)?;
        let mut state = self.enter(Op::Transact, call)?;
        let (op, now) = (Op::Transact, self.env.wall());
        // Every condition first: behind this nothing can fail, and no reader gets the lock in between.
        for step in steps {
            match step {
                Step::Check { key, pre } => drop(state.check(op, key, pre, now)?),
                Step::Put(item) => drop(state.check(op, &item.key, &item.options.pre, now)?),
                Step::Delete(item) => {
                    let current = state.live(&item.key, now).map(|e| &e.version);
                    crate::check_only(op, item.only.as_ref(), current).map_err(|e| e.on(&item.key))?;
                }
            }
        }
        let mut done = Vec::with_capacity(steps.len());
        for step in steps {
            done.push(match step {
                Step::Check { .. } => StepDone::Checked,
                Step::Put(item) => {
                    StepDone::Written(self.write(&mut state, op, &item.key, &item.value, &item.options)?)
                }
                Step::Delete(item) => StepDone::Removed(state.delete(op, &item.key, None, now)?),
            });
        }
        Ok(Transacted::new(done))
    }
}

impl Reference {
    fn named(&self, key: &Key) -> impl Fn(Error) -> Error {
        move |e| e.at(&self.0.id).on(key)
    }

    fn put_now(&self, op: Op, key: &Key, value: &Bytes, options: &PutOptions) -> Result<Written> {
        let size = Some(value.len() as u64);
        self.0.guarantees.check_put(op, key, options, size).map_err(self.named(key))?;
        let mut state = self.0.enter(op, &options.call).map_err(self.named(key))?;
        self.0.write(&mut state, op, key, value, options).map_err(self.named(key))
    }

    fn state_only(&self, op: Op, call: &Call) -> Result<()> {
        self.0.enter(op, call).map(drop).map_err(|e| e.at(&self.0.id))
    }
}

#[async_trait]
impl Store for Reference {
    fn id(&self) -> &StoreId {
        &self.0.id
    }

    fn guarantees(&self) -> &Guarantees {
        &self.0.guarantees
    }

    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        Some(self.0.get(key, options).map_err(self.named(key)))
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        self.0.get(key, options).map_err(self.named(key))
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        derived::stream_by_get(self, key, options).await
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        derived::head_by_get(self, key, options).await
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        self.put_now(Op::Put, key, &value, options)
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let op = Op::PutStream;
        self.0.guarantees.check_put(op, key, options, options.size_hint).map_err(self.named(key))?;
        self.state_only(op, &options.call).map_err(self.named(key))?;
        let value = derived::collect(body, self.0.guarantees.max_value);
        let value = options.call.guard(&self.0.env, op, value).await.map_err(self.named(key))?;
        self.put_now(op, key, &value, options)
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        let op = Op::Delete;
        let conditional = options.only.is_some();
        self.0.guarantees.check_delete(op, key, conditional).map_err(self.named(key))?;
        let mut state = self.0.enter(op, &options.call).map_err(self.named(key))?;
        state.delete(op, key, options.only.as_ref(), self.0.env.wall()).map_err(self.named(key))
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

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        derived::copy_by_stream(self, from, to, options).await
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        self.0.transact(&steps, call).map_err(|e| e.at(&self.0.id))
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        let inner: Arc<Inner> = self.0.clone();
        let cursor = Cursor::new(&options);
        let pages = stream::try_unfold((inner, cursor, false), move |(inner, mut cursor, over)| {
            let page = match over {
                true => Ok(None),
                false => inner.page(&options.call, options.space, &mut cursor).map(Some),
            };
            let page = page.map_err(|e| e.at(&inner.id));
            std::future::ready(page.map(|page| {
                let page = page?;
                let over = page.len() < PAGE;
                Some((stream::iter(page.into_iter().map(Ok)), (inner, cursor, over)))
            }))
        });
        pages.try_flatten().boxed()
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        self.state_only(Op::Sweep, &options.call)?;
        Ok(Swept::default())
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        self.state_only(Op::Flush, call)
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        self.state_only(Op::Drain, call)
    }

    async fn close(&self, call: &Call) -> Result<()> {
        call.check(&self.0.env, Op::Close).map_err(|e| e.at(&self.0.id))?;
        // Under the lock, so that whoever got in before is seen out.
        let _all_out = self.0.data.enter();
        self.0.closed.store(true, SeqCst);
        Ok(())
    }
}
