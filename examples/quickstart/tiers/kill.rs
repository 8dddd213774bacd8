//! Another process writes through the same tiers, and is killed in the middle.

use std::time::{Duration, Instant};

use larder::{Call, Consistency, GetOptions, Key, Store, TieredStore};

use super::claim;
use super::ledger::{self, KEYS, Ledger};
use super::reads::{read, since};
use super::stack::{LMDB, Place, settled};
use super::writer::Writer;
use crate::Outcome;

/// How often a writer is killed.
const KILLS: u64 = 3;
/// How many writes each has done when it is killed, at least.
const WRITES: u64 = 300;
/// How long is waited for them.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was seen.
#[derive(Default)]
struct Seen {
    writes: u64,
    reads: u64,
    /// Keys that had a write under way, and which value they have now.
    old: u64,
    new: u64,
    doubted: u64,
}

/// Kills writers, and reads all the time.
pub(super) async fn show(place: &Place) -> Outcome<()> {
    let stack = place.folders.open().await?;
    let mut seen = Seen::default();
    let path = place.folders.cache.with_extension("ledger");
    let mut ledger = Ledger::new(&path)?;
    for _ in 0..KILLS {
        let first = ledger.begun.iter().max().map_or(1, |last| last + 1);
        let writer = Writer::begin(&place.folders, &path, first)?;
        read_meanwhile(&stack, &mut ledger, &mut seen).await?;
        writer.kill()?;
        ledger.read_on()?;
        after(&stack, &ledger, &mut seen).await?;
    }
    println!(
        "   Another process wrote {KEYS} keys through the same tiers, again and again, and was killed (SIGKILL)"
    );
    println!(
        "   {KILLS} times: {} writes. This one read the same keys meanwhile, {} times:",
        seen.writes, seen.reads
    );
    println!("   no value was torn, and none was older than what the other one knew to be stored.");
    let under_way = seen.old + seen.new;
    claim(under_way > 0, || "no write was under way at any of the kills".to_owned())?;
    println!(
        "   {under_way} writes were under way at the kills: {} of them are not there, {} are, whole.",
        seen.old, seen.new
    );
    claim(seen.doubted > 0 && seen.doubted <= under_way, || {
        format!("{} keys in doubt after {under_way} unfinished writes", seen.doubted)
    })?;
    println!("   {} keys were left in doubt: until that ended they were read from the origin,", seen.doubted);
    println!("   since nobody knows what a write does that has lost its process.");
    ended(&stack, place).await?;
    stack.close(&Call::default()).await?;
    std::fs::remove_file(path)?;
    Ok(())
}

/// Reads while the other process writes: each value is whole, and not older than what was done before the read.
async fn read_meanwhile(stack: &TieredStore, ledger: &mut Ledger, seen: &mut Seen) -> Outcome<()> {
    let (begun, before) = (Instant::now(), ledger.writes);
    let mut at = 0;
    while ledger.writes < before + WRITES || ledger.done.contains(&0) {
        if begun.elapsed() > PATIENCE {
            return Err(format!("{} writes within {PATIENCE:?}", ledger.writes - before).into());
        }
        ledger.read_on()?;
        for _ in 0..8 {
            at = (at + 1) % KEYS;
            let least = ledger.done[at];
            let body = read(stack, &Key::new(ledger::key(at))?).await?.into_body();
            seen.reads += 1;
            let write = body.map_or(Ok(0), |body| ledger::write_of(at, &body))?;
            claim(write >= least, || format!("key {at} is write {write} after {least} was done"))?;
        }
        tokio::task::yield_now().await;
    }
    Ok(())
}

/// The writer is dead: each value is the last one that was done, or the one that was under way.
async fn after(stack: &TieredStore, ledger: &Ledger, seen: &mut Seen) -> Outcome<()> {
    seen.writes = ledger.writes;
    let mut values = Vec::new();
    for at in 0..KEYS {
        let key = Key::new(ledger::key(at))?;
        let body = read(stack, &key).await?.into_body().ok_or_else(|| format!("{key} is gone"))?;
        let write = ledger::write_of(at, &body)?;
        let (done, begun) = (ledger.done[at], ledger.begun[at]);
        claim(write == done || write == begun, || {
            format!("key {at} is write {write}: {done} was done, {begun} under way")
        })?;
        if begun > done {
            *if write == begun { &mut seen.new } else { &mut seen.old } += 1;
        }
        let at_origin = GetOptions::new().with_consistency(Consistency::Origin);
        let truth = stack.get_opts(&key, &at_origin).await?.into_body();
        claim(truth.as_ref() == Some(&body), || format!("key {at} is what the origin holds"))?;
        values.push((key, body));
    }
    // A key that is quiet is a hit by now, unless it is in doubt.
    let before = settled(stack).await?;
    for (key, body) in &values {
        claim(read(stack, key).await?.into_body().as_ref() == Some(body), || {
            format!("{key} stays what it is")
        })?;
    }
    seen.doubted += since(&before, &settled(stack).await?, |s| s.origin.reads);
    Ok(())
}

/// Doubt has an end: then every key is read once more from the origin, and from the caches ever after.
async fn ended(stack: &TieredStore, place: &Place) -> Outcome<()> {
    tokio::time::sleep(place.folders.doubt() + Duration::from_millis(100)).await;
    let mut asked = Vec::new();
    for _ in 0..2 {
        let before = settled(stack).await?;
        for at in 0..KEYS {
            ledger::write_of(
                at,
                &read(stack, &Key::new(ledger::key(at))?).await?.into_body().unwrap_or_default(),
            )?;
        }
        asked.push(since(&before, &settled(stack).await?, |s| s.origin.reads));
    }
    claim(asked[1] == 0, || format!("{} keys are still in doubt", asked[1]))?;
    println!(
        "   After {:?} doubt ended: one round of reads asked the origin {} times, the next one {} times.",
        place.folders.doubt(),
        asked[0],
        asked[1]
    );
    let entries = stack.stats().tiers[LMDB].usage.entries;
    println!(
        "   The LMDB cache is sound, with {} entries.",
        entries.map_or("?".to_owned(), |n| n.to_string())
    );
    Ok(())
}
