//! What goes out comes in as it was, between every two stores there are.
//!
//! `LARDER_MOVE_LARGEST=67108864` adds values of up to 64 MiB.

use std::path::Path;
use std::sync::Arc;

use larder::Store;
use larder::migrate::{
    CompareOptions, DumpPlace, ExportOptions, Side, WriteOptions, copy, export, import, verify,
};

use crate::servers::{BACKENDS, Servers};

#[path = "../../../../migrate/tests/jobs/common/mod.rs"]
mod common;

/// Small entries beside those that something is odd about.
const FEW: u32 = 150;
const MANY: u32 = 2000;

/// Every ordered pair of these kinds that is chosen, those of one kind among them, which also go by a dump.
async fn between(test: &str, kinds: &[&str], many: u32, chosen: impl Fn(&str, &str) -> bool) {
    let largest = std::env::var("LARDER_MOVE_LARGEST").map_or(Ok(2 << 20), |text| text.parse()).unwrap();
    let Some(servers) = Servers::for_test(test).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let original = open(&servers, "memory", folder.path(), "original").await;
    let entries = common::fill(&*original, largest, many).await;
    for (i, from) in kinds.iter().enumerate() {
        let source = open(&servers, from, folder.path(), &format!("from{i}")).await;
        copy(original.clone(), source.clone(), &WriteOptions::new())
            .await
            .unwrap_or_else(|e| panic!("{from}: {e}"));
        for (j, to) in kinds.iter().enumerate().filter(|(_, to)| chosen(from, to)) {
            let copied = open(&servers, to, folder.path(), &format!("copy{i}-{j}")).await;
            let report = copy(source.clone(), copied.clone(), &WriteOptions::new()).await;
            let report = report.unwrap_or_else(|e| panic!("{from} to {to}: {e}"));
            assert_eq!(report.written, entries, "{from} to {to}: {report:?}");
            assert_same(&original, copied, entries, &format!("{from} to {to}")).await;
        }
        if !chosen(from, from) {
            continue;
        }
        let path = folder.path().join(format!("dump{i}"));
        export(source, DumpPlace::file(&path), &ExportOptions::new()).await.unwrap();
        let imported = open(&servers, from, folder.path(), &format!("import{i}")).await;
        import(DumpPlace::file(&path), imported.clone(), &WriteOptions::new()).await.unwrap();
        assert_same(&original, imported, entries, &format!("{from} by dump")).await;
        std::fs::remove_file(path).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_folders_and_buckets() {
    let kinds = ["memory", "file", "lmdb", "s3", "gs"];
    between("moves::between_folders_and_buckets", &kinds, FEW, |_, _| true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_dynamodb_and_all_others() {
    let test = "moves::between_dynamodb_and_all_others";
    between(test, &BACKENDS, MANY, |from, to| from == "dynamodb" || to == "dynamodb").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_redis_and_all_others() {
    let test = "moves::between_redis_and_all_others";
    // DynamoDB and Redis are a pair of the test before.
    let kinds = ["memory", "file", "lmdb", "s3", "gs", "redis"];
    between(test, &kinds, MANY, |from, to| from == "redis" || to == "redis").await;
}

/// Whatever stands above a backend, or how it lays out what it keeps.
#[tokio::test(flavor = "multi_thread")]
async fn between_stacks_and_layouts() {
    let kinds = ["memory", "s3 layout=record", "lmdb/s3", "memory/lmdb/file"];
    between("moves::between_stacks_and_layouts", &kinds, FEW, |_, _| true).await;
}

async fn open(servers: &Servers, kind: &str, folder: &Path, name: &str) -> Arc<dyn Store> {
    let url = servers.url(kind, folder, name);
    larder::open(&url).await.unwrap_or_else(|e| panic!("{url}: {e}"))
}

async fn assert_same(original: &Arc<dyn Store>, target: Arc<dyn Store>, entries: u64, what: &str) {
    let sides = (Side::Store(original.clone()), Side::Store(target.clone()));
    let found =
        verify(sides.0, sides.1, &CompareOptions::new()).await.unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(found.is_equal() && found.equal == entries, "{what}: {found:?}");
    target.close(&larder::Call::default()).await.unwrap();
}
