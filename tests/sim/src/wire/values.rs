//! What values tell of whoever wrote them.

use bytes::Bytes;
use larder_store_core::{Got, Key};

use crate::Outcome;
use crate::model::State;
use crate::value::{self, WriteNo};

/// What a get tells about the key, whose bytes are checked.
///
/// # Errors
/// Bytes that nobody wrote so.
pub(super) fn seen(key: &Key, got: &Got<Bytes>) -> Outcome<State> {
    match got {
        Got::Absent => Ok(None),
        Got::Found { body, .. } => {
            Ok(Some(value::check(key.as_str(), body).map_err(|e| format!("torn: {key:?}: {e}"))?))
        }
        Got::Unchanged(_) => Err("a get without a version says that it is unchanged".into()),
    }
}

/// What a counter is at.
///
/// # Errors
/// What is no number.
pub(super) fn count(got: &Got<Bytes>) -> Outcome<u64> {
    match got {
        Got::Absent => Ok(0),
        Got::Found { body, .. } => Ok(std::str::from_utf8(body)?.parse()?),
        Got::Unchanged(_) => Err("a get without a version says that it is unchanged".into()),
    }
}

/// The same of the first bytes of a value: its head tells whose they are.
pub(super) fn seen_part(key: &Key, body: &[u8]) -> Outcome<WriteNo> {
    let word =
        |at: usize| -> Option<u64> { Some(u64::from_le_bytes(body.get(at..at + 8)?.try_into().ok()?)) };
    let (Some(write), Some(len)) = (word(8), word(16)) else { return Err("torn: less than a head".into()) };
    let right = value::part(key.as_str(), write, len as usize, 0..body.len());
    if right != body {
        return Err(format!(
            "torn: the first {} bytes of {key:?} are not those of write {write:x}",
            body.len()
        )
        .into());
    }
    Ok(write)
}
