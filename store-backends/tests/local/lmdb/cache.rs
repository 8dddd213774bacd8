//! An LMDB store as a cache: its bound, the order in which values go, and that it begins anew where it is damaged.
#![allow(clippy::disallowed_methods, reason = "tests")]

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use larder_store_backends::lmdb::{LmdbConfig, LmdbRole, LmdbStore};
use larder_store_core::{ErrorKind, OpenOptions, PutOptions, Retention, Role, Store, StoreExt};

use crate::trace;

fn config(path: &Path, capacity: u64) -> LmdbConfig {
    LmdbConfig::new(path).with_role(LmdbRole::Cache).with_capacity(capacity)
}

async fn open(path: &Path, capacity: u64) -> LmdbStore {
    LmdbStore::open(&config(path, capacity)).await.unwrap()
}

/// A place for a cache that goes with the guard.
fn place() -> (tempfile::TempDir, PathBuf) {
    let guard = tempfile::tempdir().unwrap();
    let path = guard.path().join("cache");
    (guard, path)
}

/// Bytes of disk that the files of a cache take, those of the fence and of the last uses apart.
fn taken(path: &Path) -> u64 {
    let blocks = |name| std::fs::metadata(path.join(name)).map_or(0, |meta| meta.blocks() * 512);
    ["data.mdb", "lock.mdb", "larder.guard"].map(blocks).iter().sum()
}

fn key(n: u64) -> String {
    format!("key/{n}")
}

/// The size of the `n`th value: mostly small, sometimes in parts.
fn size(n: u64) -> usize {
    let random = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    match random % 64 {
        0 => 64 * 1024 + random as usize % (256 * 1024),
        1..16 => 4096 + random as usize % 32768,
        _ => random as usize % 4096,
    }
}

