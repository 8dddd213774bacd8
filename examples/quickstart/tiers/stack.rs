//! The stack itself, and what is read through it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use larder::config::Freshness;
use larder::tiered::StackStats;
use larder::{Call, Key, Store, TieredStore};

use crate::Outcome;
use crate::report::bytes;
use crate::tree::Tree;

/// What is read through the stack: small files first, as many as this, and as many bytes.
const MOST_FILES: usize = 2000;
const MOST_BYTES: u64 = 24 << 20;
/// The least that a cache gets.
const LEAST: u64 = 64 << 20;
/// How long a key is not cached after a writer died. The default is five minutes, as long as a request can be under way
/// to a service; a folder needs less, and nobody wants to wait here.
const DOUBT: Duration = Duration::from_secs(1);

pub(super) const MEMORY: usize = 0;
pub(super) const LMDB: usize = 1;

/// The folders of a stack.
#[derive(Debug, Clone)]
pub(super) struct Folders {
    pub(super) origin: PathBuf,
    pub(super) cache: PathBuf,
    /// Bytes that each of the caches may take.
    pub(super) capacity: u64,
}

/// The folders, and what the origin holds.
pub(super) struct Place {
    pub(super) folders: Folders,
    pub(super) files: Vec<(Key, Bytes)>,
}

impl Folders {
    /// As a stack string, which `larder::open` takes as well.
    fn urls(&self) -> [String; 3] {
        let Folders { origin, cache, capacity } = self;
        [
            format!("memory:?capacity={capacity}"),
            format!("lmdb:{}?role=cache&capacity={capacity}", cache.display()),
            format!("file:{}", origin.display()),
        ]
    }

    /// Opens the stack. `sole_writer`: everybody who writes the folder goes through a stack like this one.
    pub(super) async fn open(&self) -> Outcome<TieredStore> {
        let [memory, lmdb, file] = self.urls();
        let stack = TieredStore::builder(larder::open(&file).await?)
            .front(larder::open(&memory).await?)
            .front(larder::open(&lmdb).await?)
            .fresh(Freshness::SoleWriter)
            .doubt_window(DOUBT);
        Ok(stack.open().await?)
    }

    /// How long doubt lasts.
    pub(super) fn doubt(&self) -> Duration {
        DOUBT
    }
}

impl Place {
    /// Over the file store that holds the tree.
    pub(super) fn new(scratch: &Path, tree: &Tree) -> Outcome<Place> {
        let mut sizes: Vec<(&Key, u64)> = tree.sizes().collect();
        sizes.sort_by_key(|(_, size)| *size);
        let (mut files, mut total, mut largest) = (Vec::new(), 0, 0);
        for (key, size) in sizes.into_iter().take(MOST_FILES) {
            total += size;
            if total > MOST_BYTES && !files.is_empty() {
                break;
            }
            largest = size;
            files.push((key.clone(), tree.read(key)?));
        }
        files.sort_by(|a, b| a.0.cmp(&b.0));
        // So that everything fits: what is evicted is shown elsewhere.
        let capacity = LEAST.max(4 * total).max(32 * largest);
        let folders = Folders { origin: scratch.join("file"), cache: scratch.join("cache"), capacity };
        Ok(Place { folders, files })
    }

    pub(super) fn introduce(&self) {
        let each = bytes(self.folders.capacity);
        println!(
            "   memory ({each})  >  LMDB on disk ({each})  >  the file store from above, which alone counts"
        );
        let size = self.files.iter().map(|(_, body)| body.len() as u64).sum();
        println!(
            "   {} of the files, {}, are read one by one and compared:\n",
            self.files.len(),
            bytes(size)
        );
    }
}

/// Waits for what goes on behind the back of callers, and gives the stack's numbers.
pub(super) async fn settled(stack: &TieredStore) -> Outcome<StackStats> {
    stack.drain(&Call::default()).await?;
    Ok(stack.stats())
}
