//! Bits flip in the file of the cache.

use std::collections::HashMap;
use std::os::unix::fs::FileExt;
use std::path::Path;

use larder::{Call, Key, Store};

use super::claim;
use super::reads::{read, since};
use super::stack::{LMDB, Place, settled};
use crate::Outcome;

/// How many values are damaged.
const VALUES: usize = 40;
/// Sizes of values that stand in one piece in the file.
const SIZES: std::ops::Range<usize> = 200..12_000;
/// Bytes from the middle of a value, by which it is found in the file.
const MARK: usize = 24;

type Mark = [u8; MARK];

/// Damages values, reads everything, restarts and reads everything again.
pub(super) async fn show(place: &Place) -> Outcome<()> {
    let marks = marks(place);
    if marks.is_empty() {
        println!("   None of the files has from {} to {} bytes: this is left out.\n", SIZES.start, SIZES.end);
        return Ok(());
    }
    let flipped = flip(&place.folders.cache.join("data.mdb"), &marks)?;
    claim(flipped == marks.len(), || format!("{flipped} of {} values are in the cache's file", marks.len()))?;
    println!("   One bit was flipped in each of {flipped} cached values, in the LMDB file.");

    let all = place.files.len() as u64;
    let stack = place.folders.open().await?;
    let before = stack.stats();
    read_all(&stack, place).await?;
    let after = settled(&stack).await?;
    let (found, asked) =
        (since(&before, &after, |s| s.tiers[LMDB].corrupt), since(&before, &after, |s| s.origin.reads));
    let hits = since(&before, &after, |s| s.tiers[LMDB].hits);
    claim(found == flipped as u64 && asked == found && hits + asked == all, || {
        format!("{flipped} damaged: {found} found, {hits} hits, {asked} requests to the origin")
    })?;
    println!(
        "   Read: all {all} answers right. {found} entries were found damaged and counted, and the origin"
    );
    println!(
        "   was asked {asked} times in their place; the other {hits} reads were hits of the LMDB cache."
    );
    stack.close(&Call::default()).await?;

    let stack = place.folders.open().await?;
    read_all(&stack, place).await?;
    let stats = settled(&stack).await?;
    let (found, hits, asked) = (stats.tiers[LMDB].corrupt, stats.tiers[LMDB].hits, stats.origin.reads);
    claim(found == 0 && hits == all && asked == 0, || {
        format!("after the repair: {found} found damaged, {hits} hits of {all}, {asked} requests")
    })?;
    println!(
        "   After a restart: {found} damaged, {hits} hits, {asked} requests. The damaged entries were replaced.\n"
    );
    stack.close(&Call::default()).await?;
    Ok(())
}

async fn read_all(stack: &larder::TieredStore, place: &Place) -> Outcome<()> {
    for (key, body) in &place.files {
        let is = read(stack, key).await?.into_body();
        claim(is.as_ref() == Some(body), || format!("{key} is what its file holds"))?;
    }
    Ok(())
}

/// Marks that occur once in all values, each with its key.
fn marks(place: &Place) -> HashMap<Mark, Key> {
    let mut marks = HashMap::new();
    for (key, body) in place.files.iter().filter(|(_, body)| SIZES.contains(&body.len())) {
        let middle = body.len() / 2;
        let mark: Mark = body[middle..middle + MARK].try_into().expect("it is as long");
        marks.insert(mark, key.clone());
    }
    let mut times: HashMap<Mark, usize> = HashMap::new();
    for (_, body) in &place.files {
        each_place(body, &marks, |mark, _| *times.entry(*mark).or_default() += 1);
    }
    let once: Vec<_> = marks.into_iter().filter(|(mark, _)| times[mark] == 1).collect();
    let step = once.len().div_ceil(VALUES).max(1);
    once.into_iter().step_by(step).collect()
}

/// Flips a bit wherever a mark stands in the file, and gives the number of marks that were found. What was freed in
/// the file may hold an older copy: that is flipped, too.
fn flip(path: &Path, marks: &HashMap<Mark, Key>) -> Outcome<usize> {
    let bytes = std::fs::read(path)?;
    let file = std::fs::OpenOptions::new().write(true).open(path)?;
    let mut places: HashMap<Mark, Vec<usize>> = HashMap::new();
    each_place(&bytes, marks, |mark, at| places.entry(*mark).or_default().push(at));
    for at in places.values().flatten().map(|at| at + MARK / 2) {
        file.write_all_at(&[bytes[at] ^ 4], at as u64)?;
    }
    Ok(places.len())
}

/// Every place where a mark stands.
fn each_place(bytes: &[u8], marks: &HashMap<Mark, Key>, mut found: impl FnMut(&Mark, usize)) {
    // Most places are told by their first two bytes.
    let mut begins = vec![false; 1 << 16];
    let begin = |bytes: &[u8]| usize::from(bytes[0]) << 8 | usize::from(bytes[1]);
    marks.keys().for_each(|mark| begins[begin(mark)] = true);
    for at in 0..(bytes.len() + 1).saturating_sub(MARK) {
        if begins[begin(&bytes[at..at + 2])]
            && let Some((mark, _)) = marks.get_key_value(&bytes[at..at + MARK])
        {
            found(mark, at);
        }
    }
}
