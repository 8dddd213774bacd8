//! What needs a look inside: disks that fail, what is synced, kernels without `openat2`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use larder_store_core::{
    Call, DeleteOptions, Deleted, ErrorKind, Key, OpenOptions, Precondition, PutOptions, Result, Store,
    StoreExt,
};
use rustix::io::Errno;

use super::root::Root;
use super::{FileConfig, FileStore, Sync};

struct Opened {
    store: FileStore,
    root: Arc<Root>,
    path: PathBuf,
    _dir: tempfile::TempDir,
}

async fn open(sync: Sync) -> Opened {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = FileStore::open(FileConfig::new(&path).with_sync(sync)).await.unwrap();
    let root = store.handle().begin(larder_store_core::Op::Get, &Call::default()).unwrap();
    Opened { store, root, path, _dir: dir }
}

fn temps(path: &Path) -> usize {
    std::fs::read_dir(path.join(".larder/tmp")).unwrap().count()
}

#[tokio::test]
async fn a_value_that_the_disk_does_not_take_is_not_stored() {
    let o = open(Sync::Full).await;
    o.store.put("k", "old").await.unwrap();
    for errno in [Errno::IO, Errno::NOSPC] {
        o.root.faults.file_sync.set(errno);
        let error = o.store.put("k", "new").await.unwrap_err();
        let kind = if errno == Errno::IO { ErrorKind::Unavailable } else { ErrorKind::Full };
        assert_eq!(error.kind(), kind);
        assert!(error.settled() && error.to_string().contains("nothing was stored"), "{error}");
        assert_eq!(o.store.get("k").await.unwrap().unwrap(), "old");
        assert_eq!(temps(&o.path), 0);
    }
    // Each value has a file of its own: the next one is not harmed by this one.
    o.store.put("k", "newer").await.unwrap();
}

#[tokio::test]
async fn a_change_that_may_not_last_is_unknown_and_ends_writing() {
    for delete in [false, true] {
        let o = open(Sync::Full).await;
        o.store.put("k", "old").await.unwrap();
        o.root.faults.folder_sync.set(Errno::IO);
        let error = match delete {
            false => o.store.put("k", "new").await.unwrap_err(),
            true => o.store.delete("k").await.unwrap_err(),
        };
        assert_eq!(error.kind(), ErrorKind::Unknown, "{error}");
        assert!(!error.settled() && error.to_string().contains("crash of the machine"), "{error}");
        // It is visible, and reads go on.
        let now = o.store.get("k").await.unwrap();
        assert_eq!(now.as_deref(), if delete { None } else { Some(&b"new"[..]) });
        for refused in [o.store.put("other", "x").await.map(drop), o.store.delete("k").await.map(drop)] {
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::Unavailable);
        }
        assert_eq!(o.store.flush(&Call::default()).await.unwrap_err().kind(), ErrorKind::Unavailable);
        let again = FileStore::open(FileConfig::new(&o.path)).await.unwrap();
        again.put("other", "x").await.unwrap();
    }
}

/// How many files and folders are synced by `work`.
async fn synced(o: &Opened, work: impl Future<Output = Result<()>>) -> (usize, usize) {
    let before = (o.root.faults.file_sync.count(), o.root.faults.folder_sync.count());
    work.await.unwrap();
    (o.root.faults.file_sync.count() - before.0, o.root.faults.folder_sync.count() - before.1)
}

#[tokio::test]
async fn a_put_syncs_its_file_its_folder_and_once_each_folder_above() {
    let o = open(Sync::Full).await;
    let put = async |key: &str| o.store.put(key, "x").await.map(drop);
    assert_eq!(synced(&o, put("a")).await, (1, 1));
    // Each of the three new folders is a name in the one above it.
    assert_eq!(synced(&o, put("x/y/z/1")).await, (1, 4));
    assert_eq!(synced(&o, put("x/y/z/2")).await, (1, 1));
    // Whoever did not make them cannot know that they last.
    o.root.durable.forget();
    assert_eq!(synced(&o, put("x/y/z/3")).await, (1, 4));
    assert_eq!(synced(&o, put("x/y/z/4")).await, (1, 1));
    // A folder that was removed and made again is another one.
    std::fs::remove_dir_all(o.path.join("x/y")).unwrap();
    assert_eq!(synced(&o, put("x/y/5")).await, (1, 2));
}

#[tokio::test]
async fn a_delete_syncs_also_when_there_is_nothing() {
    let o = open(Sync::Full).await;
    o.store.put("x/1", "x").await.unwrap();
    let delete = async |key: &str| o.store.delete(key).await.map(drop);
    assert_eq!(synced(&o, delete("x/1")).await, (0, 1));
    assert_eq!(synced(&o, delete("x/1")).await, (0, 1));
    assert_eq!(synced(&o, delete("never/was")).await, (0, 1));
    assert!(!o.path.join("x").exists(), "the empty folder stays");
}

