//! Whether everything is as it should be when the last run has ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::TryStreamExt;
use larder_migrate::{CompareOptions, JobOptions, Side, What, check, diff};
use larder_store_core::{Call, GetOptions, Key, ListOptions, Listed, Store, system};

use super::case::{Case, Work};
use super::entries::{self, ENTRIES};
use super::ground::{Dump, NAME, Places};
use crate::{Outcome, stores};

/// Judges a case.
///
/// # Errors
/// What is wrong.
pub(super) async fn judge(case: &Case, places: &Places) -> Outcome {
    let source = stores::open(&places.source).await?;
    let judged = match (case.work, &places.dump, &places.target) {
        (Work::Export, Some(dump), _) => of_dump(&source, dump).await,
        (_, _, Some(target)) => {
            let target = stores::open(target).await?;
            let judged = of_target(&source, &target, case.conflict).await;
            target.close(&Call::default()).await?;
            judged
        }
        _ => Err("a case without a place".into()),
    };
    source.close(&Call::default()).await?;
    judged
}

async fn of_target(source: &Arc<dyn Store>, target: &Arc<dyn Store>, conflict: &str) -> Outcome {
    let different = differences(source, Side::Store(target.clone())).await?;
    let mut expected = BTreeMap::new();
    if conflict == "skip" {
        expected.extend(entries::taken().map(|n| (entries::key(n), n)));
    }
    for (key, what) in &different {
        let n = expected.remove(key).ok_or_else(|| format!("{key}: {what:?}"))?;
        let there = target.get_opts(key, &GetOptions::new()).await?.into_body();
        if there != Some(entries::before(n)) {
            return Err(format!("{key} was there, and is neither as it was nor as in the source").into());
        }
    }
    if let Some(key) = expected.into_keys().next() {
        return Err(format!("{key} was there, and is another now").into());
    }
    nothing_left(target).await
}

/// What a job remembers is forgotten.
async fn nothing_left(store: &Arc<dyn Store>) -> Outcome {
    let mut items = store.list_opts(system::listing(ListOptions::new().with_prefix("migrate/")));
    match items.try_next().await? {
        Some(item) => Err(format!("a state was left in the target: {item:?}").into()),
        None => Ok(()),
    }
}

async fn differences(source: &Arc<dyn Store>, side: Side) -> Outcome<Vec<(Key, What)>> {
    let mut told = Vec::new();
    let sides = (Side::Store(source.clone()), side);
    let found =
        diff(sides.0, sides.1, &CompareOptions::new(), |d| told.push((d.key.clone(), d.what))).await?;
    match found.equal + told.len() as u64 {
        ENTRIES.. => Ok(told),
        seen => Err(format!("{seen} entries were compared, and there are {ENTRIES}").into()),
    }
}

async fn of_dump(source: &Arc<dyn Store>, dump: &Dump) -> Outcome {
    let trailer = check(dump.place().await?, &JobOptions::new()).await?;
    if trailer.totals.entries != ENTRIES {
        return Err(format!("the trailer speaks of {} entries", trailer.totals.entries).into());
    }
    if let Some((key, what)) = differences(source, Side::Dump(dump.place().await?)).await?.first() {
        return Err(format!("{key}: {what:?} in the dump").into());
    }
    let parts = match dump.shape.split() {
        None => vec![NAME.to_owned()],
        Some(_) => (1..=trailer.parts).map(|part| format!("{NAME}.{part:04}")).collect(),
    };
    if dump.shape.split().is_some() && parts.len() < 2 {
        return Err("the dump was to have several parts".into());
    }
    let bytes = match dump.open_store().await? {
        Some(store) => {
            let there = objects(&store).await?;
            nothing_left(&store).await?;
            store.close(&Call::default()).await?;
            there
        }
        None => in_folder(&dump.folder)?,
    };
    if !bytes.keys().eq(&parts) {
        return Err(format!("the dump has parts {parts:?}, and there are {:?}", bytes.keys()).into());
    }
    let lines: Vec<u8> = parts.iter().flat_map(|part| bytes[part].clone()).collect();
    if lines.first() == Some(&b'{') { keys_of_lines(&lines) } else { Ok(()) }
}

async fn objects(store: &Arc<dyn Store>) -> Outcome<BTreeMap<String, Vec<u8>>> {
    let mut there = BTreeMap::new();
    let mut items = store.list_opts(ListOptions::new());
    while let Some(item) = items.try_next().await? {
        let Listed::Entry(meta) = item else { return Err(format!("{item:?} beside the dump").into()) };
        let body = store.get_opts(&meta.key, &GetOptions::new()).await?.into_body();
        there.insert(meta.key.to_string(), body.ok_or("a part is gone")?.to_vec());
    }
    Ok(there)
}

fn in_folder(folder: &Path) -> Outcome<BTreeMap<String, Vec<u8>>> {
    let mut found = Vec::new();
    files(folder, &mut found)?;
    found.sort();
    let name = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned();
    found.iter().map(|path| Ok((name(path), std::fs::read(path)?))).collect()
}

/// The files in a folder and those below it.
pub(super) fn files(folder: &Path, found: &mut Vec<PathBuf>) -> Outcome {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => files(&entry.path(), found)?,
            false => found.push(entry.path()),
        }
    }
    Ok(())
}

/// Each key once, by an own look at the lines.
fn keys_of_lines(bytes: &[u8]) -> Outcome {
    let mut seen = vec![0u32; ENTRIES as usize];
    for line in bytes.split(|b| *b == b'\n') {
        let text =
            ["{\"key\":\"", "{\"begin\":\""].iter().find_map(|begin| line.strip_prefix(begin.as_bytes()));
        let Some(text) = text else { continue };
        let key: Vec<u8> = text.iter().copied().take_while(|b| *b != b'"').collect();
        let number = str::from_utf8(&key)?.rsplit('-').next().and_then(|n| n.parse::<usize>().ok());
        *number.and_then(|n| seen.get_mut(n)).ok_or("a line has a key of nobody")? += 1;
    }
    match seen.iter().position(|n| *n != 1) {
        Some(n) => Err(format!("{} stands {} times in the dump", entries::key(n as u64), seen[n]).into()),
        None => Ok(()),
    }
}
