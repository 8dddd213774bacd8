//! Deaths of processes that write to an LMDB store others have open.

#![allow(clippy::disallowed_methods, reason = "tests")]

use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use larder_store_backends::lmdb::{LmdbConfig, LmdbStore};
use larder_store_core::{Store, StoreExt};

const FOLDER: &str = "LARDER_LMDB_DEATHS";
const KILLS: u32 = 40;

async fn open(folder: &str) -> Arc<dyn Store> {
    Arc::new(LmdbStore::open(&LmdbConfig::new(folder)).await.unwrap())
}

/// Kills the child when the test ends, however it does.
struct Guarded(Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A commit is published in two steps: LMDB writes the page that says where the trees are, which takes as long as the
/// disk does, and then the number that readers go by. Who dies in between has made a commit that nobody sees until
/// somebody writes. It must be seen at once, or never: here the write of another key must not bring it to light.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_the_dead_shows_up_at_once_or_never() {
    if let Ok(folder) = std::env::var(FOLDER) {
        let store = open(&folder).await;
        for n in 0_u64.. {
            store.put("k", n.to_le_bytes().to_vec()).await.unwrap();
        }
    }
    // On a disk: in memory the two steps are too close together.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = folder.path().join("store").display().to_string();
    let store = open(&folder).await;
    for kill in 0..KILLS {
        store.put("k", "nothing yet").await.unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "lmdb::deaths::a_commit_of_the_dead_shows_up_at_once_or_never"]);
        command.env(FOLDER, &folder).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = Guarded(command.spawn().unwrap());
        let begun = Instant::now();
        while store.get("k").await.unwrap().unwrap() == "nothing yet" {
            assert!(begun.elapsed() < Duration::from_secs(60), "the child writes nothing");
            assert_eq!(child.0.try_wait().unwrap(), None);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(u64::from(kill) * 97)).await;
        child.0.kill().unwrap();
        child.0.wait().unwrap();
        let at_death = store.get("k").await.unwrap();
        store.put("another", "value").await.unwrap();
        assert_eq!(store.get("k").await.unwrap(), at_death, "after {kill} kills");
    }
}
