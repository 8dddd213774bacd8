//! What moving costs and leaves out where buckets are concerned.

use std::time::Duration;

use larder::migrate::{DumpPlace, ExportOptions, WriteOptions, copy, export};
use larder::{Env, Key, PutOptions, StoreExt};
use larder_cloud_tests::s3::{Double, DoubleOptions};

fn url(kind: &str, double: &Double, name: &str) -> String {
    let url = double.url(&format!("bucket/{name}"));
    match kind {
        "s3 layout=record" => format!("{url}&layout=record"),
        _ => url,
    }
}

/// Between buckets alike, one listing tells all that must be known before the values are read.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_asks_for_each_value_once() {
    let double = Double::start(DoubleOptions::default()).unwrap();
    double.create_bucket("bucket");
    for (i, kind) in ["s3", "s3 layout=record"].iter().enumerate() {
        let open = async |name: String| larder::open(&url(kind, &double, &name)).await.unwrap();
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
        let source = larder::open(&url(kind, &double, &kind.replace([' ', '='], "-"))).await.unwrap();
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
