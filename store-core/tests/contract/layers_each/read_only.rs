//! Every write is refused.

use std::sync::Arc;

use larder_store_core::conformance::{Place, Reference};
use larder_store_core::layer::read_only::ReadOnly;
use larder_store_core::{
    Call, CasScope, DeleteItem, DeleteOptions, Env, Error, ErrorKind, Op, PutItem, PutOptions, Step, Store,
    StoreExt, SweepOptions,
};

use crate::common::faulty::{body, key};

#[tokio::test]
async fn writes_are_refused_by_name_and_reads_pass() {
    let inner = Arc::new(Reference::new(&Place::new("read", Env::system())));
    inner.put("k", "v").await.unwrap();
    let before = inner.head("k").await.unwrap();
    let store = ReadOnly::new(inner.clone());
    let item = || PutItem { key: key("k"), value: "new".into(), options: PutOptions::new() };
    let refused = |op: Op, error: Error| {
        assert_eq!((error.kind(), error.op(), error.settled()), (ErrorKind::Unsupported, op, true));
        assert!(error.to_string().contains("read only") && error.store() == Some(inner.id()), "{error}");
    };
    refused(Op::Put, store.put("k", "new").await.unwrap_err());
    refused(Op::PutStream, store.put_stream("k", body(&["new"])).await.unwrap_err());
    refused(Op::Delete, store.delete("k").await.unwrap_err());
    let call = Call::default();
    refused(Op::PutMany, store.put_many_opts(vec![item()], &call).await.remove(0).unwrap_err());
    let items = vec![DeleteItem { key: key("k"), only: None }];
    refused(
        Op::DeleteMany,
        store.delete_many_opts(items, &DeleteOptions::new()).await.remove(0).unwrap_err(),
    );
    refused(Op::Copy, store.copy("k", "new").await.unwrap_err());
    refused(Op::Transact, store.transact(vec![Step::Put(item())]).await.unwrap_err());
    refused(Op::Sweep, store.sweep(&SweepOptions::new()).await.unwrap_err());
    assert_eq!(inner.head("k").await.unwrap(), before);
    assert!(!inner.exists("new").await.unwrap());

    assert!(store.update("k", |_| None).await.is_err());
    let mut dry = SweepOptions::new();
    dry.dry_run = true;
    store.sweep(&dry).await.unwrap();
    assert_eq!(store.get("k").await.unwrap().unwrap(), "v");
    assert_eq!(store.head("k").await.unwrap(), before);
    let g = store.guarantees();
    assert_eq!((g.cas, g.conditional_delete, g.transactions), (CasScope::None, false, None));
    store.close(&call).await.unwrap();
    assert_eq!(inner.get("k").await.unwrap_err().kind(), ErrorKind::Closed);
}
