//! Listings of a `file:` store: huge folders, foreign files, what is skipped.

use std::collections::BTreeSet;
use std::path::PathBuf;

use futures_util::TryStreamExt;
use larder_store_backends::file::{FileConfig, FileStore, Sync};
use larder_store_core::{ErrorKind, ListOptions, Listed, Store, StoreExt};

async fn store() -> (FileStore, PathBuf, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = FileStore::open(FileConfig::new(&path).with_sync(Sync::None)).await.unwrap();
    (store, path, dir)
}

async fn list(store: &FileStore, options: ListOptions) -> Vec<Listed> {
    store.list_opts(options).try_collect().await.unwrap()
}

#[tokio::test]
async fn what_is_foreign_is_told_once_and_never_skipped() {
    let (store, path, _dir) = store().await;
    for key in ["a", "b/c", "fake-1", "fake.a", "x"] {
        store.put(key, "v").await.unwrap();
    }
    std::fs::write(path.join("note.txt"), "mine").unwrap();
    std::fs::write(path.join("fake.larder"), "no record").unwrap();
    std::fs::create_dir(path.join(".git")).unwrap();
    std::os::unix::fs::symlink("a.larder", path.join("link.larder")).unwrap();
    // A record that was moved, and one that was cut short.
    std::fs::copy(path.join("a.larder"), path.join("b/moved.larder")).unwrap();
    let whole = std::fs::read(path.join("x.larder")).unwrap();
    std::fs::write(path.join("x.larder"), &whole[..whole.len() - 1]).unwrap();

    let told = |items: &[Listed]| -> Vec<String> {
        items.iter().filter(|i| matches!(i, Listed::Foreign { .. })).map(|i| i.name().to_owned()).collect()
    };
    let expected: BTreeSet<_> =
        [".git", "b/moved", "fake", "link.larder", "note.txt", "x"].map(String::from).into();
    let all = list(&store, ListOptions::new()).await;
    let found = told(&all);
    assert_eq!(found.len(), expected.len());
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(all.len() - expected.len(), 4, "{all:?}");
    // Page by page: the same, each once.
    let (mut after, mut paged) = (None, Vec::new());
    loop {
        let mut options = ListOptions::new().with_limit(1);
        options.start_after = after;
        let page = list(&store, options).await;
        let Some(last) = page.last() else { break };
        after = Some(last.name().to_owned());
        paged.extend(page);
    }
    assert_eq!(paged, all);
    let entries: Result<Vec<_>, _> = store.entries("").try_collect().await;
    assert_eq!(entries.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_folder_too_large_for_memory_is_sorted_on_the_disk() {
    let (store, path, _dir) = store().await;
    store.put("seed", "v").await.unwrap();
    // Names alone weigh enough; a listing that names no value reads no file of them.
    let count = 60_000;
    std::fs::create_dir(path.join("big")).unwrap();
    for i in 0..count {
        let name = format!("{}{:06}", "n".repeat(100), (i * 7919) % count);
        std::fs::hard_link(path.join("seed.larder"), path.join(format!("big/{name}.larder")))
            .unwrap_or_else(|_| std::fs::write(path.join(format!("big/{name}.larder")), "x").unwrap());
    }
    let items = list(&store, ListOptions::new().with_prefix("big/")).await;
    assert_eq!(items.len(), count);
    let mut names: Vec<_> = items.iter().map(|item| item.name().to_owned()).collect();
    let sorted = names.clone();
    names.sort();
    names.dedup();
    assert_eq!(names, sorted);
    // The files without a name are gone.
    assert_eq!(std::fs::read_dir(path.join(".larder/tmp")).unwrap().count(), 0);
}

#[tokio::test]
async fn folders_of_what_expired_have_no_common_prefix() {
    let (store, _, _dir) = store().await;
    let past = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1);
    store.put_until("gone/deep/1", "v", past).await.unwrap();
    store.put("here/deep/1", "v").await.unwrap();
    store.put_until("here/2", "v", past).await.unwrap();
    store.put("top", "v").await.unwrap();
    let names: Vec<_> = list(&store, ListOptions::new().with_delimiter("/"))
        .await
        .iter()
        .map(|item| item.name().to_owned())
        .collect();
    assert_eq!(names, ["here/", "top"]);
}

#[tokio::test]
async fn prefixes_that_no_key_can_have_find_nothing() {
    let (store, _, _dir) = store().await;
    store.put("a", "v").await.unwrap();
    for prefix in ["\0", "a\n", "../", "/", ".larder/", &"x".repeat(5000)] {
        assert!(list(&store, ListOptions::new().with_prefix(prefix)).await.is_empty(), "{prefix:?}");
    }
}
