//! What is moved: many small values, some of several MiB, with attributes and expiry here and there.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use larder_store_core::{Attributes, Call, Key, PutItem, PutOptions, Store};

use crate::{Outcome, value};

/// How many there are.
pub(super) const ENTRIES: u64 = 2_400;
/// One in so many is large …
const LARGE_EACH: u64 = 600;
/// … of so many KiB, from the first on: above a chunk, and more than a segment.
const LARGE_KIB: [u64; 4] = [1_030, 5_000, 1_024, 2_500];
/// One in so many is in the target already, with another value, where a case wants conflicts.
const TAKEN_EACH: u64 = 150;
/// The write that a value comes from, and that of one that was there before.
const WRITE: u64 = 1;
const BEFORE: u64 = 2;

/// The key of a number. In JSON it stands as it is.
pub(super) fn key(n: u64) -> Key {
    Key::new(format!("{:02}/entry-{n:05}", n % 7)).expect("it is legal")
}

/// How many bytes all values have, about.
pub(super) fn bytes() -> u64 {
    (0..ENTRIES).map(length).sum()
}

fn length(n: u64) -> u64 {
    match n % LARGE_EACH {
        300 => LARGE_KIB[(n / LARGE_EACH) as usize % LARGE_KIB.len()] << 10,
        _ => value::HEAD as u64 + n * n % 400,
    }
}

fn options(n: u64) -> PutOptions {
    let mut options = PutOptions::new();
    if n.is_multiple_of(7) {
        let attributes = Attributes::new().content_type("text/plain").set("number", n.to_string());
        options = options.with_attributes(attributes);
    }
    if n.is_multiple_of(11) {
        // In 2100.
        options = options.with_expires(UNIX_EPOCH + Duration::new(4_102_444_800 + n, 5));
    }
    options
}

/// Fills a source.
pub(super) async fn fill(store: &Arc<dyn Store>) -> Outcome {
    put(store, 0..ENTRIES, |n| PutItem {
        key: key(n),
        value: value::make(key(n).as_str(), WRITE, length(n) as usize),
        options: options(n),
    })
    .await
}

/// The keys that are in a target already, where a case wants conflicts: a large one is among them.
pub(super) fn taken() -> impl Iterator<Item = u64> {
    (0..ENTRIES).step_by(TAKEN_EACH as usize)
}

/// Puts them there.
pub(super) async fn take(store: &Arc<dyn Store>) -> Outcome {
    put(store, taken(), |n| PutItem { key: key(n), value: before(n), options: PutOptions::new() }).await
}

/// What stands there then.
pub(super) fn before(n: u64) -> bytes::Bytes {
    value::make(key(n).as_str(), BEFORE, 100)
}

async fn put(
    store: &Arc<dyn Store>,
    all: impl Iterator<Item = u64>,
    item: impl Fn(u64) -> PutItem,
) -> Outcome {
    let all: Vec<u64> = all.collect();
    for batch in all.chunks(200) {
        let items = batch.iter().map(|n| item(*n)).collect();
        for done in store.put_many_opts(items, &Call::default()).await {
            done?;
        }
    }
    Ok(())
}
