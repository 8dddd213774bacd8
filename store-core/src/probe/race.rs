//! Conditions that are decided while others ask the same.

use futures_util::future::join_all;

use crate::call::Call;
use crate::error::{ErrorKind, Result};
use crate::options::{Precondition, PutOptions};
use crate::outcome::Written;
use crate::store::Store;

use super::Found;
use super::place::Place;

const WRITERS: usize = 8;

/// Of eight writers with the same condition, one is let through. A store that looks first and writes then passes every
/// single trial, and fails here.
pub(super) async fn at_once(store: &dyn Store, call: &Call, place: &Place) -> Result<Found> {
    let first = match round(store, call, place, Precondition::Absent).await? {
        Ok(written) => written,
        Err(seen) => return Ok(Found::Broken(format!("{seen} to create a key"))),
    };
    Ok(match round(store, call, place, Precondition::Matches(first.version)).await? {
        Ok(_) => Found::Kept,
        Err(seen) => Found::Broken(format!("{seen} to replace a version")),
    })
}

/// The write that was let through, or what was seen instead.
async fn round(
    store: &dyn Store,
    call: &Call,
    place: &Place,
    pre: Precondition,
) -> Result<Result<Written, String>> {
    let key = place.key("race")?;
    let options = PutOptions::new().with_pre(pre).with_call(call.clone());
    let write = |n: usize| store.put_opts(&key, format!("writer {n}").into(), &options);
    let mut made = Vec::new();
    for done in join_all((0..WRITERS).map(write)).await {
        match done {
            Ok(written) => made.push(written),
            Err(error) if error.is(ErrorKind::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    let count = made.len();
    Ok(match made.pop() {
        Some(written) if count == 1 => Ok(written),
        _ => Err(format!("{count} of {WRITERS} writers were let through")),
    })
}
