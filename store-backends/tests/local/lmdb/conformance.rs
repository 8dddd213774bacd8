//! The suite over the `lmdb:` store, with and without syncing, and as a cache in which nothing is evicted.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use larder_store_backends::lmdb::{LmdbConfig, LmdbRole, LmdbStore, LmdbSync};
use larder_store_core::conformance::{self, Minimum, Options, Place, Subject};
use larder_store_core::{Durability, OpenOptions, Result, Store};

const FOLDER: &str = "LARDER_LMDB_CONFORMANCE";

#[derive(Debug)]
struct Lmdb {
    name: &'static str,
    test: &'static str,
    folder: PathBuf,
    role: LmdbRole,
    sync: LmdbSync,
}

impl Lmdb {
    /// In the folder of the parent process, or one of its own, which is removed with the guard.
    fn new(
        name: &'static str,
        test: &'static str,
        role: LmdbRole,
        sync: LmdbSync,
    ) -> (Lmdb, Option<tempfile::TempDir>) {
        let (folder, guard) = match std::env::var_os(FOLDER) {
            Some(folder) => (folder.into(), None),
            None => {
                let guard = tempfile::tempdir().unwrap();
                (guard.path().to_owned(), Some(guard))
            }
        };
        (Lmdb { name, test, folder, role, sync }, guard)
    }

    fn config(&self, place: &Place) -> LmdbConfig {
        let config = LmdbConfig::new(self.folder.join(place.name())).with_sync(self.sync);
        match self.role {
            LmdbRole::Cache => config.with_role(self.role).with_capacity(1 << 30),
            // Small to begin with, so that the map grows under the suite.
            _ => config.with_map_size(1 << 20),
        }
    }
}

#[async_trait]
impl Subject for Lmdb {
    fn name(&self) -> &str {
        self.name
    }

    fn minimum(&self) -> Minimum {
        match self.sync {
            LmdbSync::None if self.role == LmdbRole::Cache => Minimum::LMDB_CACHE,
            LmdbSync::Full => Minimum::LMDB,
            LmdbSync::None => Minimum { durability: Durability::Host, ..Minimum::LMDB },
        }
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let options = OpenOptions::new().with_env(place.env().clone());
        Ok(Arc::new(LmdbStore::open_with(&self.config(place), &options).await?))
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        let path = self.folder.join(place.name());
        std::fs::remove_dir_all(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Ok(())
    }

    fn boundaries(&self) -> Vec<u64> {
        // A part, and the bytes that one transaction reads of a long value.
        let pages = if self.role == LmdbRole::Cache { 4 } else { 64 };
        vec![pages * 4096 - 16, 512 << 10]
    }

    fn process(&self) -> Option<Command> {
        let mut command = Command::new(std::env::current_exe().ok()?);
        command.args(["--exact", self.test, "--nocapture"]).env(FOLDER, &self.folder);
        Some(command)
    }
}

async fn check(name: &'static str, test: &'static str, role: LmdbRole, sync: LmdbSync) {
    let (subject, _guard) = Lmdb::new(name, test, role, sync);
    if conformance::child(&subject).await {
        return;
    }
    conformance::run(subject, &Options::new().from_env()).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn full() {
    check("lmdb", "lmdb::conformance::full", LmdbRole::Origin, LmdbSync::Full).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsynced() {
    check("lmdb sync=none", "lmdb::conformance::unsynced", LmdbRole::Origin, LmdbSync::None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cache() {
    check("lmdb role=cache", "lmdb::conformance::cache", LmdbRole::Cache, LmdbSync::None).await;
}
