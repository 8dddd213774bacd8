//! Stacks as subjects of the conformance suite.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use larder::config::Freshness;
use larder::memory::MemoryCache;
use larder::{Durability, OpenOptions, Result, Store, TieredStore};
use larder_store_core::conformance::{self, Minimum, Options, Place, Subject};

/// Where the parent process keeps its places.
const FOLDER: &str = "LARDER_STACKS_CONFORMANCE";

/// A stack over folders of the place.
pub(crate) struct Stack {
    name: &'static str,
    test: &'static str,
    minimum: Minimum,
    folder: PathBuf,
    /// The stack string for the folder of a place.
    text: fn(&Path) -> String,
    /// A front in memory above that stack, as a stack of its own.
    above: bool,
}

impl std::fmt::Debug for Stack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[async_trait]
impl Subject for Stack {
    fn name(&self) -> &str {
        self.name
    }

    fn minimum(&self) -> Minimum {
        self.minimum
    }

    async fn open(&self, place: &Place) -> Result<Arc<dyn Store>> {
        let folder = self.folder.join(place.name());
        std::fs::create_dir_all(&folder).unwrap();
        let options = OpenOptions::new().with_env(place.env().clone());
        let store = larder::registry().open_url(&(self.text)(&folder), &options).await?;
        if !self.above {
            return Ok(store);
        }
        // Other processes write past this front's fence, which is in the memory of this one.
        let front = MemoryCache::new(64 << 20)?.with_env(place.env().clone());
        let stack =
            TieredStore::builder(store).front(front).fresh(Freshness::Always).env(place.env().clone());
        Ok(Arc::new(stack.open().await?))
    }

    async fn remove(&self, place: &Place) -> Result<()> {
        let folder = self.folder.join(place.name());
        std::fs::remove_dir_all(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        Ok(())
    }

    fn boundaries(&self) -> Vec<u64> {
        // What a front takes from a stream.
        vec![8 << 20]
    }

    fn process(&self) -> Option<Command> {
        let mut command = Command::new(std::env::current_exe().ok()?);
        command.args(["--exact", self.test, "--nocapture"]).env(FOLDER, &self.folder);
        Some(command)
    }
}

/// Runs the suite on a stack.
pub(crate) async fn check(
    name: &'static str,
    test: &'static str,
    durability: Durability,
    text: fn(&Path) -> String,
) {
    run(name, test, durability, text, false).await;
}

/// Runs the suite on a stack with another one above it.
pub(crate) async fn check_inside(
    name: &'static str,
    test: &'static str,
    durability: Durability,
    text: fn(&Path) -> String,
) {
    run(name, test, durability, text, true).await;
}

async fn run(
    name: &'static str,
    test: &'static str,
    durability: Durability,
    text: fn(&Path) -> String,
    above: bool,
) {
    let (folder, _guard) = match std::env::var_os(FOLDER) {
        Some(folder) => (folder.into(), None),
        None => {
            let guard = tempfile::tempdir().unwrap();
            (guard.path().to_owned(), Some(guard))
        }
    };
    let minimum = Minimum { durability, transaction: 0, ..Minimum::FILE };
    let subject = Stack { name, test, minimum, folder, text, above };
    if conformance::child(&subject).await {
        return;
    }
    conformance::run(subject, &Options::new().from_env()).await.assert_passed();
}
