//! Stacks of several processes over one LMDB front and one origin of files.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use larder_store_backends::file::FileBackend;
use larder_store_backends::lmdb::LmdbBackend;
use larder_store_core::config::Freshness;
use larder_store_core::layer::fault::When;
use larder_store_core::{Call, Env, Op, OpenOptions, Registry, Role, Store, StoreExt};
use larder_tiered::TieredStore;

use crate::hooked::Hooked;
use crate::make::object_front;

const FOLDER: &str = "LARDER_STACK_CHILD";
/// What a child does before it says that it is there.
const HELD: &str = "LARDER_STACK_HELD";

async fn open(url: String, role: Role) -> Arc<dyn Store> {
    let mut registry = Registry::new();
    registry.register(FileBackend).unwrap();
    registry.register(LmdbBackend).unwrap();
    registry.open_url(&url, &OpenOptions::new().with_role(role)).await.unwrap()
}

/// The front that processes share and the origin, both with hooks.
async fn tiers(folder: &Path) -> (Hooked, Hooked) {
    let at = folder.display();
    let front = open(format!("lmdb:{at}/front?capacity=64MiB"), Role::Front).await;
    let origin = open(format!("file:{at}/origin?sync=none"), Role::Origin).await;
    let place = front.folder().unwrap().to_owned();
    (Hooked::new(front).with_folder(&place), Hooked::new(origin))
}

/// A private front in memory above the shared one.
async fn stack(folder: &Path) -> (TieredStore, Hooked, Hooked) {
    let (front, origin) = tiers(folder).await;
    let builder = TieredStore::builder(origin.clone()).front(object_front()).front(front.clone());
    let store = builder.fence_slots(1 << 10).fresh(Freshness::SoleWriter).open().await.unwrap();
    (store, front, origin)
}

/// Another process with the same stack, told by lines what to do.
struct Other {
    child: Child,
    tell: ChildStdin,
    hear: Lines<BufReader<ChildStdout>>,
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may be gone already; either way it is waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Other {
    fn start(folder: &Path, held: &str) -> Other {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["processes::another_process", "--exact", "--nocapture"])
            .env(FOLDER, folder)
            .env(HELD, held)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let tell = child.stdin.take().unwrap();
        let hear = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut other = Other { child, tell, hear };
        assert_eq!(other.answer(), "ready");
        other
    }

    /// Lines that begin with a colon are for us; the harness says more.
    fn answer(&mut self) -> String {
        let found = self.hear.find_map(|line| Some(line.unwrap().split_once(":: ")?.1.to_owned()));
        found.expect("it lives")
    }

    fn ask(&mut self, line: &str) -> String {
        writeln!(self.tell, "{line}").unwrap();
        self.answer()
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn say(line: &str) {
    println!(":: {line}");
    std::io::stdout().flush().unwrap();
}

/// The other process; nothing where nobody started it as that.
#[tokio::test(flavor = "multi_thread")]
async fn another_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (store, front, origin) = stack(folder.as_ref()).await;
    let store = Arc::new(store);
    let hold = match std::env::var(HELD).as_deref() {
        Ok("put before it took effect") => Some(origin.hold(Op::Put, When::Before)),
        Ok("put after it took effect") => Some(origin.hold(Op::Put, When::After)),
        Ok("fill") => Some(front.hold(Op::Put, When::Before)),
        Ok("filled") => Some(front.hold(Op::Put, When::After)),
        _ => None,
    };
    say("ready");
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["get", key] => match store.get(key).await.unwrap() {
                Some(value) => say(&String::from_utf8_lossy(&value)),
                None => say("nothing"),
            },
            ["put", key, value] => {
                store.put(key, value.to_owned()).await.unwrap();
                say("put");
            }
            ["hits"] => say(&store.stats().tiers[0].hits.to_string()),
            ["begin", "get", key] => {
                let (store, key) = (store.clone(), key.to_owned());
                tokio::spawn(async move { store.get(key.as_str()).await });
                hold.as_ref().unwrap().reached().await;
                say("held");
            }
            ["begin", "put", key, value] => {
                let (store, key, value) = (store.clone(), key.to_owned(), value.to_owned());
                tokio::spawn(async move { store.put(key.as_str(), value).await });
                hold.as_ref().unwrap().reached().await;
                say("held");
            }
            _ => panic!("{line}?"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn private_memory_fronts_over_a_shared_front_see_what_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let mut other = Other::start(folder.path(), "");
    let (store, ..) = stack(folder.path()).await;
    for round in 0..100 {
        let (mine, its) = (format!("mine{round}"), format!("its{round}"));
        store.put("k", mine.clone()).await.unwrap();
        // Twice, so that it is in the memory of both.
        for _ in 0..2 {
            assert_eq!(other.ask("get k"), mine);
            assert_eq!(store.get("k").await.unwrap().unwrap(), mine);
        }
        assert_eq!(other.ask(&format!("put k {its}")), "put");
        for _ in 0..2 {
            assert_eq!(store.get("k").await.unwrap().unwrap(), its);
            assert_eq!(other.ask("get k"), its);
        }
    }
    let its: u64 = other.ask("hits").parse().unwrap();
    let ours = store.stats().tiers[0].hits;
    assert!(its >= 100 && ours >= 100, "memory answered {its} times there and {ours} here");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_killed_between_the_origin_and_the_install_leaves_nothing_stale() {
    for held in ["put before it took effect", "put after it took effect"] {
        let folder = tempfile::tempdir().unwrap();
        let (store, _, origin) = stack(folder.path()).await;
        store.put("k", "old").await.unwrap();
        assert_eq!(store.get("k").await.unwrap().unwrap(), "old");
        let mut other = Other::start(folder.path(), held);
        assert_eq!(other.ask("get k"), "old");
        assert_eq!(other.ask("begin put k new"), "held");
        other.kill();

        let now = if held.contains("after") { "new" } else { "old" };
        let reads = origin.reads();
        assert_eq!(store.get("k").await.unwrap().unwrap(), now, "{held}");
        assert_eq!(origin.reads(), reads + 1, "{held}: a front answered while nobody could know");
        // Another process, begun after the death, and both once its bit is taken back.
        let mut third = Other::start(folder.path(), "");
        assert_eq!(third.ask("get k"), now, "{held}");
        assert_eq!(third.ask("put k newer"), "put");
        assert_eq!(store.get("k").await.unwrap().unwrap(), "newer", "{held}");
        assert_eq!(third.ask("get k"), "newer", "{held}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_killed_between_the_origin_and_its_fill_leaves_nothing_stale() {
    for held in ["fill", "filled"] {
        let folder = tempfile::tempdir().unwrap();
        let (store, _, origin) = stack(folder.path()).await;
        // Past the fronts, so that the other process has something to fill them with.
        origin.put("k", "old").await.unwrap();
        let mut other = Other::start(folder.path(), held);
        assert_eq!(other.ask("begin get k"), "held");
        store.put("k", "new").await.unwrap();
        other.kill();
        let env = Env::system();
        for _ in 0..10 {
            assert_eq!(store.get("k").await.unwrap().unwrap(), "new", "{held}");
            env.sleep(Duration::from_millis(1)).await;
        }
        store.drain(&Call::default()).await.unwrap();
        let mut third = Other::start(folder.path(), "");
        assert_eq!(third.ask("get k"), "new", "{held}");
    }
}
