//! Compare-and-swap that is none.

use async_trait::async_trait;
use bytes::Bytes;
use larder_store_core::conformance::Reference;
use larder_store_core::{
    Call, Copied, CopyOptions, DeleteItem, DeleteOptions, Error, ErrorKind, Got, HeadOptions, Key, Op,
    Precondition, PutOptions, Removed, Result, Step, StepDone, Store, Transacted, Written,
};

use crate::caught;
use crate::quirk::Quirk;

/// A conditional put that is a plain put.
#[derive(Debug)]
struct PlainPut;

#[async_trait]
impl Quirk for PlainPut {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        store.put_opts(key, value, &o.clone().with_pre(Precondition::Any)).await
    }
}

caught!(a_conditional_put_that_is_plain: PlainPut, [
    "conditions.put": "Put under OfAnother over a key that is Absent",
    "counters.first": "of 16 puts of an absent key: how many succeed",
    "counters.handles": "after 16 increments through two handles:",
    "counters.raw": "after 32 increments by hand:",
    "expiry.writes": "a put over the version of an expired value",
    "keys.system": "a put of a system key that must be absent",
    "walk.model": "walker",
    "writes.chain": "the chain after 2 conditional puts",
    "writes.retry": "after a conditional put that was repeated",
]);

/// Looks, then leaps: right for one caller at a time.
#[derive(Debug)]
struct CheckThenAct;

#[async_trait]
impl Quirk for CheckThenAct {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        if o.pre == Precondition::Any {
            return store.put_opts(key, value, o).await;
        }
        let current = store.head_opts(key, &HeadOptions::new()).await?;
        let version = current.meta().and_then(|meta| meta.version.clone());
        o.pre.check(Op::Put, version.as_ref()).map_err(|e| e.on(key))?;
        tokio::task::yield_now().await;
        // The chain is right as well, by a condition on whatever is there now.
        let now = store.head_opts(key, &HeadOptions::new()).await?;
        let pre = match (&o.pre, now.meta().and_then(|meta| meta.version.clone())) {
            (Precondition::Matches(_), Some(now)) => Precondition::Matches(now),
            _ => Precondition::Any,
        };
        store.put_opts(key, value, &o.clone().with_pre(pre)).await
    }
}

caught!(a_condition_that_is_checked_before: CheckThenAct, [
    "counters.first": "of 16 puts of an absent key: how many succeed",
    "counters.handles": "after 16 increments through two handles:",
    "counters.raw": "after 32 increments by hand:",
]);

/// A conditional delete that is a plain delete.
#[derive(Debug)]
struct PlainDelete;

#[async_trait]
impl Quirk for PlainDelete {
    async fn delete(&self, store: &Reference, key: &Key, o: &DeleteOptions) -> Result<Removed> {
        let mut plain = o.clone();
        plain.only = None;
        store.delete_opts(key, &plain).await
    }
}

caught!(a_conditional_delete_that_is_plain: PlainDelete, [
    "conditions.delete": "Delete under OfAnother of a key that is Absent",
    "counters.first": "of 16 deletes of one version: how many succeed",
    "expiry.writes": "a delete by the version of an expired value",
    "keys.system": "a delete of a system key by a version that is gone",
    "walk.model": "walker",
]);

/// Deletes of many that look at no condition.
#[derive(Debug)]
struct PlainDeleteMany;

#[async_trait]
impl Quirk for PlainDeleteMany {
    async fn delete_many(
        &self,
        store: &Reference,
        mut items: Vec<DeleteItem>,
        o: &DeleteOptions,
    ) -> Vec<Result<Removed>> {
        items.iter_mut().for_each(|item| item.only = None);
        store.delete_many_opts(items, o).await
    }
}

caught!(conditions_of_many_deletes_ignored: PlainDeleteMany, [
    "conditions.delete": "Delete by Many under OfAnother of a key that is Absent",
    "many.mixed": "one delete of many by a version that is gone",
    "walk.model": "walker",
]);

/// A copy that looks at no condition of its target.
#[derive(Debug)]
struct PlainCopy;

#[async_trait]
impl Quirk for PlainCopy {
    async fn copy(&self, store: &Reference, from: &Key, to: &Key, o: &CopyOptions) -> Result<Copied> {
        store.copy_opts(from, to, &o.clone().with_pre(Precondition::Any)).await
    }
}

