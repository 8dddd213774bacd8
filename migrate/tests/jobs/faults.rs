//! Stores that fail in the middle of a job.

use std::sync::Arc;

use crate::common::{empty, fill, noise, open};
use larder_migrate::{
    CompareOptions, DumpPlace, Encoding, ExportOptions, JobOptions, Side, WriteOptions, check, copy, diff,
    export, import, verify,
};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{ErrorKind, Op, Store, StoreExt};

fn faulty(store: Arc<dyn Store>, faults: impl IntoIterator<Item = Fault>) -> Arc<dyn Store> {
    Arc::new(FaultStore::new(store, Faults::new(5, faults).unwrap()))
}

async fn equal(source: Side, target: Arc<dyn Store>) -> bool {
    verify(source, Side::Store(target), &CompareOptions::new()).await.unwrap().is_equal()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_changes_while_it_is_read_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let inner = open("memory:").await;
    inner.put("a", "small").await.unwrap();
    inner.put("large", noise(1, 6 << 20)).await.unwrap();
    inner.put("z", noise(2, 2 << 20)).await.unwrap();
    let changing = || {
        let cut = Fault::before([Op::GetStream]).cut((3 << 20) + 17, ErrorKind::Conflict).times(3);
        faulty(inner.clone(), [cut])
    };
    for encoding in [Encoding::Zstd(1), Encoding::Plain, Encoding::JsonLines] {
        let place = || DumpPlace::file(folder.path().join(format!("{encoding:?}")));
        let options = ExportOptions::new().with_encoding(encoding);
        let report = export(changing(), place(), &options).await.unwrap();
        assert_eq!((report.written, report.bytes), (3, 5 + (8 << 20)), "{report:?}");
        let totals = check(place(), &JobOptions::new()).await.unwrap().totals;
        assert_eq!((totals.entries, totals.bytes, totals.largest_value), (3, 5 + (8 << 20), 6 << 20));
        let target = open("memory:").await;
        let report = import(place(), target.clone(), &WriteOptions::new()).await.unwrap();
        assert_eq!((report.written, report.left_out.len()), (3, 0), "{report:?}");
        assert!(equal(Side::Store(inner.clone()), target).await);
        assert!(equal(Side::Dump(place()), inner.clone()).await);
    }
    let target = open("memory:").await;
    copy(changing(), target.clone(), &WriteOptions::new()).await.unwrap();
    assert!(equal(Side::Store(inner.clone()), target).await);
    let sides = (Side::Store(changing()), Side::Store(inner.clone()));
    assert!(diff(sides.0, sides.1, &CompareOptions::new(), |_| {}).await.unwrap().is_equal());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_put_whose_answer_is_lost_is_looked_for() {
    let source = open("memory:").await;
    let entries = fill(&*source, 1000, 300).await;
    let inner = open("memory:").await;
    let target = faulty(inner.clone(), [Fault::after([Op::Put, Op::PutMany]).rate(0.3)]);
    let report = copy(source.clone(), target, &WriteOptions::new()).await.unwrap();
    assert_eq!(report.written, entries, "{report:?}");
    assert!(equal(Side::Store(source), inner).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_goes_on_until_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("lmdb", folder.path(), "source").await;
    let entries = fill(&*source, 3 << 20, 2500).await;
    let path = folder.path().join("dump");
    let place = || DumpPlace::file(&path);
    let ops = [Op::Get, Op::GetStream, Op::Put, Op::PutStream, Op::PutMany, Op::List, Op::Head];
    let share = || [Fault::before(ops).rate(0.002)];
    // The same faults throughout: a run meets them where the one before stopped meeting them.
    let flaky = faulty(source.clone(), share());
    let mut failures = 0;
    while let Err(error) = export(flaky.clone(), place(), &ExportOptions::new()).await {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        let begun = folder.path().join("dump.partial").exists();
        assert_eq!(error.to_string().contains("goes on where it stopped"), begun, "{error}");
        failures += 1;
        assert!(failures < 100, "{error}");
    }
    assert_eq!(check(place(), &JobOptions::new()).await.unwrap().totals.entries, entries);
    for dump in [false, true] {
        let inner = empty("file", folder.path(), &format!("target-{dump}")).await;
        let target = faulty(inner.clone(), share());
        while let Err(error) = match dump {
            true => import(place(), target.clone(), &WriteOptions::new()).await,
            false => copy(source.clone(), target.clone(), &WriteOptions::new()).await,
        } {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            failures += 1;
            assert!(failures < 200, "{error}");
        }
        assert!(equal(Side::Store(source.clone()), inner).await);
    }
    assert!(failures > 3, "nothing failed, so nothing was shown: {failures}");
}
