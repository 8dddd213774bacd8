//! Objects that are changed, cut, exchanged and gone: a right answer or an error that names the object, never anything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use larder_store_core::{GetOptions, Key, ListOptions, Listed, PutOptions, Result, Store};
use larder_vector::{Collection, Filter, Id, Metric, Role, Row, SearchOptions, VectorStore};

use crate::places::{memory, open, options};

const DIMS: usize = 2;

type Objects = BTreeMap<String, Bytes>;

fn row(n: u64) -> Row {
    let payload = Bytes::from(vec![0xa1, 0x61, b'n', 0x18, n as u8 + 24]);
    let row = Row::new(n, vec![(n * n % 17) as f32, n as f32]).with_payload(payload);
    if n.is_multiple_of(3) { Row { id: Id::text(format!("t{n}")).unwrap(), ..row } } else { row }
}

async fn objects(store: &Arc<dyn Store>) -> Objects {
    let mut all = Objects::new();
    let mut listed = store.list_opts(ListOptions::new());
    while let Some(item) = listed.next().await {
        let Listed::Entry(meta) = item.unwrap() else { continue };
        let body = store.get_opts(&meta.key, &GetOptions::new()).await.unwrap().into_body().unwrap();
        all.insert(meta.key.to_string(), body);
    }
    all
}

/// A collection with rotated codes, codes of a codebook, a bitmap, and a tail in the log.
async fn sample() -> (Objects, Vec<Row>) {
    let store = memory();
    let small = options(DIMS as u32, Metric::L2).with_book_rows(20).with_code_width(2);
    let collection = open(&store, small.clone()).await;
    collection.upsert((0..12).map(row).collect()).await.unwrap();
    collection.flush().await.unwrap();
    collection.upsert((12..40).map(row).collect()).await.unwrap();
    collection.delete(vec![row(1).id, row(3).id]).await.unwrap();
    collection.flush().await.unwrap();
    collection.upsert(vec![row(40), row(41)]).await.unwrap();
    collection.delete(vec![row(2).id, row(20).id]).await.unwrap();
    collection.close().await.unwrap();
    let rows = (0..42).filter(|n| ![1, 2, 3, 20].contains(n)).map(row).collect();
    (objects(&store).await, rows)
}

async fn filled(objects: &Objects) -> Arc<dyn Store> {
    let store = memory();
    for (key, body) in objects {
        store.put_opts(&Key::new(&**key).unwrap(), body.clone(), &PutOptions::new()).await.unwrap();
    }
    store
}

/// Asks everything. Each answer must be right or an error; the errors.
async fn ask(store: &Arc<dyn Store>, rows: &[Row]) -> Vec<larder_store_core::Error> {
    let mut errors = Vec::new();
    let mut config =
        options(DIMS as u32, Metric::L2).with_role(Role::Reader).with_follow(std::time::Duration::ZERO);
    config.schema = None;
    let collection = match Collection::open(store.clone(), config).await {
        Ok(collection) => collection,
        Err(error) => return vec![error],
    };
    let scanned: Result<Vec<Row>> = collection.scan().try_collect().await;
    match scanned {
        Ok(mut scanned) => {
            scanned.sort_by(|a, b| a.id.cmp(&b.id));
            let mut right = rows.to_vec();
            right.sort_by(|a, b| a.id.cmp(&b.id));
            assert_eq!(scanned, right);
        }
        Err(error) => errors.push(error),
    }
    for n in [0, 2, 5, 12, 20, 33, 41, 50] {
        match collection.get(&row(n).id).await {
            Ok(got) => assert_eq!(got, rows.iter().find(|there| there.id == row(n).id).cloned(), "get {n}"),
            Err(error) => errors.push(error),
        }
    }
    let query = [5.0, 9.0];
    for exact in [false, true] {
        for filtered in [false, true] {
            let mut search = SearchOptions::new().with_exact(exact);
            if filtered {
                search = search.with_filter(Filter::range("n", 40_i64..));
            }
            let counts = |row: &&Row| !filtered || row.payload[4] >= 40;
            let mut right: Vec<(f32, Id)> = rows
                .iter()
                .filter(counts)
                .map(|row| (Metric::L2.distance(&query, &row.vector), row.id.clone()))
                .collect();
            right.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
            right.truncate(6);
            match collection.search(&query, 6, &search).await {
                Ok(answer) => {
                    let seen: Vec<_> = answer.hits.iter().map(|hit| (hit.distance, hit.id.clone())).collect();
                    assert_eq!(seen, right, "exact {exact}, filtered {filtered}");
                }
                Err(error) => errors.push(error),
            }
        }
    }
    errors
}

