//! The folder of a `file:` store: what marks it, who may have it, what is refused, and how it goes.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use larder_store_backends::file::{FileBackend, FileConfig, FileStore, Layout};
use larder_store_core::config::StoreConfig;
use larder_store_core::{Backend, Call, ErrorKind, OpenOptions, Store, StoreExt, system};

async fn open(path: &Path) -> larder_store_core::Result<FileStore> {
    FileStore::open(FileConfig::new(path)).await
}

fn config(path: &Path) -> StoreConfig {
    StoreConfig::new("file", path.to_str().unwrap())
}

/// Every file and folder below a folder.
fn below(path: &Path) -> Vec<std::path::PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let entry = entry.unwrap();
        all.push(entry.path());
        if entry.file_type().unwrap().is_dir() {
            all.extend(below(&entry.path()));
        }
    }
    all
}

#[tokio::test]
async fn everything_is_the_owners_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/store");
    let store = open(&path).await.unwrap();
    store.put("a/b", "1").await.unwrap();
    let system = system::key("lease/x").unwrap();
    store.put(&system, "2").await.unwrap();
    for path in below(&dir.path().join("new")) {
        let meta = std::fs::metadata(&path).unwrap();
        let mode = if meta.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(meta.mode() & 0o7777, mode, "{}", path.display());
    }
    assert!(path.join("a/b.larder").is_file());
    assert!(path.join(".larder/system/lease/x.larder").is_file());
}

#[tokio::test]
async fn a_folder_of_others_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("README.md"), "mine").unwrap();
    let error = open(dir.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("layout=raw"), "{error}");
    assert_eq!(below(dir.path()).len(), 1, "something was created");
}

#[tokio::test]
async fn links_and_foreign_rights_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    open(&real).await.unwrap();
    let link = dir.path().join("link");
    symlink(&real, &link).unwrap();
    assert_eq!(open(&link).await.unwrap_err().kind(), ErrorKind::Denied);
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o770)).unwrap();
    let error = open(&real).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("chmod go-w"), "{error}");
    // A private folder that is a link.
    let other = dir.path().join("other");
    std::fs::create_dir(&other).unwrap();
    symlink(real.join(".larder"), other.join(".larder")).unwrap();
    assert!(open(&other).await.is_err());
}

#[tokio::test]
async fn the_marker_tells_format_and_layout() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    open(&path).await.unwrap().put("k", "v").await.unwrap();
    let error = FileStore::open(FileConfig::new(&path).with_layout(Layout::Raw)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let marker = path.join(".larder/format");
    let text = std::fs::read_to_string(&marker).unwrap();
    for (bad, kind) in [
        (text.replace("format=1", "format=2"), ErrorKind::Unsupported),
        (text.replace("format=1", "format=x"), ErrorKind::Corrupt),
        (text.replace("larder", "garden"), ErrorKind::Corrupt),
        (text.replace("record", "other"), ErrorKind::Corrupt),
        (String::new(), ErrorKind::Corrupt),
    ] {
        std::fs::write(&marker, &bad).unwrap();
        assert_eq!(open(&path).await.unwrap_err().kind(), kind, "{bad:?}");
    }
    std::fs::remove_file(&marker).unwrap();
    assert_eq!(open(&path).await.unwrap_err().kind(), ErrorKind::Invalid);
    std::fs::write(&marker, &text).unwrap();
    // What a copy by git lacks: empty folders.
    for name in ["tmp", "system"] {
        std::fs::remove_dir(path.join(".larder").join(name)).unwrap();
    }
    std::fs::remove_file(path.join(".larder/ready")).unwrap();
    assert_eq!(open(&path).await.unwrap().get("k").await.unwrap().unwrap(), "v");
    assert!(path.join(".larder/ready").exists());
}

#[tokio::test]
async fn a_creation_that_was_killed_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    for left in ["", ".larder", ".larder/tmp"] {
        let path = dir.path().join(format!("store{}", left.len()));
        std::fs::create_dir_all(path.join(left)).unwrap();
        open(&path).await.unwrap().put("k", "v").await.unwrap();
    }
}

#[tokio::test]
async fn exists_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let options = OpenOptions::new();
    assert!(!FileBackend.exists(&config(&path), &options).await.unwrap());
    let missing = OpenOptions::new().with_create_if_missing(false);
    assert_eq!(FileBackend.open(&config(&path), &missing).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert!(!path.exists());
    std::fs::create_dir(&path).unwrap();
    assert!(!FileBackend.exists(&config(&path), &options).await.unwrap());
    assert_eq!(FileBackend.open(&config(&path), &missing).await.unwrap_err().kind(), ErrorKind::Invalid);
    FileBackend.open(&config(&path), &options).await.unwrap();
    assert!(FileBackend.exists(&config(&path), &options).await.unwrap());
    FileBackend.open(&config(&path), &missing).await.unwrap();
}

#[tokio::test]
async fn destroy_names_removes_and_spares_what_is_not_ours() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let options = OpenOptions::new();
    assert_eq!(FileBackend.destroy(&config(&path), &options).await.unwrap_err().kind(), ErrorKind::Invalid);
    let store = open(&path).await.unwrap();
    for key in ["a", "a/b", "deep/er/x"] {
        store.put(key, "v").await.unwrap();
    }
    store.put(&system::key("lease").unwrap(), "v").await.unwrap();
    store.close(&Call::default()).await.unwrap();

    for foreign in ["note.txt", "deep/er/fake.larder"] {
        std::fs::write(path.join(foreign), "mine").unwrap();
        let error = FileBackend.destroy(&config(&path), &options).await.unwrap_err();
        assert!(error.is(ErrorKind::Invalid) && error.to_string().contains(foreign), "{error}");
        std::fs::remove_file(path.join(foreign)).unwrap();
    }
    let destroy = FileBackend.destroy(&config(&path), &options).await.unwrap();
    assert!(destroy.names()[0].contains("3 values"), "{destroy:?}");
    drop(destroy);
    assert!(path.join("a.larder").exists(), "removed before it was confirmed");
    // What comes between is seen.
    let destroy = FileBackend.destroy(&config(&path), &options).await.unwrap();
    std::fs::write(path.join("late.txt"), "mine").unwrap();
    assert!(destroy.confirm().await.is_err());
    assert!(path.join("a.larder").exists() && path.join("late.txt").exists());
    std::fs::remove_file(path.join("late.txt")).unwrap();
    FileBackend.destroy(&config(&path), &options).await.unwrap().confirm().await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn handles_close_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (a, b) = (open(&path).await.unwrap(), open(&path).await.unwrap());
    a.put("k", "v").await.unwrap();
    a.close(&Call::default()).await.unwrap();
    a.close(&Call::default()).await.unwrap();
    assert_eq!(a.get("k").await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(a.put("k", "v").await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(b.get("k").await.unwrap().unwrap(), "v");
    b.put("k", "w").await.unwrap();
}
