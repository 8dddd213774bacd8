//! Deletes and transactions of unknown fate.

use std::time::Duration;

use futures_util::FutureExt;
use larder_store_core::layer::fault::Fault;
use larder_store_core::{
    Call, DeleteItem, DeleteOptions, Deleted, ErrorKind, Op, Precondition, PutItem, PutOptions, Removed,
    Result, Step, StepDone, Store, StoreExt, Version,
};

use crate::common::faulty::key;
use crate::common::retried::{Bed, bed};

const OPS: [Op; 2] = [Op::Delete, Op::DeleteMany];

async fn delete(bed: &Bed, op: Op, only: Option<Version>) -> Result<Removed> {
    let mut options = DeleteOptions::new();
    match op {
        Op::Delete => {
            options.only = only;
            bed.store.delete_opts(&key("old"), &options).await
        }
        _ => {
            let items = vec![DeleteItem { key: key("old"), only }];
            bed.store.delete_many_opts(items, &options).await.remove(0)
        }
    }
}

async fn version(bed: &Bed) -> Version {
    bed.inner.head("old").await.unwrap().unwrap().version.unwrap()
}

fn late_look() -> Fault {
    Fault::before([Op::Head]).delay(Duration::from_millis(1))
}

fn meanwhile(bed: &Bed, pre: Precondition) {
    let inner = bed.inner.clone();
    bed.clock.meanwhile(move || {
        let options = PutOptions::new().with_pre(pre.clone());
        inner.put_opts(&key("old"), "theirs".into(), &options).now_or_never().unwrap().is_ok()
    });
}

#[tokio::test]
async fn an_unconditional_one_is_sent_again_and_does_not_know_who_removed_it() {
    for op in OPS {
        let bed = bed([Fault::after([op]).times(2), late_look()]).await;
        let removed = delete(&bed, op, None).await.unwrap();
        assert_eq!((removed.existed, removed.settled), (Deleted::NotTold, false), "{op}");
        assert_eq!((bed.asked(op), bed.asked(Op::Head)), (3, 0), "{op}");
        let bed = crate::common::retried::bed([Fault::before([op]).times(2)]).await;
        let removed = delete(&bed, op, None).await.unwrap();
        assert_eq!((removed.existed, removed.settled), (Deleted::Yes, true), "{op}");
    }
}

#[tokio::test]
async fn a_conditional_one_that_finds_nothing_is_unknown() {
    for op in OPS {
        let bed = bed([Fault::after([op]).nth(1), late_look()]).await;
        let only = version(&bed).await;
        let error = delete(&bed, op, Some(only)).await.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false), "{op}");
        assert_eq!((bed.asked(op), bed.asked(Op::Head)), (1, 1), "{op}");
        assert!(!bed.inner.exists("old").await.unwrap());
    }
}

#[tokio::test]
async fn a_conditional_one_that_finds_its_version_is_sent_again() {
    for op in OPS {
        let bed = bed([Fault::before([op]).fail(ErrorKind::Unknown).times(2), late_look()]).await;
        let only = version(&bed).await;
        let removed = delete(&bed, op, Some(only)).await.unwrap();
        assert_eq!((removed.existed, removed.settled), (Deleted::Yes, false), "{op}");
        assert_eq!((bed.asked(op), bed.asked(Op::Head)), (3, 2), "{op}");
    }
}

#[tokio::test]
async fn a_conditional_one_that_finds_another_version() {
    for op in OPS {
        let unknown = || [Fault::before([op]).fail(ErrorKind::Unknown).nth(1), late_look()];
        let replaced = bed(unknown()).await;
        let only = version(&replaced).await;
        meanwhile(&replaced, Precondition::Matches(only.clone()));
        let error = delete(&replaced, op, Some(only)).await.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Conflict, false), "{op}");
        assert_eq!(error.current(), Some(&version(&replaced).await));

        let begun_anew = bed(unknown()).await;
        let only = version(&begun_anew).await;
        meanwhile(&begun_anew, Precondition::Any);
        let error = delete(&begun_anew, op, Some(only)).await.unwrap_err();
        assert_eq!((error.kind(), error.settled()), (ErrorKind::Unknown, false), "{op}");
    }
}

#[tokio::test]
async fn a_transaction_is_sent_again_only_if_it_was_surely_not_made() {
    let steps = || {
        let item = PutItem { key: key("new"), value: "v".into(), options: PutOptions::new() };
        vec![Step::Put(item), Step::Delete(DeleteItem { key: key("old"), only: None })]
    };
    let bed = bed([Fault::before([Op::Transact]).times(3)]).await;
    let done = bed.store.transact(steps()).await.unwrap();
    let StepDone::Written(written) = &done.steps[0] else { panic!("{done:?}") };
    assert_eq!((done.settled, written.settled, bed.asked(Op::Transact)), (true, true, 4));

    for kind in [ErrorKind::Unknown, ErrorKind::Unavailable, ErrorKind::Timeout] {
        let bed = crate::common::retried::bed([Fault::after([Op::Transact]).fail(kind).nth(1)]).await;
        let error = bed.store.transact_opts(steps(), &Call::default()).await.unwrap_err();
        assert_eq!((error.kind(), error.settled(), bed.asked(Op::Transact)), (ErrorKind::Unknown, false, 1));
        assert!(bed.inner.exists("new").await.unwrap());
    }
}
