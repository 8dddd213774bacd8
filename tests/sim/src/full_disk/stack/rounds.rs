//! What happens to the disk.

use std::path::Path;

use larder_store_core::config::{Freshness, StoreConfig};
use larder_store_core::{Call, Store};
use larder_tiered::TieredStore;

use crate::Outcome;
use crate::exercise::Exercise;
use crate::full_disk::mount::{self, Disk, ReadOnly};
use crate::full_disk::steps::Ballast;
use crate::report::Report;
use crate::rng::Rng;
use crate::stores::{self, Kind};
use crate::tiers::Tiers;

/// Pages that are left free of a disk that is nearly full.
const FREE_PAGES: u64 = 64;
const PAGE: u64 = 4096;
/// Slots of the fence.
const SLOTS: u32 = 4096;

struct Trial<'a> {
    disk: &'a Path,
    tiers: Tiers,
    origin: StoreConfig,
    rng: Rng,
    report: &'a mut Report,
    refused: u64,
}

/// Runs all rounds.
pub(super) async fn run(
    folder: &Path,
    disk: &Path,
    kind: Disk,
    fresh: Freshness,
    rounds: u64,
    seed: u64,
    report: &mut Report,
) -> Outcome {
    let config = Kind::File.at(&folder.join("origin"), "sync=none")?;
    let origin = stores::open(&config).await?;
    let tiers = Tiers { folder: disk.to_owned(), memory: None, cache: 4 << 20, fresh, slots: SLOTS };
    let mut trial = Trial { disk, tiers, origin: config, rng: Rng::new(seed), report, refused: 0 };
    for name in ["full in use", "read-only in use", "full at open", "read-only at open"] {
        let mut user = Exercise::new(origin.clone(), seed);
        // What another part has left.
        empty(&*origin).await?;
        for _ in 0..rounds {
            // A new cache, or the one of before.
            if trial.rng.one_in(2) {
                trial.forget()?;
            }
            match name {
                "full in use" => trial.full_in_use(&mut user).await?,
                "read-only in use" => trial.read_only_in_use(&mut user).await?,
                "full at open" => trial.full_at_open(&mut user).await?,
                _ => trial.read_only_at_open(&mut user).await?,
            }
        }
        user.tell(name, trial.report);
        trial.forget()?;
    }
    if kind == Disk::Ext4 {
        // The last, since nothing comes after it.
        let mut user = Exercise::new(origin.clone(), seed);
        empty(&*origin).await?;
        trial.dead_in_use(&mut user).await?;
        user.tell("dead in use", trial.report);
    }
    let refused = trial.refused;
    report.count("opens refused by sole_writer", refused);
    origin.close(&Call::default()).await?;
    Ok(())
}

async fn empty(origin: &dyn Store) -> Outcome {
    use futures_util::TryStreamExt;
    let listed: Vec<_> = origin.list_opts(Default::default()).try_collect().await?;
    for entry in listed.into_iter().filter_map(larder_store_core::Listed::into_entry) {
        origin.delete_opts(&entry.key, &Default::default()).await?;
    }
    Ok(())
}

impl Trial<'_> {
    /// The cache is gone.
    fn forget(&self) -> Outcome {
        match std::fs::remove_dir_all(self.tiers.cache_folder()) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
            _ => Ok(()),
        }
    }

    async fn open(&self) -> Outcome<TieredStore> {
        Ok(self.tiers.over(stores::open(&self.origin).await?)?.open().await?)
    }

    async fn full_in_use(&mut self, user: &mut Exercise) -> Outcome {
        let stack = self.open().await?;
        user.go(&stack, "with room", 30).await;
        let some = Ballast::leave(self.disk, self.rng.below(FREE_PAGES) * PAGE)?;
        user.go(&stack, "nearly full", 300).await;
        let all = Ballast::rest(self.disk)?;
        user.go(&stack, "full to the last byte", 300).await;
        user.settle(&stack, "full to the last byte").await?;
        drop((some, all));
        user.comes_back(&stack, self.tiers.fresh, "room again").await;
        self.close(stack).await
    }

    async fn read_only_in_use(&mut self, user: &mut Exercise) -> Outcome {
        let stack = self.open().await?;
        user.go(&stack, "writable", 100).await;
        let read_only = ReadOnly::begin(self.disk)?;
        user.go(&stack, "read-only", 300).await;
        user.settle(&stack, "read-only").await?;
        drop(read_only);
        user.comes_back(&stack, self.tiers.fresh, "writable again").await;
        self.close(stack).await
    }

    async fn dead_in_use(&mut self, user: &mut Exercise) -> Outcome {
        let stack = self.open().await?;
        user.go(&stack, "with a disk", 100).await;
        mount::give_up(self.disk)?;
        user.go(&stack, "the disk gave up", 300).await;
        user.settle(&stack, "the disk gave up").await?;
        // What it says is of no use any more, as long as it comes to an end.
        let _ = stack.close(&Call::default()).await;
        Ok(())
    }

    async fn full_at_open(&mut self, user: &mut Exercise) -> Outcome {
        let ballast = Ballast::leave(self.disk, self.rng.below(FREE_PAGES) * PAGE)?;
        let Some(stack) = self.opens("full").await? else {
            drop(ballast);
            let stack = self.open().await?;
            user.go(&stack, "room again", 100).await;
            return self.close(stack).await;
        };
        user.go(&stack, "opened on a full disk", 200).await;
        drop(ballast);
        user.comes_back(&stack, self.tiers.fresh, "room again").await;
        self.close(stack).await
    }

    async fn read_only_at_open(&mut self, user: &mut Exercise) -> Outcome {
        let read_only = ReadOnly::begin(self.disk)?;
        let Some(stack) = self.opens("read-only").await? else {
            drop(read_only);
            let stack = self.open().await?;
            user.go(&stack, "writable again", 100).await;
            return self.close(stack).await;
        };
        user.go(&stack, "opened on a read-only disk", 200).await;
        drop(read_only);
        user.comes_back(&stack, self.tiers.fresh, "writable again").await;
        self.close(stack).await
    }

    /// It must be opened, but for `sole_writer`, which needs the fence: that says what to do.
    async fn opens(&mut self, disk: &str) -> Outcome<Option<TieredStore>> {
        let opened = self.tiers.over(stores::open(&self.origin).await?)?.open().await;
        match opened {
            Ok(stack) => Ok(Some(stack)),
            Err(error) if self.tiers.fresh == Freshness::SoleWriter => {
                self.refused += 1;
                if !error.to_string().contains("fresh=30s") {
                    self.report.problem(format!("a stack is refused without a word that helps: {error}"));
                }
                Ok(None)
            }
            Err(error) => Err(format!("a stack is not opened on a {disk} disk: {error:?}").into()),
        }
    }

    async fn close(&self, stack: TieredStore) -> Outcome {
        Ok(stack.close(&Call::default()).await?)
    }
}
