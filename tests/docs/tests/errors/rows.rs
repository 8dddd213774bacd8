//! What is provoked.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use larder::{
    ByteRange, Call, DeleteOptions, Env, Error, ErrorKind, GetOptions, Key, OpenOptions, PutItem, PutOptions,
    Step, Store, StoreExt, derived,
};

use crate::provoke;

/// One error: where it belongs, what was done, and what was said. `None` where it could not be provoked here.
pub(crate) struct Row {
    pub(crate) section: &'static str,
    pub(crate) cause: String,
    pub(crate) folder: Option<String>,
    pub(crate) error: Option<Error>,
}

pub(crate) struct Rows(Vec<Row>);

impl Rows {
    #[track_caller]
    pub(crate) fn add<T: std::fmt::Debug>(
        &mut self,
        section: &'static str,
        cause: impl Into<String>,
        folder: Option<&Path>,
        kind: ErrorKind,
        said: Result<T, Error>,
    ) {
        let cause = cause.into();
        let error = said.expect_err(&cause);
        assert_eq!(error.kind(), kind, "{cause}: {error:?}");
        let folder = folder.map(|f| f.display().to_string());
        self.0.push(Row { section, cause, folder, error: Some(error) });
    }

    /// What cannot be provoked here: it wants root, mounts, bindfs or a server. Said past the harness's capture; under CI a failure.
    pub(crate) fn skip(&mut self, section: &'static str, cause: impl Into<String>) {
        let cause = cause.into();
        assert!(
            std::env::var_os("CI").is_none(),
            "CI must provoke it, as root, with bindfs and the servers: {cause}"
        );
        let said = format!(
            "the_page_is_what_the_stores_say: SKIPPED without root, mounts, bindfs or a server: {cause}\n"
        );
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
        self.0.push(Row { section, cause, folder: None, error: None });
    }
}

async fn open(scheme: &str, path: &Path) -> Result<Arc<dyn Store>, Error> {
    larder::open(&format!("{scheme}:{}", path.display())).await
}

pub(crate) async fn all(root: &Path) -> Vec<Row> {
    let mut rows = Rows(Vec::new());
    texts(&mut rows, root).await;
    crate::stacks::add(&mut rows, root).await;
    calls(&mut rows, root).await;
    folders(&mut rows, root).await;
    disks(&mut rows, root).await;
    damage(&mut rows, root).await;
    crate::clouds::add(&mut rows).await;
    crate::services::add(&mut rows, root).await;
    rows.0
}

async fn texts(rows: &mut Rows, root: &Path) {
    let section = "Keys, URLs and parameters";
    rows.add(section, "an empty key", None, ErrorKind::Invalid, Key::new(""));
    rows.add(section, "a key with a line break", None, ErrorKind::Invalid, Key::new("a\nb"));
    rows.add(section, "a key above 1,024 bytes", None, ErrorKind::Invalid, Key::new("k".repeat(1025)));
    rows.add(section, "a text that is no URL", None, ErrorKind::Invalid, larder::open("/var/lib/app").await);
    rows.add(section, "an unknown scheme", None, ErrorKind::Unsupported, larder::open("etcd:host").await);
    rows.add(
        section,
        "an unknown parameter",
        None,
        ErrorKind::Invalid,
        larder::open("file:x?snyc=none").await,
    );
    rows.add(
        section,
        "a value that is none of the choices",
        None,
        ErrorKind::Invalid,
        larder::open("file:x?sync=no").await,
    );
    for scheme in ["file", "lmdb"] {
        let path = root.join("missing");
        let options = OpenOptions::new().with_create_if_missing(false);
        let missing = larder::registry().open_url(&format!("{scheme}:{}", path.display()), &options).await;
        let cause = format!("{scheme}: a store that is missing and not to be created");
        rows.add(section, cause, Some(&path), ErrorKind::Invalid, missing);
    }
    caches(rows, root, section).await;
}

