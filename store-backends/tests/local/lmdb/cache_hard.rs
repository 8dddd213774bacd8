//! An LMDB cache that processes share, that are killed, on a disk that is full.
#![allow(clippy::disallowed_methods, reason = "tests")]

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use larder_store_backends::lmdb::{LmdbConfig, LmdbRole, LmdbStore};
use larder_store_core::{ErrorKind, Store, StoreExt};

const FOLDER: &str = "LARDER_LMDB_CACHE";
const CAPACITY: u64 = 16 << 20;

async fn open(path: &Path) -> LmdbStore {
    let config = LmdbConfig::new(path).with_role(LmdbRole::Cache).with_capacity(CAPACITY);
    LmdbStore::open(&config).await.unwrap()
}

/// Bytes of disk that the files of a cache take, those of the fence and of the last uses apart.
fn taken(path: &Path) -> u64 {
    let blocks = |name| std::fs::metadata(path.join(name)).map_or(0, |meta| meta.blocks() * 512);
    ["data.mdb", "lock.mdb", "larder.guard"].map(blocks).iter().sum()
}

fn key(n: u64) -> String {
    format!("key/{n}")
}

/// The value of the `n`th key: mostly small, sometimes in parts.
fn value(n: u64) -> Vec<u8> {
    let random = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let len = match random % 64 {
        0 => 64 * 1024 + random % (256 * 1024),
        1..16 => 4096 + random % 32768,
        _ => random % 4096,
    };
    (0..len).map(|at| (at ^ n) as u8).collect()
}

/// Puts and gets for ever, from a number on; every value that is found is right.
async fn work(store: &LmdbStore, from: u64, done: impl Fn(u64) -> bool) {
    for n in from.. {
        if done(n - from) {
            return;
        }
        store.put(key(n), value(n)).await.unwrap();
        let near = from + (n - from) / 2;
        if let Some(found) = store.get(key(near)).await.unwrap() {
            assert_eq!(found, value(near), "{near}");
        }
    }
}

/// This test again, in a process of its own. Killed when the test ends, however it does.
struct Other(Child);

impl Other {
    fn start(test: &str, folder: &Path) -> Other {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--nocapture"]).env(FOLDER, folder);
        Other(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_keep_one_bound() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let store = open(Path::new(&folder)).await;
        work(&store, 1 << 40, |_| false).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    let store = open(&path).await;
    let mut other = Other::start("lmdb::cache_hard::processes_keep_one_bound", &path);
    let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let watch = {
        let (path, most, over) = (path.clone(), most.clone(), over.clone());
        std::thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                most.fetch_max(taken(&path), Ordering::Relaxed);
                std::thread::sleep(Duration::from_micros(200));
            }
        })
    };
    let begun = Instant::now();
    work(&store, 0, |n| n > 2000 && begun.elapsed() > Duration::from_secs(4)).await;
    assert_eq!(other.0.try_wait().unwrap(), None, "the other process ended");
    let theirs = store.get(key(1 << 40)).await;
    other.kill();
    over.store(true, Ordering::Release);
    watch.join().unwrap();
    theirs.unwrap();
    assert!(most.load(Ordering::Relaxed) <= CAPACITY, "{} bytes of {CAPACITY}", most.load(Ordering::Relaxed));
    // What the dead one left is no obstacle.
    work(&store, 1 << 20, |n| n > 1000).await;
    assert_eq!(store.begun_anew(), 0);
    println!("{:?}, {} bytes of disk at most", store.usage(), most.load(Ordering::Relaxed));
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_leave_a_cache_that_works() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        let store = open(Path::new(&folder)).await;
        work(&store, 1 << 40, |_| false).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache");
    open(&path).await.close(&Default::default()).await.unwrap();
    let mut found = 0;
    for kill in 0..15_u64 {
        let mut other = Other::start("lmdb::cache_hard::kills_leave_a_cache_that_works", &path);
        std::thread::sleep(Duration::from_millis(60 + kill * 37 % 100));
        other.kill();
        let store = open(&path).await;
        for n in (1 << 40)..(1 << 40) + 3000 {
            if let Some(value_found) = store.get(key(n)).await.unwrap() {
                assert_eq!(value_found, value(n), "{n}");
                found += 1;
            }
        }
        work(&store, kill << 20, |n| n > 50).await;
        store.close(&Default::default()).await.unwrap();
    }
    let store = open(&path).await;
    println!("{found} values found after kills; begun anew {} times", store.begun_anew());
    assert!(found > 100, "nothing outlives a kill");
    assert_eq!(store.begun_anew(), 0, "a small cache can be looked at as a whole");
}

/// On a disk of its own, which is gone with the process.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_no_end() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        return on_a_small_disk(Path::new(&folder)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--"]).args(args).env(FOLDER, folder.path());
        command.output()
    };
    let mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=700", "larder"];
    let path = folder.path().to_str().unwrap();
    if !run(&[&mount[..], &[path]].concat()).is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "no disk can be mounted");
        // Past the capture of the test harness.
        let said = b"a_full_disk_is_no_end is SKIPPED: no disk can be mounted here\n";
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said);
        return;
    }
    let exe = std::env::current_exe().unwrap();
    let script = format!(
        "{} {path} && exec {} --exact lmdb::cache_hard::a_full_disk_is_no_end --nocapture",
        mount.join(" "),
        exe.display()
    );
    let output = run(&["sh", "-c", &script]).unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    println!("{said}");
}

async fn on_a_small_disk(folder: &Path) {
    // More than the disk has.
    let path = folder.join("cache");
    let store = open(&path).await;
    let (mut made, mut full, mut right) = (0, 0, 0);
    let mut step = async |store: &LmdbStore, n: u64| {
        match store.put(key(n), value(n)).await {
            Ok(_) => made += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Full, "{error}");
                full += 1;
            }
        }
        if let Some(found) = store.get(key(n - n / 8)).await.unwrap() {
            assert_eq!(found, value(n - n / 8), "{n}");
            right += 1;
        }
        (made, full, right)
    };
    for n in 0..3000 {
        step(&store, n).await;
    }
    let (made, full, right) = step(&store, 3000).await;
    println!("disk of 8 MiB: {made} puts, {full} refused as full, {right} values right; {:?}", store.usage());
    assert!(made > full * 20, "it refuses too much: {made} made, {full} refused");
    // Somebody else takes what was left, and more comes: still nothing but `Full`.
    let foreign = folder.join("foreign");
    let fill = std::fs::write(&foreign, vec![1; 8 << 20]);
    assert!(fill.is_err(), "the disk is not full");
    for n in 3001..4000 {
        step(&store, n).await;
    }
    let (_, full_before, _) = step(&store, 4000).await;
    // There is room again.
    std::fs::remove_file(&foreign).unwrap();
    for n in 4001..5000 {
        step(&store, n).await;
    }
    let (made, full, right) = step(&store, 5000).await;
    println!(
        "in the end: {made} puts, {full} refused as full ({full_before} before), {right} right; {:?}",
        store.usage()
    );
    assert!(full - full_before < 50, "it does not come back: {} refused", full - full_before);
    store.close(&Default::default()).await.unwrap();
    assert_eq!(open(&path).await.begun_anew(), 0);
}
