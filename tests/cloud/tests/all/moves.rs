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
const MANY: u32 = 2000;

/// Every ordered pair of these kinds, those of one kind among them.
async fn between(test: &str, kinds: &[&str], many: u32) {
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
        for (j, to) in kinds.iter().enumerate() {
            let copied = open(&servers, to, folder.path(), &format!("copy{i}-{j}")).await;
            let report = copy(source.clone(), copied.clone(), &WriteOptions::new()).await;
            let report = report.unwrap_or_else(|e| panic!("{from} to {to}: {e}"));
            assert_eq!(report.written, entries, "{from} to {to}: {report:?}");
            assert_same(&original, copied, entries, &format!("{from} to {to}")).await;
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
async fn between_every_two_backends() {
    between("moves::between_every_two_backends", &BACKENDS, MANY).await;
}

/// Whatever stands above a backend, or how it lays out what it keeps.
#[tokio::test(flavor = "multi_thread")]
async fn between_stacks_and_layouts() {
    let kinds = ["memory", "s3 layout=record", "lmdb/s3", "memory/lmdb/file"];
    between("moves::between_stacks_and_layouts", &kinds, 150).await;
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
