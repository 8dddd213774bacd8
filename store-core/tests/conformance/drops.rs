//! Futures that may not be dropped.

use std::collections::HashSet;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use larder_store_core::conformance::Reference;
use larder_store_core::{
    Call, DeleteOptions, Key, Op, PutItem, PutOptions, Removed, Result, Step, StepDone, Store, Transacted,
    Written,
};

use crate::caught;
use crate::quirk::Quirk;

/// Writes half, waits, writes the rest: whole, unless it is dropped in between.
#[derive(Debug)]
struct HalfWhenDropped;

#[async_trait]
impl Quirk for HalfWhenDropped {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        // Only where drops are tested: readers at the same time would see it, too.
        if key.as_str().starts_with("drops/") && o.pre == larder_store_core::Precondition::Any {
            store.put_opts(key, value.slice(..value.len() / 2), o).await?;
            tokio::task::yield_now().await;
        }
        store.put_opts(key, value, o).await
    }
}

caught!(a_dropped_put_that_lands_half: HalfWhenDropped, [
    "drops.put": "Small dropped after 1 polls, over nothing:",
]);

/// A dropped put leaves its lock behind, and the next one fails.
#[derive(Debug, Default)]
struct LockStays(Mutex<HashSet<Key>>);

#[async_trait]
impl Quirk for LockStays {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        while !self.0.lock().unwrap().insert(key.clone()) {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
        let done = store.put_opts(key, value, o).await;
        self.0.lock().unwrap().remove(key);
        done
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_put_that_keeps_its_lock() {
    let options = crate::options().with_only("drops.put").with_patience(std::time::Duration::from_secs(3));
    let subject = crate::quirk::Quirky::new("lock stays", Reference::best(), LockStays::default);
    let report = larder_store_core::conformance::run(subject, &options).await;
    crate::judge(&report, &[("drops.put", "it hangs: no end within 3s")], &[]);
}

/// Removes first and writes then: dropped in between, the old value is gone.
#[derive(Debug)]
struct RemovesFirst;

#[async_trait]
impl Quirk for RemovesFirst {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        if key.as_str().starts_with("drops/Small/true") && o.pre == larder_store_core::Precondition::Any {
            store.delete_opts(key, &DeleteOptions::new()).await?;
            tokio::task::yield_now().await;
        }
        store.put_opts(key, value, o).await
    }
}

caught!(a_dropped_put_that_leaves_nothing: RemovesFirst, [
    "drops.put": "Small dropped after 1 polls, over old:",
]);

/// Works on behind a drop, and drain does not know.
#[derive(Debug)]
struct LandsLate;

#[async_trait]
impl Quirk for LandsLate {
    async fn delete(&self, store: &Reference, key: &Key, o: &DeleteOptions) -> Result<Removed> {
        if !key.as_str().starts_with("drops/") {
            return store.delete_opts(key, o).await;
        }
        let (store, key, o) = (store.again(), key.clone(), o.clone());
        #[allow(clippy::disallowed_methods, reason = "that is the quirk")]
        let late = tokio::spawn(async move {
            for _ in 0..300 {
                tokio::task::yield_now().await;
            }
            store.delete_opts(&key, &o).await
        });
        late.await.unwrap()
    }
}

caught!(a_dropped_delete_that_lands_behind_drain: LandsLate, [
    "drops.delete": "is absent a moment later",
]);

/// A transaction that is undone when it fails, and not when it is dropped.
#[derive(Debug)]
struct NotUndone;

#[async_trait]
impl Quirk for NotUndone {
    async fn transact(&self, store: &Reference, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        let plain = |step: &Step| matches!(step, Step::Put(PutItem { key, .. }) if key.as_str().starts_with("drops/"));
        if !steps.iter().any(plain) {
            return store.transact_opts(steps, call).await;
        }
        store.guarantees().check_transact(&steps).map_err(|e| e.during(Op::Transact))?;
        let mut done = Vec::new();
        for step in steps {
            tokio::task::yield_now().await;
            match store.transact_opts(vec![step], call).await?.steps.pop() {
                Some(one @ (StepDone::Checked | StepDone::Written(_) | StepDone::Removed(_))) => {
                    done.push(one)
                }
                _ => unreachable!(),
            }
        }
        Ok(Transacted::new(done))
    }
}

caught!(a_dropped_transaction_that_lands_half: NotUndone, [
    "drops.transact": "transact dropped after 2 polls: 1 of 20 steps took effect",
]);