fn value(n: u64) -> Vec<u8> {
    (0..size(n) as u64).map(|at| (at ^ n) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bound_holds_and_what_is_found_is_right() {
    const CAPACITY: u64 = 16 << 20;
    let (_guard, path) = place();
    let store = open(&path, CAPACITY).await;
    let mut put = 0;
    for n in 0..10_000_u64 {
        store.put(key(n), value(n)).await.unwrap();
        put += size(n) as u64;
        assert!(taken(&path) <= CAPACITY, "{} bytes after {n} values", taken(&path));
        // Half of those that are there are read again and again.
        if let Some(found) = store.get(key(n / 2)).await.unwrap() {
            assert_eq!(found, value(n / 2), "{n}");
        }
    }
    store.drain(&Default::default()).await.unwrap();
    let usage = store.usage();
    println!("{} MiB through 16 MiB: {usage:?}, {} bytes of disk", put >> 20, taken(&path));
    assert_eq!(usage.capacity, Some(CAPACITY));
    assert_eq!(usage.entries.unwrap() + usage.evictions.unwrap(), 10_000);
    assert!(usage.bytes.unwrap() > CAPACITY / 4 * 3, "it keeps too little");
    let mut held = 0;
    for n in 0..10_000 {
        if let Some(found) = store.get(key(n)).await.unwrap() {
            assert_eq!(found, value(n), "{n}");
            held += 1;
        }
    }
    assert_eq!(held, usage.entries.unwrap());
    store.close(&Default::default()).await.unwrap();
    // And all of it is there the next time.
    let again = open(&path, CAPACITY).await;
    assert_eq!(again.usage().entries, Some(held));
    assert_eq!(again.begun_anew(), 0);
}

#[tokio::test]
async fn it_forgets_what_was_used_least_recently() {
    let (_guard, path) = place();
    let store = open(&path, 4 << 20).await;
    for n in 0..100 {
        store.put(key(n), vec![1; 3000]).await.unwrap();
    }
    for n in 100..3000 {
        store.put(key(n), vec![1; 3000]).await.unwrap();
        // Some are read all the time, among them the oldest.
        for n in [0, 7, 50, 99] {
            assert!(store.get(key(n)).await.unwrap().is_some(), "{n} was used, and is gone");
        }
    }
    let usage = store.usage();
    assert!(usage.evictions.unwrap() > 1500, "{usage:?}");
    // Of the others the newest are there, and no older one.
    let store = &store;
    let held = |n| async move { store.get(key(n)).await.unwrap().is_some() };
    let oldest = {
        let mut n = 2999;
        while held(n).await {
            n -= 1;
        }
        n
    };
    for n in 100..oldest {
        assert!(!held(n).await, "{n} is there, and the newer {oldest} is gone");
    }
}

#[tokio::test]
async fn hits_are_those_of_an_exact_lru() {
    let mut trace = trace::Trace::load();
    let is_given = std::env::var_os("LARDER_DATA").is_some();
    if !is_given {
        trace.keys.truncate(120_000);
    }
    for wanted in if is_given { &trace::ENTRIES[..] } else { &trace::ENTRIES[..1] } {
        let (_guard, path) = place();
        // A value of 4,096 bytes with its head takes two pages, and a cache keeps 85 % of them in use.
        let store = open(&path, wanted * 10_000).await;
        let (mut hits, mut held) = (0, 0);
        for (at, n) in trace.keys.iter().enumerate() {
            if store.get(key(*n)).await.unwrap().is_some() {
                hits += 1;
            } else {
                store.put(key(*n), vec![7; trace::VALUE]).await.unwrap();
            }
            if at.is_multiple_of(100) {
                held = held.max(store.usage().entries.unwrap());
            }
        }
        trace::compare(&trace, "lmdb", *wanted, held, hits);
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let (_guard, path) = place();
    let store = open(&path, 16 << 20).await;
    store.put("k", "small").await.unwrap();
    let error = store.put("k", vec![0; 2 << 20]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    let stream = || larder_store_core::derived::pieces(vec![0; 2 << 20].into());
    let name = larder_store_core::Key::new("k").unwrap();
    for options in [PutOptions::new(), PutOptions::new().with_size_hint(2 << 20)] {
        let error = store.put_stream_opts(&name, stream(), &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Full, "{error}");
    }
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"small"[..]));
    store.put("k", vec![0; 900 << 10]).await.unwrap();
    assert_eq!(store.get("k").await.unwrap().map(|v| v.len()), Some(900 << 10));
}

#[tokio::test]
async fn the_role_is_the_folders() {
    let (_guard, path) = place();
    let store = open(&path, 16 << 20).await;
    assert_eq!(store.guarantees().retention, Retention::MayEvict);
    store.put("k", "v").await.unwrap();
    store.close(&Default::default()).await.unwrap();
    let error = LmdbStore::open(&LmdbConfig::new(&path)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert_eq!(open(&path, 16 << 20).await.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));

    let (_guard, path) = place();
    let store = LmdbStore::open(&LmdbConfig::new(&path)).await.unwrap();
    store.put("k", "v").await.unwrap();
    store.close(&Default::default()).await.unwrap();
    let error = LmdbStore::open(&config(&path, 16 << 20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    // Nothing of an origin is ever thrown away, however damaged it is.
    let data = path.join("data.mdb");
    std::fs::write(&data, vec![0xff; 64 << 10]).unwrap();
    let error = LmdbStore::open(&config(&path, 16 << 20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(std::fs::read(&data).unwrap(), vec![0xff; 64 << 10]);
    std::fs::remove_file(path.join("larder.guard")).unwrap();
    let error = LmdbStore::open(&config(&path, 16 << 20)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(std::fs::read(&data).unwrap(), vec![0xff; 64 << 10]);
}

#[tokio::test]
async fn as_a_front_it_is_a_cache_with_a_bound_of_its_own() {
    let (guard, path) = place();
    let registry = larder_store_backends::registry();
    let url = format!("lmdb:{}", path.display());
    let options = |role| OpenOptions::new().with_role(role);
    let disk = rustix::fs::statvfs(guard.path()).unwrap();
    let [half, free] = [disk.f_blocks / 2, disk.f_bavail].map(|blocks| blocks * disk.f_frsize);
    let expected = half.min(free - (64 << 20));
    let front = registry.open_url(&url, &options(Role::Front)).await.unwrap();
    let capacity = front.usage().capacity.unwrap();
    // Others use the disk meanwhile.
    assert!(capacity.abs_diff(expected) < (256 << 20), "{capacity} instead of about {expected}");
    assert_eq!(front.folder(), Some(path.as_path()));
    // The same again, as it is; not with another capacity, and not as the last tier.
    drop(registry.open_url(&url, &options(Role::Front)).await.unwrap());
    for (url, role) in
        [(format!("{url}?capacity=64MiB"), Role::Front), (format!("{url}?role=cache"), Role::Origin)]
    {
        let error = registry.open_url(&url, &options(role)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    }
    drop(front);
    // Smaller than what is there: it begins anew.
    let smaller = registry.open_url(&format!("{url}?capacity=64MiB"), &options(Role::Front)).await.unwrap();
    assert_eq!(smaller.usage().capacity, Some(64 << 20));
}

/// A cache with values, closed.
async fn filled(path: &Path) {
    let store = open(path, 16 << 20).await;
    for n in 0..2000 {
        store.put(key(n), value(n)).await.unwrap();
    }
    store.close(&Default::default()).await.unwrap();
}

/// It works, and nothing that it says is wrong.
async fn check(store: &LmdbStore) -> u64 {
    let mut held = 0;
    for n in 0..2000 {
        if let Some(found) = store.get(key(n)).await.unwrap() {
            assert_eq!(found, value(n), "{n}");
            held += 1;
        }
    }
    for n in 5000..6000 {
        store.put(key(n), value(n)).await.unwrap();
        assert_eq!(store.get(key(n)).await.unwrap().unwrap(), value(n), "{n}");
    }
    held
}

#[tokio::test]
async fn damage_at_open_is_healed() {
    let change = |path: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = std::fs::read(path).unwrap();
        change(&mut bytes);
        std::fs::write(path, bytes).unwrap();
    };
    let data = |path: &Path| path.join("data.mdb");
    // What is done, and whether the values are lost with it.
    let harms: [Harm<'_>; 8] = [
        ("a meta page flipped", true, &|path| change(&data(path), &|b| b[4096 + 144] ^= 4)),
        ("meta pages of nothing", true, &|path| change(&data(path), &|b| b[..8192].fill(0))),
        ("cut off", true, &|path| change(&data(path), &|b| b.truncate(5000))),
        ("gone", true, &|path| std::fs::remove_file(data(path)).unwrap()),
        ("not LMDB's", true, &|path| std::fs::write(data(path), vec![b'x'; 100_000]).unwrap()),
        ("no guard, cut off", true, &|path| {
            std::fs::remove_file(path.join("larder.guard")).unwrap();
            change(&data(path), &|b| b.truncate(5000));
        }),
        ("last uses flipped", false, &|path| {
            change(&path.join("larder.recency"), &|b| b.iter_mut().for_each(|b| *b ^= 0x5a))
        }),
        ("last uses gone", false, &|path| std::fs::remove_file(path.join("larder.recency")).unwrap()),
    ];
    for (what, is_lost, harm) in harms {
        let (_guard, path) = place();
        filled(&path).await;
        harm(&path);
        let store = open(&path, 16 << 20).await;
        let held = check(&store).await;
        assert_eq!((held == 0, store.begun_anew() == 1), (is_lost, is_lost), "{what}: {held}");
        store.close(&Default::default()).await.unwrap();
        // Once, and not each time.
        assert_eq!(open(&path, 16 << 20).await.begun_anew(), u64::from(is_lost), "{what}");
    }
}

type Harm<'a> = (&'static str, bool, &'a dyn Fn(&Path));

/// Overwrites all pages of the trees, as something outside might.
fn destroy_pages(path: &Path) {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::options().write(true).open(path.join("data.mdb")).unwrap();
    let len = file.metadata().unwrap().len() - 8192;
    file.write_all_at(&vec![0xee; len as usize], 8192).unwrap();
}

#[tokio::test]
async fn damage_while_it_is_open_is_healed_without_a_restart() {
    let (_guard, path) = place();
    filled(&path).await;
    let store = open(&path, 16 << 20).await;
    let other = open(&path, 16 << 20).await;
    destroy_pages(&path);
    // With another handle there it cannot begin anew, and refuses.
    for n in 0..20 {
        let answers = (store.get(key(n)).await, store.put(key(n), "v").await);
        let (Err(got), Err(put)) = answers else { panic!("{answers:?}") };
        assert!([ErrorKind::Corrupt, ErrorKind::Unavailable].contains(&got.kind()), "{got}");
        assert_eq!(put.kind(), ErrorKind::Corrupt, "{put}");
    }
    assert_eq!(store.begun_anew(), 0);
    other.close(&Default::default()).await.unwrap();
    drop(other);
    let mut tries = 0;
    while let Err(error) = store.put("k", "v").await {
        tries += 1;
        assert!(tries < 100, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(store.get("k").await.unwrap().as_deref(), Some(&b"v"[..]));
    assert_eq!(store.begun_anew(), 1);
    check(&store).await;
    store.close(&Default::default()).await.unwrap();
    let error = store.put("k", "late").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
}

#[tokio::test]
async fn destroy_knows_all_its_files() {
    let (_guard, path) = place();
    filled(&path).await;
    std::fs::write(path.join("larder.fence"), "a fence").unwrap();
    let url = format!("lmdb:{}?role=cache", path.display());
    let registry = larder_store_backends::registry();
    let destroy = registry.destroy_url(&url, &OpenOptions::new()).await.unwrap();
    for name in ["data.mdb", "larder.recency", "larder.fence"] {
        assert!(destroy.names().iter().any(|found| found.ends_with(name)), "{name}: {:?}", destroy.names());
    }
    destroy.confirm().await.unwrap();
    assert!(!path.exists());
}
