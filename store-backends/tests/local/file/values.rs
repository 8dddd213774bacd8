//! Values of a `file:` store: mapped, streamed, damaged, swept, as they are.
#![allow(clippy::disallowed_methods, reason = "tests")]

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_backends::file::{FileConfig, FileStore, Layout, Sync};
use larder_store_core::{
    ByteRange, ErrorKind, GetOptions, Key, Precondition, PutOptions, Store, StoreExt, SweepOptions,
};

fn bytes(len: usize) -> Bytes {
    (0..len).map(|i| (i * 31 % 251) as u8).collect::<Vec<_>>().into()
}

async fn store(change: impl FnOnce(FileConfig) -> FileConfig) -> (FileStore, PathBuf, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let config = change(FileConfig::new(&path).with_sync(Sync::None));
    (FileStore::open(config).await.unwrap(), path, dir)
}

#[tokio::test]
async fn mapped_and_read_values_are_the_same_and_both_verified() {
    for map in [true, false] {
        let (store, path, _dir) = store(|config| config.with_map(map)).await;
        let value = bytes((3 << 20) + 17);
        store.put("k", value.clone()).await.unwrap();
        let held = store.get("k").await.unwrap().unwrap();
        assert_eq!(held, value);
        let range = store.get_range("k", 70_000..3_000_000).await.unwrap().unwrap();
        assert_eq!(range, value[70_000..3_000_000]);
        assert_eq!(
            store.get_range("k", ByteRange::suffix(5)).await.unwrap().unwrap(),
            value[value.len() - 5..]
        );
        // What was read stays, whatever happens to the name.
        store.put("k", "other").await.unwrap();
        store.delete("k").await.unwrap();
        assert_eq!(held, value);
        // A flipped bit in the middle.
        store.put("k", value.clone()).await.unwrap();
        let file = path.join("k.larder");
        let mut record = std::fs::read(&file).unwrap();
        record[1_500_000] ^= 4;
        std::fs::write(&file, &record).unwrap();
        assert_eq!(store.get("k").await.unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(store.get_range("k", 0..10).await.unwrap().unwrap(), value[..10]);
        assert_eq!(store.get_range("k", 1_400_000..1_600_000).await.unwrap_err().kind(), ErrorKind::Corrupt);
        let mut pieces = store.get_stream("k").await.unwrap().unwrap();
        let mut read = 0;
        let error = loop {
            match pieces.next().await.unwrap() {
                Ok(piece) => read += piece.len(),
                Err(error) => break error,
            }
        };
        assert!(error.is(ErrorKind::Corrupt) && read <= 1_500_000 && pieces.next().await.is_none());
        // Cut short before it is mapped: an error, not a signal.
        std::fs::write(&file, &record[..2 << 20]).unwrap();
        assert_eq!(store.get("k").await.unwrap_err().kind(), ErrorKind::Corrupt);
        // A damaged value can be removed, but not compared.
        let absent = PutOptions::new().with_pre(Precondition::Absent);
        let key = Key::new("k").unwrap();
        assert_eq!(store.put_opts(&key, "v".into(), &absent).await.unwrap_err().kind(), ErrorKind::Corrupt);
        store.delete("k").await.unwrap();
        assert_eq!(store.get("k").await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_stream_stays_the_version_that_it_began_with() {
    let (store, _, _dir) = store(|config| config).await;
    let value = bytes(5 << 20);
    store.put("k", value.clone()).await.unwrap();
    let mut pieces = store.get_stream("k").await.unwrap().unwrap();
    let first = pieces.next().await.unwrap().unwrap();
    store.put("k", "other").await.unwrap();
    store.delete("k").await.unwrap();
    drop(store);
    let rest: Vec<Bytes> = pieces.try_collect().await.unwrap();
    assert_eq!([&[first][..], &rest].concat().concat(), value);
}

#[tokio::test]
async fn a_sweep_spares_uploads_and_removes_leftovers() {
    let (store, path, _dir) = store(|config| config).await;
    let tmp = path.join(".larder/tmp");
    let slow = stream::iter([Ok(bytes(3 << 20))]).chain(stream::once(async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(bytes(1 << 20))
    }));
    let put = store.put_stream("up", slow.boxed());
    let sweep = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        // Its owner is another boot's: nobody writes it.
        std::fs::write(tmp.join("00000000-1-1-0123456789abcdef"), "left").unwrap();
        let options = SweepOptions::new().with_older_than(Duration::ZERO);
        let found = store.sweep(&options.clone().with_dry_run(true)).await.unwrap();
        assert_eq!((found.found, found.removed, found.bytes), (1, 0, 4));
        let young = store.sweep(&SweepOptions::new()).await.unwrap();
        assert_eq!(young.found, 0);
        let swept = store.sweep(&options).await.unwrap();
        assert_eq!((swept.found, swept.removed), (1, 1));
        assert!(swept.names[0].starts_with(".larder/tmp/"), "{swept:?}");
    };
    let (put, ()) = tokio::join!(put, sweep);
    put.unwrap();
    assert_eq!(store.get("up").await.unwrap().unwrap().len(), 4 << 20);
    assert_eq!(std::fs::read_dir(&tmp).unwrap().count(), 0);
}

#[tokio::test]
async fn an_upload_that_fails_leaves_nothing() {
    let (store, path, _dir) = store(|config| config).await;
    let failing = stream::iter([Ok(bytes(2 << 20)), Err(Key::new("").unwrap_err())]);
    assert_eq!(store.put_stream("k", failing.boxed()).await.unwrap_err().kind(), ErrorKind::Invalid);
    store.drain(&larder_store_core::Call::default()).await.unwrap();
    assert_eq!(std::fs::read_dir(path.join(".larder/tmp")).unwrap().count(), 0);
    assert_eq!(store.get("k").await.unwrap(), None);
}

#[tokio::test]
async fn raw_files_are_values_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("docs")).unwrap();
    std::fs::write(dir.path().join("docs/a.txt"), "hello").unwrap();
    let store = FileStore::open(FileConfig::new(dir.path()).with_layout(Layout::Raw)).await.unwrap();
    assert_eq!(store.get("docs/a.txt").await.unwrap().unwrap(), "hello");
    assert_eq!(store.get_range("docs/a.txt", 1..3).await.unwrap().unwrap(), "el");
    store.put("docs/b.txt", "world").await.unwrap();
    assert_eq!(std::fs::read(dir.path().join("docs/b.txt")).unwrap(), b"world");
    let names: Vec<_> = store.list("").map_ok(|item| item.name().to_owned()).try_collect().await.unwrap();
    assert_eq!(names, ["docs/a.txt", "docs/b.txt"]);
    // What it cannot hold is refused by name.
    let key = Key::new("x").unwrap();
    let refused = [
        PutOptions::new().with_pre(Precondition::Absent),
        PutOptions::new().with_expires(std::time::UNIX_EPOCH),
        PutOptions::new().with_attributes(larder_store_core::Attributes::new().content_type("a/b")),
    ];
    for options in refused {
        assert_eq!(
            store.put_opts(&key, "v".into(), &options).await.unwrap_err().kind(),
            ErrorKind::Unsupported
        );
    }
    for key in ["../x", "a//b", "/x", ".larder/format"] {
        assert_eq!(store.get(key).await.unwrap_err().kind(), ErrorKind::Unsupported, "{key}");
    }
    // A change in place ends a stream.
    let file = dir.path().join("docs/big");
    std::fs::write(&file, bytes(4 << 20)).unwrap();
    let mut pieces = store.get_stream("docs/big").await.unwrap().unwrap();
    pieces.next().await.unwrap().unwrap();
    std::fs::write(&file, bytes(2 << 20)).unwrap();
    let error = pieces.try_collect::<Vec<_>>().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Corrupt), "{error}");
    // System keys are records there too.
    let lease = larder_store_core::system::key("lease").unwrap();
    let written = store.put_if_absent(&lease, "1").await.unwrap();
    assert_eq!(store.put_if_absent(&lease, "2").await.unwrap_err().kind(), ErrorKind::Conflict);
    store.put_if_matches(&lease, "3", written.version).await.unwrap();
    store.delete("docs/a.txt").await.unwrap();
    assert_eq!(
        store.get_opts(&Key::new("docs/a.txt").unwrap(), &GetOptions::new()).await.unwrap(),
        larder_store_core::Got::Absent
    );
}
