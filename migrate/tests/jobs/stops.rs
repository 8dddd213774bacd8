//! Going on after a stop, and who may.

use std::sync::Arc;
use std::time::Duration;

use larder_migrate::{
    CompareOptions, DumpPlace, Encoding, ExportOptions, JobOptions, OnConflict, OnProgress, Resume, Select,
    Side, Unfit, WriteOptions, check, copy, export, import, verify,
};
use larder_store_core::layer::fault::{Fault, FaultStore, Faults};
use larder_store_core::{Attributes, Call, Env, Error, ErrorKind, Key, Op, PutOptions, Store, StoreExt};
use tokio_util::sync::CancellationToken;

use crate::common::{empty, fill, open};
use crate::equal;

async fn equal_to_dump(source: &Arc<dyn Store>, dump: DumpPlace) -> bool {
    let sides = (Side::Store(source.clone()), Side::Dump(dump));
    verify(sides.0, sides.1, &CompareOptions::new()).await.unwrap().is_equal()
}

/// A store that does not answer on this key, and options of a job that is cancelled when it has come to that. Nothing
/// else is under way then: what is done up to there is the same each time.
fn stops_at(store: &Arc<dyn Store>, key: &str) -> (Arc<dyn Store>, JobOptions) {
    let ops = [Op::Get, Op::GetStream, Op::Put, Op::PutMany, Op::PutStream];
    let late = Fault::before(ops).keys(key).delay(Duration::from_secs(600));
    let store = Arc::new(FaultStore::new(store.clone(), Faults::new(1, [late]).unwrap()));
    let (cancel, watched) = (CancellationToken::new(), store.clone());
    let call = Call::default().with_cancel(cancel.clone());
    Env::system().spawn(async move {
        while watched.faults().struck() == 0 {
            Env::system().sleep(Duration::from_millis(1)).await;
        }
        cancel.cancel();
    });
    (store, JobOptions::new().with_call(call).with_width(1).with_remember(Duration::ZERO))
}

