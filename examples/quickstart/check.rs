//! What is done with a store, and compared.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use larder::{ByteStream, ErrorKind, Key, ListOptions, Store, StoreExt};

use crate::Outcome;
use crate::progress::Progress;
use crate::tree::Tree;

/// Files from this size on are streamed, so that memory stays small.
const STREAMED: u64 = 1 << 20;
/// How many operations are under way at once.
const WIDTH: usize = 64;
const TASKS: usize = 64;
const UPDATES: usize = 10;

/// Puts every file, under its path. Each put is durable when it returns.
pub(crate) async fn write(store: &Arc<dyn Store>, tree: &Tree) -> Outcome<usize> {
    let mut progress = Progress::new("writing", tree.len());
    let puts = tree.sizes().map(|(key, size)| async move {
        let written = if size < STREAMED {
            store.put(key, tree.read(key)?).await?
        } else {
            store.put_stream(key, file_stream(tree.path(key)).await?).await?
        };
        Outcome::Ok(written)
    });
    let mut puts = stream::iter(puts.collect::<Vec<_>>()).buffer_unordered(WIDTH);
    while puts.try_next().await?.is_some() {
        progress.step();
    }
    Ok(tree.len())
}

/// A file in pieces.
async fn file_stream(path: &Path) -> Outcome<ByteStream> {
    let file = std::fs::File::open(path)?;
    Ok(stream::unfold(Some(file), |file| async {
        use std::io::Read;
        let mut file = file?;
        let mut piece = vec![0; 256 * 1024];
        match file.read(&mut piece) {
            Ok(0) => None,
            Ok(n) => {
                piece.truncate(n);
                Some((Ok(Bytes::from(piece)), Some(file)))
            }
            Err(e) => {
                let error = larder::Error::new(ErrorKind::Unavailable, larder::Op::PutStream, e.to_string());
                Some((Err(error), None))
            }
        }
    })
    .boxed())
}

/// Reads every value, as a stream where it is large, and compares it with its file.
pub(crate) async fn read(store: &Arc<dyn Store>, tree: &Tree) -> Outcome<usize> {
    let mut progress = Progress::new("reading", tree.len());
    for (key, size) in tree.sizes() {
        let file = tree.read(key)?;
        if size < STREAMED {
            let value = store.get(key).await?.ok_or_else(|| format!("{key} is absent"))?;
            same(key, &value, &file)?;
        } else {
            let mut body = store.get_stream(key).await?.ok_or_else(|| format!("{key} is absent"))?;
            let mut at = 0;
            while let Some(piece) = body.try_next().await? {
                let end = at + piece.len();
                same(key, &piece, file.get(at..end).unwrap_or_default())?;
                at = end;
            }
            same(key, &[], &file[at..])?;
        }
        progress.step();
    }
    Ok(tree.len())
}

/// Reads the middle third of every value, and compares it.
pub(crate) async fn read_ranges(store: &Arc<dyn Store>, tree: &Tree) -> Outcome<(usize, u64)> {
    let mut progress = Progress::new("reading ranges", tree.len());
    let (mut ranges, mut bytes) = (0, 0);
    for (key, size) in tree.sizes() {
        let (start, end) = (size / 3, size - size / 3);
        if start < end {
            let part = store.get_range(key, start..end).await?.ok_or_else(|| format!("{key} is absent"))?;
            same(key, &part, &tree.read(key)?[start as usize..end as usize])?;
            ranges += 1;
            bytes += end - start;
        }
        progress.step();
    }
    Ok((ranges, bytes))
}

/// Lists everything, then level by level, and compares both with the folder.
pub(crate) async fn list(store: &Arc<dyn Store>, tree: &Tree) -> Outcome<usize> {
    let all: Vec<Key> = store.entries("").map_ok(|meta| meta.key).try_collect().await?;
    if !all.iter().eq(tree.keys()) {
        return Err("the listing is not that of the folder".into());
    }
    let mut found = all.len();
    let (mut prefixes, mut keys) = (vec![String::new()], BTreeSet::new());
    while let Some(prefix) = prefixes.pop() {
        let mut level = store.list_opts(ListOptions::new().with_prefix(prefix).with_delimiter("/"));
        while let Some(item) = level.try_next().await? {
            found += 1;
            match item {
                larder::Listed::Prefix(below) => prefixes.push(below),
                other => keys.extend(other.into_entry().map(|meta| meta.key)),
            }
        }
    }
    if !keys.iter().eq(tree.keys()) {
        return Err("listed level by level, it is not the folder".into());
    }
    Ok(found)
}

/// 64 tasks add to one counter; none of the additions may be lost.
pub(crate) async fn count(store: &Arc<dyn Store>) -> Outcome<usize> {
    let number = |value: Option<Bytes>| -> u64 {
        value.and_then(|bytes| str::from_utf8(&bytes).ok()?.parse().ok()).unwrap_or(0)
    };
    let tasks = (0..TASKS).map(|_| async move {
        for _ in 0..UPDATES {
            store.update("counter", |n| Some((number(n) + 1).to_string().into())).await?;
        }
        Outcome::Ok(())
    });
    futures_util::future::try_join_all(tasks.collect::<Vec<_>>()).await?;
    let counted = number(store.get("counter").await?);
    if counted != (TASKS * UPDATES) as u64 {
        return Err(format!("the counter stands at {counted} after {} additions", TASKS * UPDATES).into());
    }
    store.delete("counter").await?;
    Ok(TASKS * UPDATES)
}

/// Flips one bit of a stored value behind the store's back: reading it must be an error.
pub(crate) async fn damage(store: &Arc<dyn Store>, data: &Path) -> Outcome<()> {
    let key = "a value to be damaged";
    // Backwards: this file may be among those that were stored, and stays whole.
    let mut mark = *b"These words are looked for in the files of the store, and one bit of them is flipped.";
    mark.reverse();
    store.put(key, mark.to_vec()).await?;
    let mut flipped = 0;
    let mut folders = vec![data.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                flipped += flip(&path, &mark)?;
            }
        }
    }
    if flipped == 0 {
        return Err("the value was not found in the store's files".into());
    }
    match store.get(key).await {
        Err(error) if error.is(ErrorKind::Corrupt) => {}
        other => return Err(format!("a damaged value was read as {other:?}").into()),
    }
    // The key itself is not lost: it can be written anew.
    store.put(key, mark.to_vec()).await?;
    same(&Key::new(key)?, &store.get(key).await?.unwrap_or_default(), &mark)
}

/// Flips a bit wherever `mark` stands in a file. The file may be mapped into memory: it is changed in place.
fn flip(path: &Path, mark: &[u8]) -> Outcome<usize> {
    use std::os::unix::fs::FileExt;
    let bytes = std::fs::read(path)?;
    let places: Vec<_> =
        bytes.windows(mark.len()).enumerate().filter(|(_, w)| *w == mark).map(|(at, _)| at).collect();
    if !places.is_empty() {
        let file = std::fs::OpenOptions::new().write(true).open(path)?;
        for at in &places {
            file.write_all_at(&[mark[10] ^ 4], *at as u64 + 10)?;
        }
    }
    Ok(places.len())
}

fn same(key: &Key, stored: &[u8], file: &[u8]) -> Outcome<()> {
    if stored == file { Ok(()) } else { Err(format!("{key} is not what its file holds").into()) }
}