caught!(a_conditional_copy_that_is_plain: PlainCopy, [
    "conditions.put": "Copy under OfAnother over a key that is Absent",
    "copy.conditions": "a copy over a version does not extend its chain",
    "walk.model": "walker",
]);

/// Conflicts that do not say where.
#[derive(Debug)]
struct NamelessConflict;

#[async_trait]
impl Quirk for NamelessConflict {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let done = store.put_opts(key, value, o).await;
        done.map_err(|e| if e.is(ErrorKind::Conflict) { Error::new(e.kind(), e.op(), "no") } else { e })
    }
}

caught!(a_conflict_that_names_no_key: NamelessConflict, [
    "conditions.put": "Put under OfAnother over a key that is Absent: the key that the conflict names",
    "walk.model": "walker",
]);

/// Conflicts under another kind.
#[derive(Debug)]
struct ConflictAsInvalid;

#[async_trait]
impl Quirk for ConflictAsInvalid {
    async fn put(&self, store: &Reference, key: &Key, value: Bytes, o: &PutOptions) -> Result<Written> {
        let done = store.put_opts(key, value, o).await;
        done.map_err(|e| {
            if e.is(ErrorKind::Conflict) { Error::new(ErrorKind::Invalid, e.op(), "no").on(key) } else { e }
        })
    }
}

caught!(a_conflict_of_another_kind: ConflictAsInvalid, [
    "conditions.put": "invalid: no",
    "counters.first": "invalid: no",
    "counters.handles": "invalid: no",
    "counters.raw": "invalid: no",
    "expiry.writes": "invalid: no",
    "keys.system": "invalid: no",
    "walk.model": "walker",
    "writes.retry": "invalid: no",
]);

/// A transaction that is made step by step.
#[derive(Debug)]
struct StepByStep;

#[async_trait]
impl Quirk for StepByStep {
    async fn transact(&self, store: &Reference, steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        store.guarantees().check_transact(&steps)?;
        call.check(&larder_store_core::Env::system(), Op::Transact)?;
        let mut done = Vec::new();
        for step in steps {
            tokio::task::yield_now().await;
            done.push(match step {
                Step::Put(item) => {
                    StepDone::Written(store.put_opts(&item.key, item.value, &item.options).await?)
                }
                Step::Delete(item) => {
                    let mut o = DeleteOptions::new();
                    o.only = item.only;
                    StepDone::Removed(store.delete_opts(&item.key, &o).await?)
                }
                Step::Check { key, pre } => {
                    let head = store.head_opts(&key, &HeadOptions::new()).await?;
                    let version = head.meta().and_then(|meta| meta.version.as_ref());
                    pre.check(Op::Transact, version).map_err(|e| e.on(&key))?;
                    StepDone::Checked
                }
                _ => unreachable!(),
            });
        }
        Ok(Transacted::new(done))
    }
}

caught!(a_transaction_made_step_by_step: StepByStep, [
    "drops.transact": "transact dropped after 2 polls: 1 of 20 steps took effect",
    "transact.bank": "the money of all accounts after 64 transfers",
    "transact.none": "a transaction that must fail at step 1, Check",
    "walk.model": "walker",
]);

/// A transaction whose checks are not looked at.
#[derive(Debug)]
struct ChecksIgnored;

#[async_trait]
impl Quirk for ChecksIgnored {
    async fn transact(&self, store: &Reference, mut steps: Vec<Step>, call: &Call) -> Result<Transacted> {
        for step in &mut steps {
            if let Step::Check { pre, .. } = step {
                *pre = Precondition::Any;
            }
        }
        store.transact_opts(steps, call).await
    }
}

caught!(a_transaction_whose_checks_are_ignored: ChecksIgnored, [
    "expiry.writes": "a check of an expired version",
    "transact.none": "a transaction that must fail at step 0, Check",
    "walk.model": "walker",
]);

/// A get that does not look at `only`.
#[derive(Debug)]
struct OnlyIgnored;

#[async_trait]
impl Quirk for OnlyIgnored {
    async fn head(&self, store: &Reference, key: &Key, o: &HeadOptions) -> Result<Got<()>> {
        let mut o = o.clone();
        o.only = None;
        store.head_opts(key, &o).await
    }
}

caught!(a_head_that_ignores_its_version: OnlyIgnored, [
    "reads.versions": "only Some(\"stale\") unless None range None: got Found([]), expected Conflict",
]);