async fn caches(rows: &mut Rows, root: &Path, section: &'static str) {
    let path = root.join("cache");
    let url = format!("lmdb:{}?role=cache&capacity=16MiB", path.display());
    let cache = larder::open(&url).await.unwrap();
    let folder = Some(path.as_path());
    cache.close(&Default::default()).await.unwrap();
    let role = larder::open(&format!("lmdb:{}", path.display())).await;
    rows.add(section, "lmdb: another role than the folder was made for", folder, ErrorKind::Invalid, role);
    let capacity = larder::open("lmdb:/var/lib/app?capacity=1GiB").await;
    rows.add(section, "lmdb: a capacity for an origin", None, ErrorKind::Invalid, capacity);
    let named = larder::open("memory:name?capacity=64MiB").await;
    rows.add(section, "memory: a capacity for a store with a name", None, ErrorKind::Invalid, named);
    let small = larder::open("memory:?capacity=1KiB").await;
    rows.add(section, "memory: a capacity that is too small", None, ErrorKind::Invalid, small);
}

async fn calls(rows: &mut Rows, root: &Path) {
    let section = "Calls";
    for url in ["lmdb:CACHE?role=cache&capacity=16MiB", "memory:?capacity=1MiB"] {
        let path = root.join("small cache");
        let cache = larder::open(&url.replace("CACHE", &path.display().to_string())).await.unwrap();
        let large = cache.put("k", vec![0; 2 << 20]).await;
        let (scheme, _) = url.split_once(':').unwrap();
        let cause = format!("{scheme}: a value that is too large for a cache");
        rows.add(section, cause, Some(&path), ErrorKind::Full, large);
    }
    let path = root.join("calls");
    let lmdb = open("lmdb", &path).await.unwrap();
    let key = Key::new("k").unwrap();
    let folder = Some(path.as_path());
    let version = lmdb.put("k", "one").await.unwrap().version;
    lmdb.put("k", "two").await.unwrap();
    rows.add(
        section,
        "a key that is there, to be created",
        folder,
        ErrorKind::Conflict,
        lmdb.put_if_absent("k", "x").await,
    );
    let stale = lmdb.put_if_matches("k", "x", version.clone()).await;
    rows.add(section, "a version that was replaced", folder, ErrorKind::Conflict, stale);
    let gone = lmdb.delete_opts(&Key::new("gone").unwrap(), &DeleteOptions::new().with_only(version)).await;
    rows.add(section, "a version of a key that is absent", folder, ErrorKind::Conflict, gone);
    let long = lmdb.put("k".repeat(600), "x").await;
    rows.add(section, "a key that is too long for this store", folder, ErrorKind::Unsupported, long);
    let huge = PutOptions::new().with_size_hint(1 << 60);
    let huge = lmdb.put_stream_opts(&key, derived::pieces("x".into()), &huge).await;
    rows.add(section, "a value that is too large for this store", folder, ErrorKind::Unsupported, huge);
    let short = PutOptions::new().with_size_hint(2);
    let short = lmdb.put_stream_opts(&key, derived::pieces("x".into()), &short).await;
    rows.add(section, "a stream of another length than was said", folder, ErrorKind::Invalid, short);
    let past = lmdb.get_range("k", ByteRange::from(100..)).await;
    rows.add(section, "a range past the end", folder, ErrorKind::Invalid, past);
    let env = Env::system();
    let over = GetOptions::new().with_call(Call::within(&env, Duration::ZERO));
    rows.add(
        section,
        "a deadline that has passed",
        folder,
        ErrorKind::Timeout,
        lmdb.get_opts(&key, &over).await,
    );
    let attributes = larder::Attributes::new().set("note", "x".repeat(2000));
    let many = lmdb.put_opts(&key, "x".into(), &PutOptions::new().with_attributes(attributes)).await;
    rows.add(section, "attributes above 1,024 bytes", folder, ErrorKind::Invalid, many);
    let file = root.join("file-calls");
    let steps =
        || vec![Step::Put(PutItem { key: key.clone(), value: "x".into(), options: PutOptions::new() })];
    let refused = open("file", &file).await.unwrap().transact(steps()).await;
    rows.add(section, "file: a transaction", Some(&file), ErrorKind::Unsupported, refused);
    lmdb.close(&Call::default()).await.unwrap();
    rows.add(section, "a store that was closed", folder, ErrorKind::Closed, lmdb.get("k").await);
}

