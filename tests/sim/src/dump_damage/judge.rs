//! What an import made of a damaged dump.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use larder_migrate::{DumpPlace, JobOptions, WriteOptions, check, import};
use larder_store_core::{Error, ErrorKind, Key, PutOptions, Store};

use super::harm::OF_OTHERS;
use super::image::{self, Held, Image};
use crate::Outcome;

/// Longer than this, and it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a dump is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In a store, as it is or in parts.
    Object,
    /// Through a pipe.
    Input,
}

/// What came of a case.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Whether all of the original is in the store.
    pub(super) whole: bool,
    /// Whether the import said that something is wrong …
    pub(super) refused: bool,
    /// … and where.
    pub(super) named: bool,
    /// Whether nothing was left but lines as others write them, without header, checkpoints and trailer.
    pub(super) of_others: bool,
    /// The kind of its error.
    pub(super) kind: Option<ErrorKind>,
    /// Entries that reached the store.
    pub(super) entries: u64,
    /// What must not be.
    pub(super) problems: Vec<String>,
}

/// Imports and checks a dump that was damaged.
///
/// # Errors
/// What keeps the campaign from going on.
pub(super) async fn judge(image: &Image, parts: &[Bytes], way: Way, twice: bool) -> Outcome<Verdict> {
    let mut verdict = Verdict::default();
    let store = image::empty().await?;
    let options = WriteOptions::new().with_job(JobOptions::new().with_preflight(false));
    let done = guarded(import(place(parts, way).await?, store.clone(), &options)).await;
    let held = image::held(&store).await?;
    compare(&held, &image.held, &mut verdict);
    take(done.map(|done| done.map(drop)), parts.len(), &mut verdict);
    if !verdict.refused && are_of_others(parts) {
        // Nothing says any more that this was a dump: not how many entries it had, nor that they were to be checked.
        verdict.of_others = true;
        return Ok(verdict);
    }
    if !verdict.refused && !verdict.whole {
        let (here, there) = (held.len(), image.held.len());
        verdict.problems.push(format!("{here} of {there} entries were imported, and nobody said a word"));
    }
    checked(parts, way, &mut verdict).await?;
    if twice {
        looked_through(parts, &mut verdict).await?;
    }
    Ok(verdict)
}

/// Whether these are lines with keys, and nothing else: it took two edits at least to make that of a dump.
fn are_of_others(parts: &[Bytes]) -> bool {
    let of_others = |line: &[u8]| line.trim_ascii().is_empty() || line.starts_with(b"{\"key\"");
    parts.len() == 1 && parts[0].split(|b| *b == b'\n').all(of_others)
}

/// The dump as an import is given it.
async fn place(parts: &[Bytes], way: Way) -> Outcome<DumpPlace> {
    if let (Way::Input, [part]) = (way, parts) {
        return Ok(DumpPlace::input(std::io::Cursor::new(part.clone())));
    }
    let dumps = image::empty().await?;
    let many = parts.len() > 1;
    for (number, part) in parts.iter().enumerate() {
        let key = if many { format!("d.{:04}", number + 1) } else { "d".to_owned() };
        dumps.put_opts(&Key::new(key)?, part.clone(), &PutOptions::new()).await?;
    }
    Ok(DumpPlace::object(dumps, Key::new("d")?))
}

/// Runs something that must neither panic nor hang.
async fn guarded<T>(work: impl Future<Output = Result<T, Error>>) -> Result<Result<T, Error>, String> {
    let work = AssertUnwindSafe(work).catch_unwind();
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err("it panicked".to_owned()),
        Err(_) => Err(format!("it had not ended after {PATIENCE:?}")),
    }
}

fn compare(held: &Held, original: &Held, verdict: &mut Verdict) {
    verdict.entries = held.len() as u64;
    verdict.whole = held == original;
    for (key, kept) in held {
        match original.get(key) {
            // Who puts lines of others in place of a header adds to what there is, as anybody may.
            None if key.as_str() == OF_OTHERS => {}
            None => verdict.problems.push(format!("{key:?} was imported, and never was in the dump")),
            Some(right) if right == kept => {}
            Some(right) => {
                let value = if right.value == kept.value { "its facts" } else { "its value" };
                verdict.problems.push(format!("{key:?} was imported with {value} changed"));
            }
        }
    }
}

fn take(done: Result<Result<(), Error>, String>, parts: usize, verdict: &mut Verdict) {
    match done {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            (verdict.refused, verdict.kind) = (true, Some(error.kind()));
            let text = error.to_string();
            verdict.named = text.contains("byte ") && (parts == 1 || text.contains("d.0"));
            if !is_fair(&error) {
                verdict.problems.push(format!("the import failed with {error}"));
            }
        }
        Err(why) => verdict.problems.push(format!("the import: {why}")),
    }
}

fn is_fair(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported | ErrorKind::Invalid)
}

/// What `check` says must be what the import says.
async fn checked(parts: &[Bytes], way: Way, verdict: &mut Verdict) -> Outcome {
    match guarded(check(place(parts, way).await?, &JobOptions::new())).await {
        Ok(Ok(_)) if verdict.refused => {
            verdict.problems.push("check likes what the import refused".to_owned())
        }
        Ok(Ok(_)) => {}
        Ok(Err(error)) if !is_fair(&error) => verdict.problems.push(format!("check failed with {error}")),
        Ok(Err(error)) if !verdict.refused => {
            verdict.problems.push(format!("the import took what check refuses: {error}"));
        }
        Ok(Err(_)) => {}
        Err(why) => verdict.problems.push(format!("check: {why}")),
    }
    Ok(())
}

/// An import that looks through the dump first leaves the store as it is where something is wrong.
async fn looked_through(parts: &[Bytes], verdict: &mut Verdict) -> Outcome {
    let store: Arc<dyn Store> = image::empty().await?;
    let done = guarded(import(place(parts, Way::Object).await?, store.clone(), &WriteOptions::new())).await;
    let held = image::held(&store).await?;
    match done {
        Ok(Ok(_)) if verdict.refused => {
            verdict.problems.push("an import took with a look before what it refuses without".to_owned());
        }
        Ok(Ok(_)) => {}
        Ok(Err(_)) if !held.is_empty() => {
            verdict.problems.push(format!("{} entries were imported by one that looked first", held.len()));
        }
        Ok(Err(_)) => {}
        Err(why) => verdict.problems.push(format!("the import that looks first: {why}")),
    }
    Ok(())
}
