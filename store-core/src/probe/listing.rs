//! Listings: that they name what was written, in order.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::TryStreamExt;

use crate::call::Call;
use crate::env::Env;
use crate::error::Result;
use crate::guarantees::ListedTimes;
use crate::options::{ListOptions, PutOptions};
use crate::outcome::Listed;
use crate::store::Store;
use crate::system;

use super::Found;
use super::place::Place;

/// In the order of bytes, which folders and collations would change.
const IN_ORDER: [&str; 3] = ["a-b", "a/b", "ab"];

async fn listed(store: &dyn Store, options: ListOptions) -> Result<Vec<Listed>> {
    store.list_opts(system::listing(options)).try_collect().await
}

/// Names what was written at once, in order, and from any key on.
pub(super) async fn order(store: &dyn Store, call: &Call, place: &Place) -> Result<Found> {
    let options = PutOptions::new().with_call(call.clone());
    for name in ["ab", "a-b", "a/b"] {
        store.put_opts(&place.key(name)?, "listed".into(), &options).await?;
    }
    let prefix = format!("{}a", place.root());
    let all = ListOptions::new().with_prefix(&prefix).with_call(call.clone());
    for (options, wanted) in [
        (all.clone(), &IN_ORDER[..]),
        (all.clone().with_start_after(format!("{}a-b", place.root())), &IN_ORDER[1..]),
        (all.with_limit(2), &IN_ORDER[..2]),
    ] {
        let items = listed(store, options).await?;
        let mut names: Vec<_> = items
            .iter()
            .map(|item| item.name().strip_prefix(place.root()).unwrap_or("another key"))
            .collect();
        // The attributes' trial left a key that begins alike.
        names.retain(|name| *name != "attributes");
        if !store.guarantees().listing.ordered {
            names.sort_unstable();
        }
        if names != wanted {
            return Ok(Found::Broken(format!("{names:?} instead of {wanted:?}")));
        }
    }
    Ok(Found::Kept)
}

/// How far the service's clock is ahead of ours, where listings tell its time.
pub(super) async fn clock(store: &dyn Store, env: &Env, call: &Call, place: &Place) -> Result<Option<i64>> {
    if store.guarantees().listing.times != ListedTimes::OfService {
        return Ok(None);
    }
    let (key, options) = (place.key("clock")?, PutOptions::new().with_call(call.clone()));
    let before = env.wall();
    store.put_opts(&key, "now".into(), &options).await?;
    let after = env.wall();
    let options = ListOptions::new().with_prefix(key.as_str()).with_call(call.clone());
    let told = listed(store, options).await?.into_iter().find_map(|item| item.into_entry()?.modified);
    Ok(told.map(|told| ahead(millis(told), millis(before), millis(after))))
}

/// How far `told`, in whole seconds perhaps, is from the time between `before` and `after`.
fn ahead(told: i64, before: i64, after: i64) -> i64 {
    if told > after {
        return told - after;
    }
    // A time that was cut to whole seconds is up to one older.
    (told + 999 - before).min(0)
}

fn millis(time: SystemTime) -> i64 {
    let count = |d: std::time::Duration| i64::try_from(d.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => count(after),
        Err(before) => -count(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_to_the_second() {
        for (told, before, after, expected) in [
            (5000, 5000, 5100, 0),
            // Cut from 5999.
            (5000, 5999, 6100, 0),
            (5000, 6500, 6600, -501),
            (9000, 5000, 5100, 3900),
        ] {
            assert_eq!(ahead(told, before, after), expected, "{told} {before} {after}");
        }
    }
}
