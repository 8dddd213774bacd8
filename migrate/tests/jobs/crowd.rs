//! Many jobs at once.

use std::sync::Arc;

use futures_util::future::join_all;
use larder_migrate::{
    CompareOptions, DumpPlace, ExportOptions, JobOptions, Side, WriteOptions, check, copy, export, import,
    verify,
};
use larder_store_core::layer::prefix::Prefixed;
use larder_store_core::{Env, Store, StoreExt};

use crate::common::{empty, open};

const CALLERS: u32 = 500;
const ENTRIES: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn jobs_do_not_stand_in_each_others_way() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("lmdb", folder.path(), "source").await;
    let target = empty("lmdb", folder.path(), "target").await;
    for i in 0..ENTRIES {
        source.put(&*format!("k/{i}"), format!("value {i}")).await.unwrap();
    }
    let env = Env::system();
    let jobs = (0..CALLERS).map(|caller| {
        let (source, path) = (source.clone(), folder.path().join(caller.to_string()));
        let own = Prefixed::new(target.clone(), format!("caller/{caller}/")).unwrap();
        let (done, all) = tokio::sync::oneshot::channel();
        // Each in a task of its own: what a service does with a job.
        env.spawn(async move {
            let own: Arc<dyn Store> = Arc::new(own);
            let place = || DumpPlace::file(&path);
            export(source.clone(), place(), &ExportOptions::new()).await.unwrap();
            assert_eq!(check(place(), &JobOptions::new()).await.unwrap().totals.entries, ENTRIES);
            import(place(), own.clone(), &WriteOptions::new()).await.unwrap();
            let last = open("memory:").await;
            copy(own, last.clone(), &WriteOptions::new()).await.unwrap();
            let sides = (Side::Store(source), Side::Store(last));
            done.send(verify(sides.0, sides.1, &CompareOptions::new()).await.unwrap()).unwrap();
        });
        all
    });
    for found in join_all(jobs).await {
        let found = found.expect("a job that panicked");
        assert!(found.is_equal() && found.equal == ENTRIES, "{found:?}");
    }
}
