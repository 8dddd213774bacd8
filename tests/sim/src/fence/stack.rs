//! What a write costs in a stack over an LMDB front, beyond the same write to the origin alone.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder_store_core::config::{Freshness, WritePolicy};
use larder_store_core::{Call, Key, OpenOptions, Role, Store, StoreExt};
use larder_tiered::TieredStore;

use super::cost::processor;
use crate::report::Report;
use crate::{Outcome, stores};

/// Processor time that a write through a shared fence may cost.
const MOST: Duration = Duration::from_micros(15);
const KEYS: usize = 4096;
const VALUE: usize = 1024;

/// Measures. `lenient`: times are only told.
///
/// # Errors
/// What keeps it from going on.
pub fn run(folder: &Path, writes: u64, seed: u64, lenient: bool) -> Outcome<Report> {
    let mut report = Report::new("fence", "stack", seed);
    report.count("writes of 1 KiB", writes);
    for width in [1, 64] {
        let (alone, around, through) = stores::block_on(async {
            let alone = cost(&*open("memory:", Role::Origin).await?, writes, width).await?;
            let at = |name| folder.join(format!("{name}{width}"));
            let around = cost(&*stack(&at("around"), WritePolicy::Around).await?, writes, width).await?;
            let through = cost(&*stack(&at("through"), WritePolicy::Through).await?, writes, width).await?;
            Outcome::Ok((alone, around, through))
        })?;
        report.time(format!("{width} at once: origin alone"), alone);
        report.time(format!("{width} at once: the fence (write-around)"), around.saturating_sub(alone));
        report.time(format!("{width} at once: and the install in LMDB"), through.saturating_sub(alone));
        if around > alone + MOST && !lenient {
            report.problem(format!("a fenced write costs {:?} of processor time", around - alone));
        }
    }
    Ok(report)
}

async fn stack(folder: &Path, write: WritePolicy) -> Outcome<Arc<dyn Store>> {
    let front = open(&format!("lmdb:{}", folder.display()), Role::Front).await?;
    let builder = TieredStore::builder(open("memory:", Role::Origin).await?).front(front);
    Ok(Arc::new(builder.fresh(Freshness::SoleWriter).write(write).open().await?))
}

async fn open(url: &str, role: Role) -> Outcome<Arc<dyn Store>> {
    Ok(stores::registry().open_url(url, &OpenOptions::new().with_role(role)).await?)
}

/// Processor time of the process for each write, with what is done behind its back.
async fn cost(store: &dyn Store, writes: u64, width: usize) -> Outcome<Duration> {
    let value = Bytes::from(vec![7; VALUE]);
    let keys = (0..KEYS).map(|n| Key::new(format!("key/{n}"))).collect::<Result<Vec<_>, _>>()?;
    let turn = async |count: u64| {
        let keys = keys.iter().cycle().take(count as usize);
        let mut puts = stream::iter(keys.map(|key| store.put(key, value.clone()))).buffer_unordered(width);
        while puts.try_next().await?.is_some() {}
        drop(puts);
        store.drain(&Call::default()).await
    };
    turn(KEYS as u64).await?;
    let begin = processor();
    turn(writes).await?;
    Ok((processor() - begin) / writes.max(1) as u32)
}
