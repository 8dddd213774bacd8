//! What jobs do besides moving: conflicts, what does not fit, selections, plans.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use larder_migrate::{
    CompareOptions, Consistency, Depth, DumpPlace, Encoding, ExportOptions, JobOptions, OnConflict,
    OnProgress, Phase, Select, Side, Unfit, WriteOptions, check, copy, diff, export, import, plan,
};
use larder_store_core::layer::prefix::Prefixed;
use larder_store_core::{Attributes, Env, ErrorKind, Key, PutOptions, Store, StoreExt};

use crate::common::{empty, fill, open, tomorrow};
use crate::equal;

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let large = || crate::common::noise(1, 2 << 20);
    let source = open("memory:").await;
    for (key, value) in [("differs", "new"), ("only", "1"), ("same", "s")] {
        source.put(key, value).await.unwrap();
    }
    source.put("large/differs", large()).await.unwrap();
    source.put("large/same", large()).await.unwrap();
    let path = folder.path().join("dump");
    export(source.clone(), DumpPlace::file(&path), &ExportOptions::new()).await.unwrap();
    for dump in [false, true] {
        let run = async |target: &Arc<dyn Store>, on_conflict| {
            let options = WriteOptions::new().with_on_conflict(on_conflict);
            match dump {
                true => import(DumpPlace::file(&path), target.clone(), &options).await,
                false => copy(source.clone(), target.clone(), &options).await,
            }
        };
        let target = async || {
            let target = open("memory:").await;
            for (key, value) in [("differs", "old"), ("same", "s")] {
                target.put(key, value).await.unwrap();
            }
            target.put("large/differs", "old").await.unwrap();
            target.put("large/same", large()).await.unwrap();
            target
        };
        let there = target().await;
        let error = run(&there, OnConflict::Fail).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains("differs"), "{error}");
        assert_eq!(there.get("differs").await.unwrap().unwrap(), "old");

        let there = target().await;
        let report = run(&there, OnConflict::Skip).await.unwrap();
        assert_eq!((report.written, report.skipped), (1, 4), "{report:?}");
        assert_eq!(there.get("large/differs").await.unwrap().unwrap(), "old");

        let there = target().await;
        let report = run(&there, OnConflict::Overwrite).await.unwrap();
        assert_eq!((report.written, report.skipped), (5, 0), "{report:?}");
        assert!(equal(&source, &there).await);

        // The target's were written later: only what it does not have is written.
        let there = target().await;
        let report = run(&there, OnConflict::Newer).await.unwrap();
        assert_eq!((report.written, report.skipped), (1, 4), "{report:?}");
        // And now two of the source's are.
        source.put("differs", "newest").await.unwrap();
        source.put("large/differs", large()).await.unwrap();
        if !dump {
            let report = run(&there, OnConflict::Newer).await.unwrap();
            assert_eq!((report.written, report.skipped), (2, 3), "{report:?}");
            assert!(equal(&source, &there).await);
        }
        source.put("differs", "new").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let source = open("memory:").await;
    source.put("plain", "1").await.unwrap();
    let options = PutOptions::new().with_attributes(Attributes::new().set("a", "b"));
    source.put_opts(&Key::new("attributed").unwrap(), "2".into(), &options).await.unwrap();
    source.put_until("expiring", "3", tomorrow()).await.unwrap();
    let path = folder.path().join("dump");
    export(source.clone(), DumpPlace::file(&path), &ExportOptions::new()).await.unwrap();
    for dump in [false, true] {
        let raw =
            open(&format!("file:{}?layout=raw", folder.path().join(format!("raw-{dump}")).display())).await;
        let run = async |options: WriteOptions| match dump {
            true => import(DumpPlace::file(&path), raw.clone(), &options).await,
            false => copy(source.clone(), raw.clone(), &options).await,
        };
        for preflight in [true, false] {
            let job = JobOptions::new().with_preflight(preflight);
            let error = run(WriteOptions::new().with_job(job)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            if preflight {
                for word in ["1 × attributes", "1 × expiry", "\"attributed\"", "\"expiring\""] {
                    assert!(error.to_string().contains(word), "{error}");
                }
                assert_eq!(raw.get("plain").await.unwrap(), None);
            }
        }
        let report = run(WriteOptions::new().with_unfit(Unfit::LeaveOut)).await.unwrap();
        assert_eq!(
            (report.written + report.same, report.left_out["attributes"], report.left_out["expiry"]),
            (1, 1, 1)
        );
        assert_eq!(raw.get("expiring").await.unwrap(), None);
        let report = run(WriteOptions::new().with_unfit(Unfit::Strip)).await.unwrap();
        assert_eq!((report.written, report.same), (2, 1), "{report:?}");
        assert_eq!((report.left_out["attributes"], report.left_out["expiry"]), (1, 1));
        assert_eq!(raw.get("expiring").await.unwrap().unwrap(), "3");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_folder_goes_in_and_out() {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("site");
    std::fs::create_dir_all(plain.join("img")).unwrap();
    std::fs::write(plain.join("index.html"), "<html>").unwrap();
    std::fs::write(plain.join("img/a.png"), crate::common::noise(3, 3 << 20)).unwrap();
    let url = |path: &std::path::Path| format!("file:{}?layout=raw", path.display());
    let source = open(&url(&plain)).await;
    let target = empty("lmdb", folder.path(), "target").await;
    let report = copy(source.clone(), target.clone(), &WriteOptions::new()).await.unwrap();
    assert_eq!(report.written, 2);
    assert!(equal(&source, &target).await);
    let back = open(&url(&folder.path().join("back"))).await;
    copy(target, back, &WriteOptions::new()).await.unwrap();
    assert_eq!(
        std::fs::read(folder.path().join("back/img/a.png")).unwrap(),
        crate::common::noise(3, 3 << 20)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_selected() {
    let folder = tempfile::tempdir().unwrap();
    let source = open("memory:").await;
    for (key, size) in [("img/a.png", 10), ("img/b.gif", 10), ("img/sub/c.png", 3 << 20), ("doc/a.png", 10)] {
        source.put(key, vec![0; size]).await.unwrap();
    }
    let select = Select::new().with_glob("img/**/*.png").with_max_size(100);
    let job = JobOptions::new().with_select(select);
    let path = folder.path().join("dump");
    let report = export(source.clone(), DumpPlace::file(&path), &ExportOptions::new().with_job(job.clone()))
        .await
        .unwrap();
    assert_eq!(report.written, 1);
    let target = open("memory:").await;
    let report =
        copy(source.clone(), target.clone(), &WriteOptions::new().with_job(job.clone())).await.unwrap();
    assert_eq!((report.written, target.exists("img/a.png").await.unwrap()), (1, true));
    export(source.clone(), DumpPlace::file(&path), &ExportOptions::new().with_replace(true)).await.unwrap();
    let target = open("memory:").await;
    let report =
        import(DumpPlace::file(&path), target.clone(), &WriteOptions::new().with_job(job)).await.unwrap();
    assert_eq!((report.written, target.exists("img/a.png").await.unwrap()), (1, true));
    let old = JobOptions::new().with_select(Select::new().with_older_than(Duration::from_secs(3600)));
    let report = copy(source, open("memory:").await, &WriteOptions::new().with_job(old)).await.unwrap();
    assert_eq!(report.written, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_one_or_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("lmdb", folder.path(), "source").await;
    fill(&*source, 1000, 2500).await;
    let place = |name: &str| DumpPlace::file(folder.path().join(name));
    let options = ExportOptions::new().with_snapshot(true);
    let report = export(source.clone(), place("quiet"), &options).await.unwrap();
    assert!(report.snapshot);
    assert_eq!(check(place("quiet"), &JobOptions::new()).await.unwrap().consistency, Consistency::Snapshot);
    // Somebody writes a key before those that have been looked at, or read, already.
    for phase in [Phase::Preflight, Phase::Moving] {
        let writes = Arc::new(AtomicU64::new(0));
        let (store, runtime) = (source.clone(), tokio::runtime::Handle::current());
        let progress = OnProgress::new(move |progress| {
            if progress.phase != phase {
                return;
            }
            // Nobody is told twice within a moment.
            if progress.entries == 0 {
                let env = Env::system();
                let moment = async { env.sleep(Duration::from_millis(150)).await };
                tokio::task::block_in_place(|| runtime.block_on(moment));
            } else if writes.fetch_add(1, Ordering::Relaxed) == 0 {
                let (store, key) = (store.clone(), format!("!{phase:?}"));
                tokio::task::block_in_place(|| runtime.block_on(store.put(&*key, "meanwhile"))).unwrap();
            }
        });
        let options = options.clone().with_job(JobOptions::new().with_progress(progress));
        let error = export(source.clone(), place("busy"), &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{phase:?}: {error}");
        assert!(source.exists(&*format!("!{phase:?}")).await.unwrap());
        assert!(!folder.path().join("busy").exists());
    }
    // A key that comes behind the first listing and goes before the last, and was read between.
    let (store, runtime) = (source.clone(), tokio::runtime::Handle::current());
    let (puts, deletes) = (AtomicU64::new(0), AtomicU64::new(0));
    let progress = OnProgress::new(move |progress| {
        let now = |count: &AtomicU64| count.fetch_add(1, Ordering::Relaxed) == 0;
        let call = async {
            match (progress.phase, progress.entries) {
                (Phase::Preflight, 0) if now(&puts) => store.put("!a", "for a moment").await.map(|_| ()),
                (Phase::Moving, 1..) if now(&deletes) => store.delete("!a").await.map(|_| ()),
                (Phase::Moving, 0) => {
                    Env::system().sleep(Duration::from_millis(150)).await;
                    Ok(())
                }
                _ => Ok(()),
            }
        };
        tokio::task::block_in_place(|| runtime.block_on(call)).unwrap();
    });
    let options = options.with_job(JobOptions::new().with_progress(progress));
    let error = export(source.clone(), place("passing"), &options).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert!(!source.exists("!a").await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_others_come_in() {
    let target = open("memory:").await;
    let lines = "{\"key\":\"b\",\"text\":\"1\",\"content-type\":\"text/plain\"}\n\n{\"key\":\"a\",\"base64\":\"AAH/\"}\n{\"text\":\"2\",\"key\":\"b\"}";
    let input = || DumpPlace::input(lines.as_bytes());
    let options = WriteOptions::new().with_on_conflict(OnConflict::Overwrite);
    let report = import(input(), target.clone(), &options).await.unwrap();
    assert_eq!(report.written, 3);
    assert_eq!(target.get("a").await.unwrap().unwrap(), &[0, 1, 255][..]);
    assert_eq!(target.get("b").await.unwrap().unwrap(), "2", "the later line wins");
    for bad in [
        "{\"key\":\"\",\"text\":\"\"}",
        "{\"key\":\"a\"}",
        "{\"key\":\"a\",\"text\":\"\",\"more\":1}",
        "{\"key\":1,\"text\":\"\"}",
        "{\"x\":1}x",
    ] {
        let error = import(DumpPlace::input(bad.as_bytes()), target.clone(), &options).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported), "{bad}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_without_its_end_comes_in_only_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let source = open("memory:").await;
    let entries = fill(&*source, 2 << 20, 2500).await;
    let path = folder.path().join("dump");
    let options = ExportOptions::new().with_encoding(Encoding::Zstd(1));
    export(source.clone(), DumpPlace::file(&path), &options).await.unwrap();
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 10]).unwrap();
    let target = open("memory:").await;
    let error = import(DumpPlace::file(&path), target.clone(), &WriteOptions::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(target.list("").next().await.map(|_| ()), None, "nothing was written");
    let options = WriteOptions::new().with_incomplete(true);
    let report = import(DumpPlace::file(&path), target.clone(), &options).await.unwrap();
    assert!(report.incomplete.is_some() && report.written > 0 && report.written < entries, "{report:?}");
    let found = diff(Side::Store(source), Side::Store(target), &CompareOptions::new(), |_| {}).await.unwrap();
    assert_eq!((found.changed, found.extra, found.equal), (0, 0, report.written));
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_told_by_what_differs() {
    let (a, b) = (open("memory:").await, open("memory:").await);
    let key = |k: &str| Key::new(k).unwrap();
    let attributed = PutOptions::new().with_attributes(Attributes::new().set("a", "b"));
    a.put("value", "12").await.unwrap();
    b.put("value", "21").await.unwrap();
    a.put_opts(&key("attributes"), "1".into(), &attributed).await.unwrap();
    b.put("attributes", "1").await.unwrap();
    a.put("expiry", "1").await.unwrap();
    b.put_until("expiry", "1", tomorrow()).await.unwrap();
    a.put("missing", "1").await.unwrap();
    b.put("extra", "1").await.unwrap();
    let told = async |depth| {
        let mut told = Vec::new();
        let options = CompareOptions::new().with_depth(depth);
        let sides = (Side::Store(a.clone()), Side::Store(b.clone()));
        diff(sides.0, sides.1, &options, |d| told.push(format!("{} {:?}", d.key, d.what))).await.unwrap();
        told
    };
    let facts = [
        "attributes Changed { value: false, attributes: true, expiry: false }",
        "expiry Changed { value: false, attributes: false, expiry: true }",
        "extra Extra",
        "missing Missing",
    ];
    assert_eq!(told(Depth::Facts).await, facts);
    assert_eq!(told(Depth::Values).await[..4], facts);
    assert_eq!(
        told(Depth::Values).await[4],
        "value Changed { value: true, attributes: false, expiry: false }"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("file", folder.path(), "source").await;
    let entries = fill(&*source, 1000, 2500).await;
    let target: Arc<dyn Store> = empty("lmdb", folder.path(), "target").await;
    let found = plan(Side::Store(source.clone()), Some(&target), &JobOptions::new()).await.unwrap();
    assert_eq!((found.found.entries, found.found.misfits.len(), found.dollars), (entries, 0, Some(0.0)));
    assert!(found.seconds.unwrap() > 0.0 && found.target.writes < entries);
    assert_eq!(target.list("").next().await.map(|_| ()), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_neither_copied_nor_dumped_into_itself() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("file", folder.path(), "source").await;
    source.put("data/a", "1").await.unwrap();
    let error = copy(source.clone(), source.clone(), &WriteOptions::new()).await.unwrap_err();
    assert!(error.is(ErrorKind::Invalid) && error.to_string().contains("same store"), "{error}");
    let below: Arc<dyn Store> = Arc::new(Prefixed::new(source.clone(), "copy/").unwrap());
    let error = copy(source.clone(), below, &WriteOptions::new()).await.unwrap_err();
    assert!(error.is(ErrorKind::Invalid) && error.to_string().contains("lies in the source"), "{error}");
    let place = || DumpPlace::object(source.clone(), Key::new("dumps/today").unwrap());
    let error = export(source.clone(), place(), &ExportOptions::new()).await.unwrap_err();
    assert!(error.is(ErrorKind::Invalid) && error.to_string().contains("would lie in"), "{error}");
    // Beside what is exported it may lie.
    let job = JobOptions::new().with_select(Select::new().with_prefix("data/"));
    export(source.clone(), place(), &ExportOptions::new().with_job(job)).await.unwrap();
    assert_eq!(check(place(), &JobOptions::new()).await.unwrap().totals.entries, 1);
}
