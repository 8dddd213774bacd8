//! The contract, counted.

use std::future::Future;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use super::Observe;
use super::calls::Outcome;
use super::watch::{Watch, counted};
use crate::call::Call;
use crate::error::{Op, Result};
use crate::front::Usage;
use crate::guarantees::Guarantees;
use crate::key::Key;
use crate::layer::Layers;
use crate::options::{
    CopyOptions, DeleteItem, DeleteOptions, GetOptions, HeadOptions, ListOptions, PutItem, PutOptions, Step,
    SweepOptions,
};
use crate::outcome::{ByteStream, Copied, Got, Items, Listed, Removed, Swept, Transacted, Written};
use crate::store::Store;
use crate::store_id::StoreId;

impl<S: Store> Observe<S> {
    fn begin(&self, op: Op, key: Option<&Key>) -> Watch {
        Watch::begin(&self.calls, op, key)
    }

    fn read(&self, got: &Result<Got<Bytes>>) {
        if let Ok(Got::Found { body, .. }) = got {
            self.calls.read(body.len());
        }
    }

    /// One call that answers once.
    async fn one<T>(
        &self,
        op: Op,
        key: Option<&Key>,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let watch = self.begin(op, key);
        let done = watch.run(work).await;
        watch.end(Outcome::of(&done));
        done
    }

    /// One call on many keys.
    async fn many<T>(
        &self,
        op: Op,
        outcome: impl Fn(&Result<T>) -> Outcome,
        work: impl Future<Output = Vec<Result<T>>> + Send,
    ) -> Vec<Result<T>> {
        let watch = self.begin(op, None);
        let done = watch.run(work).await;
        watch.end_many(done.iter().map(outcome));
        done
    }
}

#[async_trait]
impl<S: Store> Store for Observe<S> {
    fn id(&self) -> &StoreId {
        self.inner.id()
    }

    fn guarantees(&self) -> &Guarantees {
        self.inner.guarantees()
    }

    fn layers(&self) -> Layers {
        self.inner.layers()
    }

    fn folder(&self) -> Option<&Path> {
        self.inner.folder()
    }

    fn usage(&self) -> Usage {
        self.inner.usage()
    }

    fn try_get(&self, key: &Key, options: &GetOptions) -> Option<Result<Got<Bytes>>> {
        let got = self.inner.try_get(key, options)?;
        self.calls.ended(Op::Get, Outcome::of_got(&got));
        self.read(&got);
        Some(got)
    }

    async fn get_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<Bytes>> {
        let watch = self.begin(Op::Get, Some(key));
        let got = watch.run(self.inner.get_opts(key, options)).await;
        watch.end(Outcome::of_got(&got));
        self.read(&got);
        got
    }

    async fn get_stream_opts(&self, key: &Key, options: &GetOptions) -> Result<Got<ByteStream>> {
        let watch = self.begin(Op::GetStream, Some(key));
        match watch.run(self.inner.get_stream_opts(key, options)).await {
            Ok(Got::Found { meta, body, served }) => {
                let body = watch.over(body, |calls, piece: &Bytes| calls.read(piece.len()));
                Ok(Got::Found { meta, body, served })
            }
            got => {
                watch.end(Outcome::of_got(&got));
                got
            }
        }
    }

    async fn head_opts(&self, key: &Key, options: &HeadOptions) -> Result<Got<()>> {
        let watch = self.begin(Op::Head, Some(key));
        let got = watch.run(self.inner.head_opts(key, options)).await;
        watch.end(Outcome::of_got(&got));
        got
    }

    async fn put_opts(&self, key: &Key, value: Bytes, options: &PutOptions) -> Result<Written> {
        self.calls.written(value.len());
        self.one(Op::Put, Some(key), self.inner.put_opts(key, value, options)).await
    }

    async fn put_stream_opts(&self, key: &Key, body: ByteStream, options: &PutOptions) -> Result<Written> {
        let body = counted(&self.calls, body);
        self.one(Op::PutStream, Some(key), self.inner.put_stream_opts(key, body, options)).await
    }

    async fn delete_opts(&self, key: &Key, options: &DeleteOptions) -> Result<Removed> {
        self.one(Op::Delete, Some(key), self.inner.delete_opts(key, options)).await
    }

    async fn get_many_opts(&self, keys: &[Key], options: &GetOptions) -> Vec<Result<Got<Bytes>>> {
        let work = self.inner.get_many_opts(keys, options);
        let got = self.many(Op::GetMany, Outcome::of_got, work).await;
        got.iter().for_each(|one| self.read(one));
        got
    }

    async fn put_many_opts(&self, items: Vec<PutItem>, call: &Call) -> Vec<Result<Written>> {
        items.iter().for_each(|item| self.calls.written(item.value.len()));
        self.many(Op::PutMany, Outcome::of, self.inner.put_many_opts(items, call)).await
    }

    async fn delete_many_opts(
        &self,
        items: Vec<DeleteItem>,
        options: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        self.many(Op::DeleteMany, Outcome::of, self.inner.delete_many_opts(items, options)).await
    }

    async fn copy_opts(&self, from: &Key, to: &Key, options: &CopyOptions) -> Result<Copied> {
        let watch = self.begin(Op::Copy, Some(to));
        let done = watch.run(self.inner.copy_opts(from, to, options)).await;
        watch.end(match &done {
            Ok(Copied::Absent) => Outcome::Absent,
            done => Outcome::of(done),
        });
        done
    }

    async fn transact_opts(&self, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        for step in &steps {
            if let Step::Put(item) = step {
                self.calls.written(item.value.len());
            }
        }
        self.one(Op::Transact, None, self.inner.transact_opts(steps, call)).await
    }

    fn list_opts(&self, options: ListOptions) -> Items<Listed> {
        let watch = self.begin(Op::List, None);
        watch.over(self.inner.list_opts(options), |_, _| {})
    }

    async fn sweep(&self, options: &SweepOptions) -> Result<Swept> {
        self.one(Op::Sweep, None, self.inner.sweep(options)).await
    }

    async fn flush(&self, call: &Call) -> Result<()> {
        self.one(Op::Flush, None, self.inner.flush(call)).await
    }

    async fn drain(&self, call: &Call) -> Result<()> {
        self.one(Op::Drain, None, self.inner.drain(call)).await
    }

    async fn close(&self, call: &Call) -> Result<()> {
        self.one(Op::Close, None, self.inner.close(call)).await
    }
}