async fn folders(rows: &mut Rows, root: &Path) {
    let section = "Folders";
    for scheme in ["file", "lmdb"] {
        let path = root.join(format!("{scheme}-foreign"));
        provoke::with_mode(&path, 0o700);
        std::fs::write(path.join("letter.txt"), "somebody's").unwrap();
        let cause = format!("{scheme}: a folder with files of others");
        rows.add(section, cause, Some(&path), ErrorKind::Invalid, open(scheme, &path).await);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1, "something was made beside it");

        let path = root.join(format!("{scheme}-file"));
        std::fs::write(&path, "no folder").unwrap();
        let cause = format!("{scheme}: a file where the folder should be");
        rows.add(section, cause, Some(&path), ErrorKind::Invalid, open(scheme, &path).await);

        let path = root.join(format!("{scheme}-link"));
        std::os::unix::fs::symlink(root, &path).unwrap();
        let cause = format!("{scheme}: a link where the folder should be");
        rows.add(section, cause, Some(&path), ErrorKind::Denied, open(scheme, &path).await);

        let path = root.join(format!("{scheme}-mode"));
        provoke::with_mode(&path, 0o777);
        let cause = format!("{scheme}: a folder that others may write");
        rows.add(section, cause, Some(&path), ErrorKind::Denied, open(scheme, &path).await);

        let path = root.join(format!("{scheme}-owner"));
        let cause = format!("{scheme}: a folder of another user");
        match provoke::of_another(&path) {
            true => rows.add(section, cause, Some(&path), ErrorKind::Denied, open(scheme, &path).await),
            false => rows.skip(section, cause),
        }
    }
}

async fn disks(rows: &mut Rows, root: &Path) {
    let section = "Disks";
    let can_mount = provoke::can_mount(root);
    for scheme in ["file", "lmdb"] {
        let cause = format!("{scheme}: a read-only file system");
        let path = root.join(format!("{scheme}-read-only"));
        let made = open(scheme, &path).await.unwrap();
        made.put("k", "v").await.unwrap();
        made.close(&Call::default()).await.unwrap();
        drop(made);
        match can_mount.then(|| provoke::read_only(&path)).flatten() {
            None => rows.skip(section, cause),
            Some(_mount) => {
                let refused = match open(scheme, &path).await {
                    Ok(store) => store.put("k", "w").await.map(drop),
                    Err(error) => Err(error),
                };
                rows.add(section, cause, Some(&path), ErrorKind::Denied, refused);
            }
        }

        let cause = format!("{scheme}: a disk that is full");
        let disk = root.join(format!("{scheme}-full"));
        match can_mount.then(|| provoke::small_disk(&disk, "4m")).flatten() {
            None => rows.skip(section, cause),
            Some(_mount) => {
                let path = disk.join("store");
                let store = open(scheme, &path).await.unwrap();
                store.put("small", "stays").await.unwrap();
                let full = store.put("large", vec![7; 16 << 20]).await;
                rows.add(section, cause, Some(&path), ErrorKind::Full, full);
                assert_eq!(store.get("small").await.unwrap().as_deref(), Some(&b"stays"[..]));
                store.close(&Call::default()).await.unwrap();
            }
        }

        let cause = format!("{scheme}: a network file system");
        let (real, path) = (root.join(format!("{scheme}-real")), root.join(format!("{scheme}-network")));
        match can_mount.then(|| provoke::network(&real, &path)).flatten() {
            None => rows.skip(section, cause),
            Some(_mount) => {
                rows.add(section, cause, Some(&path), ErrorKind::Unsupported, open(scheme, &path).await)
            }
        }
    }
}

async fn damage(rows: &mut Rows, root: &Path) {
    let section = "Damage";
    let mark = b"a value in which a bit is flipped on the disk";
    for scheme in ["file", "lmdb"] {
        let path = root.join(format!("{scheme}-damage"));
        let store = open(scheme, &path).await.unwrap();
        store.put("k", &mark[..]).await.unwrap();
        assert!(provoke::flip(&path, mark) > 0);
        let cause = format!("{scheme}: a flipped bit in a value");
        rows.add(section, cause, Some(&path), ErrorKind::Corrupt, store.get("k").await);
        store.close(&Call::default()).await.unwrap();
    }
    let path = root.join("lmdb-cut");
    let store = open("lmdb", &path).await.unwrap();
    for n in 0..200 {
        store.put(format!("{n}"), vec![1; 1000]).await.unwrap();
    }
    store.close(&Call::default()).await.unwrap();
    drop(store);
    let file = std::fs::OpenOptions::new().write(true).open(path.join("data.mdb")).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    rows.add(
        section,
        "lmdb: half of data.mdb is gone",
        Some(&path),
        ErrorKind::Corrupt,
        open("lmdb", &path).await,
    );
}
