//! Copies on the service's side.

use bytes::Bytes;
use larder::{Copied, CopyOptions, ErrorKind, Key, Precondition, PutOptions, Store, StoreExt};
use larder_cloud_tests::gs::{Fault, FaultPlan, When};

use crate::service::double;

#[tokio::test]
async fn a_large_one_takes_many_calls_and_moves_nothing() {
    let double = double();
    double.set_rewrite(3 << 20);
    let store = larder::open(&double.url("bucket")).await.unwrap();
    let value = Bytes::from(vec![9; 10 << 20]);
    store.put("from", value.clone()).await.unwrap();
    double.reset_requests();
    let Copied::Done(written) = store.copy("from", "to").await.unwrap() else { panic!("absent") };
    let requests = double.requests();
    assert_eq!((requests["GetObject"], requests["RewriteObject"]), (1, 4), "{requests:?}");
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert_eq!(store.get("to").await.unwrap(), Some(value));
    let head = store.head("to").await.unwrap().unwrap();
    assert_eq!((head.version, head.write_id), (Some(written.version), Some(written.write_id)));
}

/// However the calls end, a copy is made once or said to be unknown.
#[tokio::test]
async fn one_whose_answer_is_lost_is_found() {
    let double = double();
    let store =
        larder::open(&format!("{}&attempts=6&attempt_timeout=1s", double.url("bucket"))).await.unwrap();
    let value = Bytes::from(vec![9; 5 << 20]);
    let from = Key::new("from").unwrap();
    let options = PutOptions::new().with_attributes(larder::Attributes::new().set("a", "b"));
    store.put_opts(&from, value.clone(), &options).await.unwrap();
    double.set_rewrite(2 << 20);
    for (n, fault) in [
        Fault::Reset(When::After),
        Fault::Failing(503, When::After),
        Fault::Failing(500, When::Before),
        Fault::FalsePrecondition,
    ]
    .into_iter()
    .enumerate()
    {
        let to = Key::new(format!("to/{n}")).unwrap();
        double.faults().set(FaultPlan::new(n as u64).only(fault, 0.4, &["RewriteObject"]));
        let absent = CopyOptions::new().with_pre(Precondition::Absent);
        let done = store.copy_opts(&from, &to, &absent).await;
        double.faults().clear();
        match done {
            Ok(Copied::Done(written)) => {
                let head = store.head(&to).await.unwrap().unwrap();
                assert_eq!(head.write_id, Some(written.write_id), "{fault}");
                assert_eq!(store.get(&to).await.unwrap(), Some(value.clone()), "{fault}");
            }
            Ok(Copied::Absent) => panic!("{fault}: the source is there"),
            Err(error) => {
                assert!(error.kind().is_retryable() || error.is(ErrorKind::Unknown), "{fault}: {error}")
            }
        }
    }
}
