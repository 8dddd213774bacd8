//! What goes out comes in as it was, between every two stores there are.
//!
//! `LARDER_MOVE_LARGEST=67108864` adds values of up to 64 MiB.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder::migrate::{
    CompareOptions, DumpPlace, ExportOptions, Side, WriteOptions, copy, export, import, verify,
};
use larder::{Env, Key, PutOptions, Store, StoreExt};
use larder_cloud_tests::s3::{Double, DoubleOptions};

#[path = "../../../../migrate/tests/jobs/common/mod.rs"]
mod common;

const KINDS: [&str; 7] =
    ["memory:", "file:", "lmdb:", "s3", "s3 layout=record", "lmdb/s3", "memory/lmdb/file"];

fn url(kind: &str, double: &Double, folder: &Path, name: &str) -> String {
    let place = folder.join(name);
    let place = place.display();
    let s3 = double.url(&format!("bucket/{name}"));
    match kind {
        "memory:" => "memory:".to_owned(),
        "file:" => format!("file:{place}?sync=none"),
        "lmdb:" => format!("lmdb:{place}?sync=none"),
        "s3" => s3,
        "s3 layout=record" => format!("{s3}&layout=record"),
        "lmdb/s3" => format!("lmdb:{place}?capacity=64MiB | {s3}&fresh=sole_writer"),
        "memory/lmdb/file" => {
            let fronts = format!("memory:?capacity=16MiB | lmdb:{place}-front?capacity=64MiB");
            format!("{fronts} | file:{place}?sync=none&fresh=sole_writer")
        }
        _ => unreachable!("no kind {kind}"),
    }
}

/// Each store gets everything from the one before it in turn, by copy and by dump, so that every ordered pair comes by.
#[tokio::test(flavor = "multi_thread")]
async fn between_every_two_stores() {
    let largest = std::env::var("LARDER_MOVE_LARGEST").map_or(Ok(2 << 20), |text| text.parse()).unwrap();
    let double = Double::start(DoubleOptions::default()).unwrap();
    double.create_bucket("bucket");
    let folder = tempfile::tempdir().unwrap();
    let open = async |kind: &str, name: &str| {
        let url = url(kind, &double, folder.path(), name);
        larder::open(&url).await.unwrap_or_else(|e| panic!("{url}: {e}"))
    };
    let original = open("memory:", "original").await;
    let entries = common::fill(&*original, largest, 150).await;
    for (i, from) in KINDS.iter().enumerate() {
        let source = open(from, &format!("from{i}")).await;
        copy(original.clone(), source.clone(), &WriteOptions::new())
            .await
            .unwrap_or_else(|e| panic!("{from}: {e}"));
        for (j, to) in KINDS.iter().enumerate() {
            let copied = open(to, &format!("copy{i}-{j}")).await;
            let report = copy(source.clone(), copied.clone(), &WriteOptions::new()).await;
            let report = report.unwrap_or_else(|e| panic!("{from} to {to}: {e}"));
            assert_eq!(report.written, entries, "{from} to {to}: {report:?}");
            assert_same(&original, copied, entries, &format!("{from} to {to}")).await;
        }
        let path = folder.path().join(format!("dump{i}"));
        export(source, DumpPlace::file(&path), &ExportOptions::new()).await.unwrap();
        let imported = open(from, &format!("import{i}")).await;
        import(DumpPlace::file(&path), imported.clone(), &WriteOptions::new()).await.unwrap();
        assert_same(&original, imported, entries, &format!("{from} by dump")).await;
        std::fs::remove_file(path).unwrap();
    }
}

/// Between buckets alike, one listing tells all that must be known before the values are read.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_asks_for_each_value_once() {
    let double = Double::start(DoubleOptions::default()).unwrap();
    double.create_bucket("bucket");
    let folder = tempfile::tempdir().unwrap();
    for (i, kind) in ["s3", "s3 layout=record"].iter().enumerate() {
        let open =
            async |name: String| larder::open(&url(kind, &double, folder.path(), &name)).await.unwrap();
        let (source, target) = (open(format!("from{i}")).await, open(format!("to{i}")).await);
        for n in 0..50 {
            source.put(&*format!("k/{n}"), "value").await.unwrap();
        }
        double.reset_requests();
        assert_eq!(copy(source, target, &WriteOptions::new()).await.unwrap().written, 50);
        let requests = double.requests();
        let of = |operation| requests.get(operation).copied().unwrap_or_default();
        // What is more is the job's memory: looked for, written, forgotten.
        assert_eq!(of("ListObjectsV2"), 1, "{kind}: {requests:?}");
        assert!(
            of("GetObject") <= 51 && of("PutObject") <= 52 && of("HeadObject") <= 1,
            "{kind}: {requests:?}"
        );
    }
}

/// A bucket lists what has expired. It is nowhere else, and harms no snapshot.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_passes_over_what_has_expired() {
    let double = Double::start(DoubleOptions::default()).unwrap();
    double.create_bucket("bucket");
    let folder = tempfile::tempdir().unwrap();
    let env = Env::system();
    for kind in ["s3", "s3 layout=record"] {
        let source =
            larder::open(&url(kind, &double, folder.path(), &kind.replace([' ', '='], "-"))).await.unwrap();
        let soon = PutOptions::new().with_expires(env.wall() + Duration::from_millis(300));
        source.put_opts(&Key::new("a").unwrap(), "gone".into(), &soon).await.unwrap();
        source.put("b", "stays").await.unwrap();
        while source.exists("a").await.unwrap() {
            env.sleep(Duration::from_millis(50)).await;
        }
        let place = DumpPlace::file(folder.path().join(kind));
        let report = export(source, place, &ExportOptions::new().with_snapshot(true)).await.unwrap();
        assert!(report.snapshot && (report.written, report.gone) == (1, 1), "{kind}: {report:?}");
    }
}

async fn assert_same(original: &Arc<dyn Store>, target: Arc<dyn Store>, entries: u64, what: &str) {
    let sides = (Side::Store(original.clone()), Side::Store(target.clone()));
    let found =
        verify(sides.0, sides.1, &CompareOptions::new()).await.unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(found.is_equal() && found.equal == entries, "{what}: {found:?}");
    target.close(&larder::Call::default()).await.unwrap();
}
