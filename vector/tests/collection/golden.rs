//! A collection that an earlier version wrote, as plain files: it opens, and is written again byte by byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use larder_store_core::env::Random;
use larder_store_core::{Env, GetOptions, Key, ListOptions, Listed, PutOptions, Store};
use larder_vector::{Collection, CollectionOptions, Id, Metric, Row, SearchOptions, VectorStore};

use crate::places::{memory, open, options};

/// Numbers that are the same each time.
#[derive(Debug)]
struct Seeded(Mutex<fastrand::Rng>);

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill(bytes);
    }
}

fn config() -> CollectionOptions {
    let env = Env::system().with_random(Arc::new(Seeded(Mutex::new(fastrand::Rng::with_seed(1)))));
    options(5, Metric::Cosine).with_book_rows(30).with_code_width(3).with_env(env)
}

/// A row whose numbers are exact in every arithmetic.
fn row(n: u64) -> Row {
    let vector = (0..5).map(|d| ((n * 37 + d * 11) % 64) as f32 / 8.0 - 3.0).collect();
    let row = Row::new(n, vector);
    let row =
        if n.is_multiple_of(4) { row } else { row.with_payload(vec![0xa1, 0x61, b'n', 0x18, 24 + n as u8]) };
    if n.is_multiple_of(5) { Row { id: Id::text(format!("row/{n}")).unwrap(), ..row } } else { row }
}

/// What there is of them.
fn rows() -> Vec<Row> {
    let mut rows: Vec<Row> = (1..64).filter(|n| ![2, 10, 25].contains(n)).map(row).collect();
    rows.sort_by(|a, b| a.id.cmp(&b.id));
    rows
}

async fn write() -> Arc<dyn Store> {
    let store = memory();
    let collection = open(&store, config()).await;
    // A segment with rotated codes, one with a codebook and what has died in the first, and a tail of the log.
    collection.upsert((1..20).map(row).collect()).await.unwrap();
    collection.flush().await.unwrap();
    collection.upsert((20..60).map(row).collect()).await.unwrap();
    collection.delete(vec![row(2).id, row(10).id]).await.unwrap();
    collection.flush().await.unwrap();
    collection.upsert((60..64).map(row).collect()).await.unwrap();
    collection.delete(vec![row(25).id]).await.unwrap();
    collection.close().await.unwrap();
    store
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The files of a folder by their keys.
fn files(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Bytes>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let key = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), &format!("{key}/"), found),
            false => drop(found.insert(key, std::fs::read(entry.path()).unwrap().into())),
        }
    }
}

fn golden() -> BTreeMap<String, Bytes> {
    let mut found = BTreeMap::new();
    files(&folder(), "", &mut found);
    found
}

#[tokio::test]
async fn the_golden_collection_opens() {
    let store = memory();
    for (key, body) in golden() {
        store.put_opts(&Key::new(key).unwrap(), body, &PutOptions::new()).await.unwrap();
    }
    let mut found = CollectionOptions::new().with_background(false);
    found.schema = None;
    let collection = Collection::open(store, found).await.unwrap();
    let schema = collection.schema();
    assert_eq!((schema.dims, schema.metric), (5, Metric::Cosine));
    let mut scanned: Vec<Row> = collection.scan().try_collect().await.unwrap();
    scanned.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(scanned, rows());
    for n in 1..65 {
        let right = rows().into_iter().find(|there| there.id == row(n).id);
        assert_eq!(collection.get(&row(n).id).await.unwrap(), right, "{n}");
    }
    for n in [3, 30, 62] {
        let query = row(n).vector;
        let mut right: Vec<(f32, Id)> =
            rows().iter().map(|row| (Metric::Cosine.distance(&query, &row.vector), row.id.clone())).collect();
        right.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        right.truncate(9);
        for exact in [true, false] {
            let answer = collection.search(&query, 9, &SearchOptions::new().with_exact(exact)).await.unwrap();
            let seen: Vec<_> = answer.hits.iter().map(|hit| (hit.distance, hit.id.clone())).collect();
            assert_eq!(seen, right, "{n}, exact {exact}");
        }
    }
    let stats = collection.stats();
    assert_eq!((stats.rows, stats.segments, stats.unsealed), (60, 2, 4));
}

#[tokio::test]
async fn the_golden_collection_is_written_as_it_was() {
    let store = write().await;
    let mut written = BTreeMap::new();
    let mut listed = store.list_opts(ListOptions::new());
    while let Some(item) = listed.next().await {
        let Listed::Entry(meta) = item.unwrap() else { continue };
        let body = store.get_opts(&meta.key, &GetOptions::new()).await.unwrap().into_body().unwrap();
        written.insert(meta.key.to_string(), body);
    }
    if std::env::var_os("LARDER_BLESS").is_some() {
        let _ = std::fs::remove_dir_all(folder());
        for (key, body) in &written {
            let path = folder().join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, body).unwrap();
        }
    }
    let golden = golden();
    let hint = "if that is meant, write the files anew with LARDER_BLESS=1, and say so in docs/format.md";
    assert!(golden.keys().eq(written.keys()), "{:?} and not {:?}: {hint}", written.keys(), golden.keys());
    for (key, body) in &written {
        assert!(golden[key] == *body, "{key} is not what it was: {hint}");
    }
}