/// Puts `body` in the place of an object, or removes it, asks, and puts back what was there.
async fn changed(
    store: &Arc<dyn Store>,
    key: &str,
    body: Option<Bytes>,
    rows: &[Row],
    right: &Bytes,
) -> bool {
    let key = Key::new(key).unwrap();
    match body {
        Some(body) => drop(store.put_opts(&key, body, &PutOptions::new()).await.unwrap()),
        None => drop(store.delete_opts(&key, &Default::default()).await.unwrap()),
    }
    let errors = ask(store, rows).await;
    for error in &errors {
        // What is missing may be the manifest: then there is no collection.
        let says = format!("{error} {error:?}");
        assert!(says.contains(key.as_str()) || says.contains("there is no collection"), "{key}: {error:?}");
    }
    store.put_opts(&key, right.clone(), &PutOptions::new()).await.unwrap();
    !errors.is_empty()
}

#[tokio::test]
async fn every_byte_that_changes_is_noticed_or_does_not_matter() {
    let (objects, rows) = sample().await;
    for part in ["manifest", "book/", "index-", "vectors", "payloads", "dead-", "wal/"] {
        assert!(objects.keys().any(|key| key.contains(part)), "{part}: {:?}", objects.keys());
    }
    let store = filled(&objects).await;
    assert!(ask(&store, &rows).await.is_empty());
    let (mut noticed, mut cases) = (0, 0);
    for (key, body) in &objects {
        // A codebook has thousands of numbers that are all alike to its check.
        let step = if body.len() > 2000 { 7 } else { 1 };
        for at in (0..body.len()).step_by(step) {
            let mut bad = body.to_vec();
            bad[at] ^= 1 << (at % 8);
            cases += 1;
            noticed += u32::from(changed(&store, key, Some(bad.into()), &rows, body).await);
        }
    }
    println!("{cases} bytes changed, {noticed} noticed");
    assert!(noticed * 10 > cases * 8, "{noticed} of {cases}");
    assert!(ask(&store, &rows).await.is_empty(), "with every byte back where it was");
}

/// Each of its thousands of numbers decides what is found: none may be other than it was.
#[tokio::test]
async fn every_byte_of_a_codebook_that_changes_is_noticed() {
    let (objects, rows) = sample().await;
    let store = filled(&objects).await;
    let books: Vec<_> = objects.iter().filter(|(key, _)| key.starts_with("book/")).collect();
    assert_eq!(books.len(), 1, "{:?}", objects.keys());
    let (key, body) = books[0];
    assert!(body.len() > 256 * 2 * 4, "{}", body.len());
    for at in 0..body.len() {
        let mut bad = body.to_vec();
        bad[at] ^= 1 << (at % 8);
        assert!(changed(&store, key, Some(bad.into()), &rows, body).await, "byte {at} of {}", body.len());
    }
    assert!(ask(&store, &rows).await.is_empty(), "with every byte back where it was");
}

#[tokio::test]
async fn objects_that_end_early_are_gone_or_are_exchanged_are_noticed() {
    let (objects, rows) = sample().await;
    let store = filled(&objects).await;
    // Of the slots that segments cover one is left, in which somebody became the writer; nobody reads it.
    for (key, body) in objects.iter().filter(|(key, _)| !key.ends_with("/0000000000000001")) {
        // Of the log's end nothing tells what was there.
        if !key.starts_with("wal/") {
            assert!(changed(&store, key, None, &rows, body).await, "{key} is gone");
        }
        let step = if body.len() > 2000 { 5 } else { 1 };
        for len in (0..body.len()).step_by(step) {
            assert!(changed(&store, key, Some(body.slice(..len)), &rows, body).await, "{key} of {len} bytes");
        }
        for (other, theirs) in objects.iter().filter(|(_, theirs)| *theirs != body) {
            assert!(changed(&store, key, Some(theirs.clone()), &rows, body).await, "{other} under {key}");
        }
        let longer = Bytes::from([body, &b"x"[..]].concat());
        changed(&store, key, Some(longer), &rows, body).await;
    }
    assert!(ask(&store, &rows).await.is_empty(), "with every object back where it was");
}