fn assert_cancelled(error: &Error) {
    assert!(matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Unknown), "{error}");
    assert!(error.advice().is_some(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_export_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("lmdb", folder.path(), "source").await;
    let entries = fill(&*source, 3 << 20, 2500).await;
    let dumps = empty("file", folder.path(), "dumps").await;
    for encoding in [Encoding::Zstd(1), Encoding::Plain, Encoding::JsonLines] {
        for (split, objects) in [(None, false), (Some(100 << 10), false), (Some(100 << 10), true)] {
            let name = format!("{encoding:?} {split:?} {objects}");
            let place = || match objects {
                false => DumpPlace::file(folder.path().join(&name)),
                true => DumpPlace::object(dumps.clone(), Key::new(name.as_str()).unwrap()),
            };
            let mut options = ExportOptions::new().with_encoding(encoding);
            options.split = split;
            for key in ["many/000600", "many/001500"] {
                let (slow, job) = stops_at(&source, key);
                assert_cancelled(&export(slow, place(), &options.clone().with_job(job)).await.unwrap_err());
            }
            let report = export(source.clone(), place(), &options).await.unwrap();
            assert!(report.resumed > 0, "{name}: {report:?}");
            assert_eq!(report.written, entries, "{name}: {report:?}");
            let found = verify(Side::Store(source.clone()), Side::Dump(place()), &CompareOptions::new())
                .await
                .unwrap();
            assert!(found.is_equal(), "{name}: {found:?}");
            // It is whole now: nobody writes over it unasked.
            let error = export(source.clone(), place(), &options).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            export(source.clone(), place(), &options.clone().with_replace(true)).await.unwrap();
            assert_eq!(check(place(), &JobOptions::new()).await.unwrap().totals.entries, entries);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_beginning_of_another_dump_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (empty("lmdb", folder.path(), "a").await, empty("file", folder.path(), "b").await);
    fill(&*a, 1000, 2500).await;
    b.put("k", "v").await.unwrap();
    let place = || DumpPlace::file(folder.path().join("dump"));
    let (slow, job) = stops_at(&a, "many/000800");
    export(slow, place(), &ExportOptions::new().with_job(job)).await.unwrap_err();
    for other in [
        (b.clone(), ExportOptions::new()),
        (
            a.clone(),
            ExportOptions::new().with_job(JobOptions::new().with_select(Select::new().with_prefix("many/"))),
        ),
        (a.clone(), ExportOptions::new().with_encoding(Encoding::Plain)),
    ] {
        let error = export(other.0, place(), &other.1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains("restart"), "{error}");
    }
    let report = export(b, place(), &ExportOptions::new().with_resume(Resume::Restart)).await.unwrap();
    assert_eq!((report.resumed, report.written), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_copy_or_import_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("lmdb", folder.path(), "source").await;
    let entries = fill(&*source, 3 << 20, 2500).await;
    let path = folder.path().join("dump");
    export(source.clone(), DumpPlace::file(&path), &ExportOptions::new()).await.unwrap();
    for kind in ["lmdb", "file"] {
        for dump in [false, true] {
            let target = empty(kind, folder.path(), &format!("{kind}-{dump}")).await;
            let run = async |to: &Arc<dyn Store>, options: WriteOptions| match dump {
                true => import(DumpPlace::file(&path), to.clone(), &options).await,
                false => copy(source.clone(), to.clone(), &options).await,
            };
            // What comes in a batch of its own, and not the first.
            let (slow, job) = stops_at(&target, "size/6");
            assert_cancelled(&run(&slow, WriteOptions::new().with_job(job)).await.unwrap_err());
            assert!(!equal(&source, &target).await);
            // What was done in one way is not gone on with in another.
            let other = WriteOptions::new().with_on_conflict(OnConflict::Skip);
            let error = run(&target, other).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
            let told = error.to_string();
            assert!(told.contains("fail") && told.contains("skip") && told.contains("restart"), "{told}");
            let report = run(&target, WriteOptions::new()).await.unwrap();
            assert!(report.resumed > 1000, "{kind} {dump}: {report:?}");
            assert_eq!(report.written + report.same, entries, "{kind} {dump}: {report:?}");
            assert!(equal(&source, &target).await);
            // Nothing is remembered of a job that has ended.
            let again = run(&target, WriteOptions::new()).await.unwrap();
            assert_eq!((again.resumed, again.same, again.written), (0, entries, 0), "{again:?}");
        }
    }
}

/// Values above a segment's 4 MiB: parts end between them, and a stopped export goes on there.
#[tokio::test(flavor = "multi_thread")]
async fn large_values_fill_parts_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("file", folder.path(), "source").await;
    for n in 0..6 {
        source.put(&*format!("large/{n}"), crate::common::noise(n, 5 << 20)).await.unwrap();
    }
    let place = |name: &str| DumpPlace::file(folder.path().join(name));
    let options = ExportOptions::new().with_split(1 << 20);
    export(source.clone(), place("split"), &options).await.unwrap();
    // The last value fills the part before the one with the trailer.
    assert_eq!(check(place("split"), &JobOptions::new()).await.unwrap().parts, 7);

    let (slow, job) = stops_at(&source, "large/3");
    assert_cancelled(&export(slow, place("one"), &ExportOptions::new().with_job(job)).await.unwrap_err());
    // What is left is told without what was done before.
    let last = Arc::new(std::sync::Mutex::new(None));
    let told = last.clone();
    let progress = OnProgress::new(move |progress| {
        *told.lock().unwrap() =
            Some((progress.entries, progress.of_entries, progress.bytes, progress.of_bytes));
    });
    let job = JobOptions::new().with_progress(progress);
    let report = export(source.clone(), place("one"), &ExportOptions::new().with_job(job)).await.unwrap();
    assert_eq!((report.resumed, report.written, report.bytes), (3, 6, 30 << 20), "{report:?}");
    let left = 3 * (5 << 20);
    assert_eq!(last.lock().unwrap().take(), Some((3, Some(3), left, Some(left))));
    for name in ["split", "one"] {
        let sides = (Side::Store(source.clone()), Side::Dump(place(name)));
        assert!(verify(sides.0, sides.1, &CompareOptions::new()).await.unwrap().is_equal(), "{name}");
    }
}

/// What an interrupted run left out is in the report of the one that goes on.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_forgotten_that_was_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("lmdb", folder.path(), "source").await;
    for n in 0..20 {
        let options = PutOptions::new().with_attributes(Attributes::new().set("n", n.to_string()));
        let key = Key::new(format!("k/{n:02}")).unwrap();
        source.put_opts(&key, "value".into(), &options).await.unwrap();
    }
    let path = folder.path().join("dump");
    export(source.clone(), DumpPlace::file(&path), &ExportOptions::new()).await.unwrap();
    for dump in [false, true] {
        let target =
            open(&format!("file:{}?layout=raw", folder.path().join(format!("raw-{dump}")).display())).await;
        target.put("k/03", "mine").await.unwrap();
        let run = async |from: Arc<dyn Store>, job: JobOptions| {
            let options = WriteOptions::new().with_unfit(Unfit::Strip).with_on_conflict(OnConflict::Skip);
            match dump {
                true => {
                    let (slow, job) = match job.call.cancel {
                        Some(_) => stops_at(&target, "k/15"),
                        None => (target.clone(), job),
                    };
                    import(DumpPlace::file(&path), slow, &options.with_job(job)).await
                }
                false => copy(from, target.clone(), &options.with_job(job)).await,
            }
        };
        let (slow, job) = stops_at(&source, "k/15");
        assert_cancelled(&run(slow, job).await.unwrap_err());
        let report = run(source.clone(), JobOptions::new()).await.unwrap();
        assert!(dump || report.resumed >= 14, "{report:?}");
        assert_eq!(report.left_out.values().sum::<u64>(), 20, "{report:?}");
        assert_eq!((report.written + report.skipped, report.skipped > 0), (20, true), "{report:?}");
    }
    // What is no entry, too.
    let raw = open(&format!("file:{}?layout=raw", folder.path().join("raw-false").display())).await;
    std::os::unix::fs::symlink("nowhere", folder.path().join("raw-false/k/00-link")).unwrap();
    let place = || DumpPlace::file(folder.path().join("foreign"));
    let options = ExportOptions::new().with_leave_out_foreign(true);
    let (slow, job) = stops_at(&raw, "k/15");
    assert_cancelled(&export(slow, place(), &options.clone().with_job(job)).await.unwrap_err());
    let report = export(raw.clone(), place(), &options).await.unwrap();
    assert!(report.resumed >= 14 && report.written == 20, "{report:?}");
    assert_eq!(report.left_out.values().sum::<u64>(), 1, "{report:?}");
    assert_eq!(check(place(), &JobOptions::new()).await.unwrap().left_out.values().sum::<u64>(), 1);
    let target = empty("lmdb", folder.path(), "target").await;
    let options = WriteOptions::new().with_unfit(Unfit::LeaveOut);
    let (slow, job) = stops_at(&raw, "k/15");
    assert_cancelled(&copy(slow, target.clone(), &options.clone().with_job(job)).await.unwrap_err());
    let report = copy(raw, target, &options).await.unwrap();
    // What was under way at the stop may be there already.
    assert_eq!(report.written + report.same, 20, "{report:?}");
    assert_eq!(report.left_out.values().sum::<u64>(), 1, "{report:?}");
}

/// Whoever drops a job wants nothing more of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_job_writes_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let source = open("memory:").await;
    for n in 0..40 {
        source.put(&*format!("k/{n:02}"), "value").await.unwrap();
    }
    let path = folder.path().join("dump");
    export(source.clone(), DumpPlace::file(&path), &ExportOptions::new()).await.unwrap();
    for dump in [false, true] {
        let inner = empty("file", folder.path(), &format!("{dump}")).await;
        let late = Fault::before([Op::Put, Op::PutMany]).delay(Duration::from_millis(300));
        let slow = Arc::new(FaultStore::new(inner.clone(), Faults::new(1, [late]).unwrap()));
        let options = WriteOptions::new();
        let job = async {
            match dump {
                true => import(DumpPlace::file(&path), slow.clone(), &options).await,
                false => copy(source.clone(), slow.clone(), &options).await,
            }
        };
        tokio::select! {
            done = job => panic!("{done:?}"),
            () = async {
                while slow.faults().struck() < 10 {
                    Env::system().sleep(Duration::from_millis(1)).await;
                }
            } => {}
        }
        Env::system().sleep(Duration::from_millis(600)).await;
        assert!(!inner.exists("k/00").await.unwrap(), "{dump}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_export_writes_a_dump_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let source = empty("file", folder.path(), "source").await;
    fill(&*source, 100, 50).await;
    for split in [None, Some(1000)] {
        let place = || DumpPlace::file(folder.path().join(format!("dump-{split:?}")));
        let mut options = ExportOptions::new();
        options.split = split;
        let late = Fault::before([Op::Get]).keys("many/000040").delay(Duration::from_secs(600));
        let slow = Arc::new(FaultStore::new(source.clone(), Faults::new(1, [late]).unwrap()));
        let cancel = CancellationToken::new();
        let first = options.clone();
        let first = first.with_job(JobOptions::new().with_call(Call::default().with_cancel(cancel.clone())));
        let first = export(slow.clone(), place(), &first);
        let second = async {
            while slow.faults().struck() == 0 {
                Env::system().sleep(Duration::from_millis(1)).await;
            }
            for restart in [Resume::Auto, Resume::Restart] {
                let options = options.clone().with_resume(restart);
                let error = export(source.clone(), place(), &options).await.unwrap_err();
                assert!(error.to_string().contains("another export"), "{split:?} {restart:?}: {error}");
            }
            cancel.cancel();
        };
        let (first, ()) = tokio::join!(first, second);
        assert_cancelled(&first.unwrap_err());
        export(source.clone(), place(), &options).await.unwrap();
        assert!(equal_to_dump(&source, place()).await);
        // One of the other form would hide it, or be hidden.
        options.split = if split.is_none() { Some(1000) } else { None };
        let error = export(source.clone(), place(), &options.with_replace(true)).await.unwrap_err();
        assert!(error.to_string().contains("is there in"), "{error}");
    }
}
