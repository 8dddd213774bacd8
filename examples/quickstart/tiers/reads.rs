//! Cold, hot and warm reads, and a restart.

use std::time::Instant;

use larder::tiered::StackStats;
use larder::{Call, GetOptions, Got, Key, Store, TieredStore};

use super::claim;
use super::latencies::Latencies;
use super::stack::{LMDB, MEMORY, Place, settled};
use crate::Outcome;

/// How often everything is read again where that is quick.
const AGAIN: usize = 3;

/// Reads everything in each way, and shows the table.
pub(super) async fn show(place: &Place) -> Outcome<()> {
    let all = place.files.len() as u64;
    let mut table = Latencies::default();

    let stack = place.folders.open().await?;
    let asked = pass(&stack, place, "cold: the caches are empty", 1, &mut table).await?;
    claim(asked == all, || format!("{asked} requests to the origin for {all} cold reads"))?;
    let asked = pass(&stack, place, "hot: again", AGAIN, &mut table).await?;
    claim(asked == 0, || format!("{asked} requests to the origin for hot reads"))?;
    let hits = stack.stats().tiers[MEMORY].hits;
    claim(hits == AGAIN as u64 * all, || format!("memory answered {hits} hot reads"))?;
    stack.close(&Call::default()).await?;

    // As another process would find it: what was in memory is gone, the cache on disk is not.
    let stack = place.folders.open().await?;
    let asked = pass(&stack, place, "warm: after a restart", 1, &mut table).await?;
    let hits = stack.stats().tiers[LMDB].hits;
    claim(asked == 0 && hits == all, || {
        format!("after a restart LMDB answered {hits} of {all}, the origin {asked}")
    })?;
    let asked = pass(&stack, place, "hot: again after the restart", AGAIN, &mut table).await?;
    claim(asked == 0, || format!("{asked} requests to the origin for hot reads"))?;
    stack.close(&Call::default()).await?;

    println!("{table}");
    println!("   The cache on disk was still warm after the restart: the origin was not asked once.\n");
    Ok(())
}

/// Reads everything `times` times, compares it, and gives the number of requests to the origin.
async fn pass(
    stack: &TieredStore,
    place: &Place,
    what: &'static str,
    times: usize,
    table: &mut Latencies,
) -> Outcome<u64> {
    let before = stack.stats();
    table.begin(what);
    for (key, body) in place.files.iter().cycle().take(times * place.files.len()) {
        let begun = Instant::now();
        let got = read(stack, key).await?;
        let took = begun.elapsed();
        let Got::Found { body: is, served, .. } = got else {
            return Err(format!("{key} is absent").into());
        };
        claim(is == *body, || format!("{key} is what its file holds"))?;
        table.note(served.tier, took)?;
    }
    let after = settled(stack).await?;
    let hits: Vec<u64> =
        (0..after.tiers.len()).map(|at| since(&before, &after, |s| s.tiers[at].hits)).collect();
    let asked = since(&before, &after, |s| s.origin.reads);
    table.end(&hits, asked)?;
    Ok(asked)
}

/// What [`larder::StoreExt::get`] does, with who answered.
pub(super) async fn read(stack: &TieredStore, key: &Key) -> Outcome<Got<bytes::Bytes>> {
    let options = GetOptions::new();
    let got = match stack.try_get(key, &options) {
        Some(got) => got,
        None => stack.get_opts(key, &options).await,
    };
    Ok(got?)
}

/// How much a number grew.
pub(super) fn since(before: &StackStats, after: &StackStats, number: impl Fn(&StackStats) -> u64) -> u64 {
    number(after) - number(before)
}