#[tokio::test]
async fn without_sync_nothing_is_synced() {
    let o = open(Sync::None).await;
    let work = async {
        o.store.put("x/y/1", "x").await?;
        o.store.delete("x/y/1").await?;
        o.store.flush(&Call::default()).await
    };
    assert_eq!(synced(&o, work).await, (0, 0));
}

#[tokio::test]
async fn paths_are_resolved_alike_with_and_without_openat2() {
    for with in [true, false] {
        let o = open(Sync::None).await;
        if !with {
            o.root.forget_openat2();
        }
        let outside = o._dir.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("secret.larder"), "secret").unwrap();
        o.store.put("a/b/c", "1").await.unwrap();
        assert_eq!(o.store.get("a/b/c").await.unwrap().unwrap(), "1");
        assert_eq!(o.store.get("a/b/d").await.unwrap(), None);
        assert_eq!(o.store.get("a/b/c/d").await.unwrap(), None);
        assert_eq!(o.store.get("b/c").await.unwrap(), None);
        // A foreign file where a folder would have to be.
        std::fs::write(o.path.join("file"), "x").unwrap();
        assert_eq!(o.store.get("file/x").await.unwrap(), None);
        assert_eq!(o.store.put("file/x", "1").await.unwrap_err().kind(), ErrorKind::Invalid);
        assert_eq!(o.store.delete("file/x").await.unwrap().existed, Deleted::No);
        // Links that lead out, as a folder and as a file.
        std::os::unix::fs::symlink(&outside, o.path.join("link")).unwrap();
        std::os::unix::fs::symlink(outside.join("secret.larder"), o.path.join("s.larder")).unwrap();
        for key in ["link/secret", "link/new", "link/deep/new"] {
            let key = Key::new(key).unwrap();
            for error in [
                o.store.get(&key).await.unwrap_err(),
                o.store.put(&key, "x").await.unwrap_err(),
                o.store.delete(&key).await.unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::Denied, "openat2 {with}: {error}");
                assert!(error.to_string().contains("link"), "{error}");
            }
        }
        assert_eq!(o.store.get("s").await.unwrap_err().kind(), ErrorKind::Denied);
        // A put replaces the link, not what it leads to.
        o.store.put("s", "mine").await.unwrap();
        assert_eq!(std::fs::read(outside.join("secret.larder")).unwrap(), b"secret");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    }
}

#[tokio::test]
async fn puts_and_deletes_that_remove_each_others_folders_lose_nothing() {
    let o = open(Sync::None).await;
    let store = Arc::new(o.store);
    let mut tasks = Vec::new();
    for task in 0..8 {
        let store = store.clone();
        #[allow(clippy::disallowed_methods, reason = "a test")]
        tasks.push(tokio::spawn(async move {
            for round in 0..200 {
                let key = format!("deep/er/folder/{task}");
                store.put(key.as_str(), format!("{round}")).await.unwrap();
                assert_eq!(store.get(key.as_str()).await.unwrap().unwrap(), format!("{round}"));
                let deleted = store.delete(key.as_str()).await.unwrap();
                assert_eq!(deleted.existed, Deleted::Yes);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert!(!o.path.join("deep").exists());
}

#[tokio::test]
async fn a_failed_condition_leaves_no_temporary_file() {
    let o = open(Sync::None).await;
    o.store.put("k", "1").await.unwrap();
    let absent = PutOptions::new().with_pre(Precondition::Absent);
    let key = Key::new("k").unwrap();
    assert_eq!(o.store.put_opts(&key, "2".into(), &absent).await.unwrap_err().kind(), ErrorKind::Conflict);
    let other = larder_store_core::Version::of_write(larder_store_core::WriteId::from_bytes([1; 16]), []);
    let only = DeleteOptions::new().with_only(other);
    assert_eq!(o.store.delete_opts(&key, &only).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(temps(&o.path), 0);
    assert_eq!(o.store.get("k").await.unwrap().unwrap(), "1");
}

#[tokio::test]
async fn a_removed_store_is_an_error_and_not_empty() {
    let o = open(Sync::None).await;
    o.store.put("k", "1").await.unwrap();
    std::fs::remove_dir_all(&o.path).unwrap();
    for error in [o.store.get("k").await.unwrap_err(), o.store.put("k", "2").await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("removed"), "{error}");
    }
    // One that is made at the same place is another one, with folders of its own.
    let again = FileStore::open_with(FileConfig::new(&o.path), &OpenOptions::new()).await.unwrap();
    again.put("k", "3").await.unwrap();
    assert_eq!(again.get("k").await.unwrap().unwrap(), "3");
}
