//! The suite over the `file:` store, with and without syncing.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use larder_store_backends::file::{FileConfig, FileStore, Sync};
use larder_store_core::conformance::{self, Minimum, Options, Place, Subject};
use larder_store_core::{Durability, OpenOptions, Result, Store};

const FOLDER: &str = "LARDER_FILE_CONFORMANCE";

#[derive(Debug)]
struct Files {
    name: &'static str,
    test: &'static str,
    folder: PathBuf,
    sync: Sync,
}

impl Files {
    /// In the folder of the parent process, or one of its own, which is removed with the guard.
    fn new(name: &'static str, test: &'static str, sync: Sync) -> (Files, Option<tempfile::TempDir>) {
        let (folder, guard) = match std::env::var_os(FOLDER) {
            Some(folder) => (folder.into(), None),
            None => {
                let guard = tempfile::tempdir().unwrap();
                (guard.path().to_owned(), Some(guard))
            }
        };
        (Files { name, test, folder, sync }, guard)
    }

    fn config(&self, place: &Place) -> FileConfig {
        FileConfig::new(self.folder.join(place.name())).with_sync(self.sync)
    }
}

#[async_trait]
impl Subject for Files {
    fn name(&self) -> &str {
        self.name
    }

    fn minimum(&self) -> Minimum {
        match self.sync {
            Sync::Full => Minimum::FILE,
            Sync::None => Minimum { durability: Durability::Host, ..Minimum::FILE },
        }
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let options = OpenOptions::new().with_env(place.env().clone());
        Ok(Arc::new(FileStore::open_with(self.config(place), &options).await?))
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        let path = self.folder.join(place.name());
        std::fs::remove_dir_all(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Ok(())
    }

    fn process(&self) -> Option<Command> {
        let mut command = Command::new(std::env::current_exe().ok()?);
        command.args(["--exact", self.test, "--nocapture"]).env(FOLDER, &self.folder);
        Some(command)
    }
}

async fn check(name: &'static str, test: &'static str, sync: Sync) {
    let (subject, _guard) = Files::new(name, test, sync);
    if conformance::child(&subject).await {
        return;
    }
    conformance::run(subject, &Options::new().from_env()).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn full() {
    check("file", "file::conformance::full", Sync::Full).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unsynced() {
    check("file sync=none", "file::conformance::unsynced", Sync::None).await;
}
