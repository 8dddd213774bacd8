//! Another process writes through the same tiers, and is killed in the middle.

use std::time::{Duration, Instant};

use larder::tiered::fence::DEFAULT_WINDOW;
use larder::{Call, Consistency, GetOptions, Key, Store, TieredStore};

use super::claim;
use super::ledger::{self, KEYS, Ledger};
use super::reads::{read, since};
use super::stack::{Place, settled};
use super::writer::Writer;
use crate::Outcome;

/// How often a writer is killed.
const KILLS: u64 = 3;
/// How many writes each has done when it is killed, at least.
const WRITES: u64 = 300;
/// How long is waited for them.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was seen, at all kills together.
#[derive(Default)]
struct Seen {
    reads: u64,
    /// Keys that had a write under way, and which value they have now.
    old: u64,
    new: u64,
    doubted: u64,
    /// Requests to the origin when doubt had ended: in a first round of reads, and in a second one.
    again: [u64; 2],
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
        tokio::time::sleep(place.folders.doubt() + Duration::from_millis(100)).await;
        for asked in &mut seen.again {
            *asked += round(&stack).await?;
        }
    }
    tell(&seen, &ledger, place)?;
    stack.close(&Call::default()).await?;
    std::fs::remove_file(path)?;
    Ok(())
}

fn tell(seen: &Seen, ledger: &Ledger, place: &Place) -> Outcome<()> {
    let Seen { reads, old, new, doubted, again } = seen;
    println!(
        "   Another process wrote {KEYS} keys through the same tiers, over and over, and was killed (SIGKILL)"
    );
    println!(
        "   {KILLS} times. It had done {} writes; this one read the same keys {reads} times meanwhile:",
        ledger.writes
    );
    println!("   no value was torn, and none was older than what the other one knew to be stored.");
    let under_way = old + new;
    claim(under_way > 0, || "no write was under way at any of the kills".to_owned())?;
    println!(
        "   {under_way} writes were under way at the kills. Of their keys {old} have the old value, {new} the new one,"
    );
    println!("   each whole, and the same as the origin's.");
    claim((1..=under_way).contains(doubted), || {
        format!("{doubted} keys in doubt after {under_way} unfinished writes")
    })?;
    println!(
        "   {doubted} of those keys were in doubt: nobody knows what becomes of a write that has lost its process,"
    );
    println!("   so each read of them asked the origin. All others were hits at once.");
    claim(again[0] <= *doubted && again[1] == 0, || format!("{again:?} requests after doubt had ended"))?;
    println!(
        "   Doubt ended after {:?} ({} minutes unless told otherwise): one round of reads asked the origin\n   {} times, the next one {} times.",
        place.folders.doubt(),
        DEFAULT_WINDOW.as_secs() / 60,
        again[0],
        again[1]
    );
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

/// Reads every key, and gives the number of requests to the origin.
async fn round(stack: &TieredStore) -> Outcome<u64> {
    let before = settled(stack).await?;
    for at in 0..KEYS {
        let body = read(stack, &Key::new(ledger::key(at))?).await?.into_body();
        ledger::write_of(at, &body.unwrap_or_default())?;
    }
    Ok(since(&before, &settled(stack).await?, |s| s.origin.reads))
}
