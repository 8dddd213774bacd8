//! A process that has the function's stack open until it is killed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use larder_store_core::config::{Freshness, StoreConfig};
use larder_store_core::{GetOptions, Key, PutOptions, Store};

use super::{CACHE, KEY, MEMORY, VALUE};
use crate::args::Args;
use crate::tiers::Tiers;
use crate::{Outcome, process, stores};

pub(super) const ROLE: &str = "role-cold-start-holder";

fn tiers(folder: &Path) -> Tiers {
    Tiers {
        folder: folder.to_owned(),
        memory: Some(MEMORY),
        cache: CACHE,
        fresh: Freshness::MaxAge(Duration::from_secs(30)),
        slots: larder_tiered::fence::DEFAULT_SLOTS,
    }
}

/// The same stack, as the function is told of it.
pub(super) fn text(folder: &Path, url: &str) -> String {
    let cache = tiers(folder).cache_folder();
    format!("memory:?capacity={MEMORY} | lmdb:{}?capacity={CACHE} | {url}&fresh=30s", cache.display())
}

/// Plays the role.
///
/// # Errors
/// The stack is not opened, or does not answer.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let folder = PathBuf::from(args.need("folder")?);
    let config = StoreConfig::parse(&args.need("url")?)?;
    args.finish()?;
    stores::block_on(async {
        let stack = tiers(&folder).over(stores::open(&config).await?)?.open().await?;
        let key = Key::new(KEY)?;
        stack.put_opts(&key, VALUE.into(), &PutOptions::new()).await?;
        let got = stack.get_opts(&key, &GetOptions::new()).await?.into_body();
        if got.as_deref() != Some(VALUE.as_bytes()) {
            return Err(format!("the value is {got:?}").into());
        }
        stack.drain(&Default::default()).await?;
        std::io::stdout().write_all(b"!")?;
        std::io::stdout().flush()?;
        std::future::pending().await
    })
}
