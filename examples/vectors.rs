//! `cargo run --release --example vectors [-- FILE.npy]`
//!
//! Imports an array of NumPy into a collection in an LMDB store, searches it with a filter, and shows why each of its segments is where it
//! is. Without a file it writes one itself: points around a hundred places.
//!
//! Whatever it claims it has checked: if anything is not so, it ends with an error.
#![allow(clippy::disallowed_methods, reason = "an example measures with the real clock")]

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use larder::cbor::{self, Value};
use larder::vector::{
    Collection, CollectionOptions, Filter, Metric, Role, Row, RowReader, Schema, SearchOptions, VectorStore,
};

type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const ROWS: usize = 10_000;
const DIMS: usize = 64;
const LANGUAGES: [&str; 3] = ["en", "de", "fr"];

#[tokio::main]
async fn main() -> Outcome {
    run(std::env::args_os().nth(1).map(PathBuf::from)).await
}

async fn run(file: Option<PathBuf>) -> Outcome {
    // Everything lives in a folder of its own that goes away at the end.
    let scratch = tempfile::Builder::new().prefix("larder-vectors-").tempdir()?;
    let file = match file {
        Some(file) => file,
        None => write_some(&scratch.path().join("vectors.npy"))?,
    };
    let store = larder::open(&format!("lmdb:{}", scratch.path().join("data").display())).await?;

    let mut vectors = RowReader::npy(BufReader::new(File::open(&file)?))?;
    let schema = Schema::new(u32::try_from(vectors.dims())?, Metric::L2);
    let began = Instant::now();
    let places = Collection::open(store.clone(), CollectionOptions::new().with_schema(schema)).await?;
    let query = import(&places, &mut vectors).await?;
    places.flush().await?;
    places.optimize().await?;
    let stats = places.stats();
    println!(
        "{} rows of {} values in {} segments, {} KiB, {:.1} s",
        stats.rows,
        schema.dims,
        stats.segments,
        stats.stored >> 10,
        began.elapsed().as_secs_f64()
    );
    check(stats.rows == vectors.row(), "every row is there")?;
    places.close().await?;

    // As another process would: it reads, and follows whoever writes.
    let places = Collection::open(store, CollectionOptions::new().with_role(Role::Reader)).await?;
    let german = SearchOptions::new().with_filter(Filter::eq("lang", "de"));
    let answer = places.search(&query, 5, &german).await?;
    let exact = places.search(&query, 5, &german.with_exact(true)).await?;
    println!("\nthe nearest of vector 0 that are German:");
    for hit in &answer.hits {
        println!("  {:>6}  {:.4}", hit.id.to_string(), hit.distance);
        let payload = cbor::decode(hit.payload.as_deref().unwrap_or_default())?;
        check(payload == language("de"), "the filter holds")?;
    }
    let found = answer.hits.iter().filter(|hit| exact.hits.iter().any(|there| there.id == hit.id)).count();
    println!("{found} of the {} that an exact search finds; {:?}", exact.hits.len(), answer.approximate);
    check(exact.approximate.is_exact() && !answer.approximate.is_exact(), "answers say what they are")?;

    println!("\nwhy each segment is where it is:");
    places.rebalance().await?;
    for segment in places.explain() {
        println!(
            "  segment {}, {} rows, {}: {}",
            segment.segment, segment.rows, segment.tier, segment.reason
        );
    }
    places.close().await?;
    Ok(())
}

/// Writes all rows, a thousand at a time, and gives the first vector.
async fn import(places: &Collection, vectors: &mut RowReader<BufReader<File>>) -> Outcome<Vec<f32>> {
    let (mut values, mut first) = (Vec::new(), Vec::new());
    loop {
        let from = vectors.row();
        values.clear();
        if vectors.read(1000, &mut values)? == 0 {
            return Ok(first);
        }
        if from == 0 {
            first = values[..vectors.dims()].to_vec();
        }
        let mut rows = Vec::new();
        for (id, vector) in (from..).zip(values.chunks_exact(vectors.dims())) {
            let payload = cbor::encode_deterministic(&language(LANGUAGES[id as usize % 3]))?;
            rows.push(Row::new(id, vector.to_vec()).with_payload(payload));
        }
        places.upsert(rows).await?;
    }
}

fn language(name: &str) -> Value {
    Value::Map(vec![("lang".into(), name.into())])
}

/// An array of NumPy with points around a hundred places.
fn write_some(path: &Path) -> Outcome<PathBuf> {
    let mut state = 7u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let middles: Vec<Vec<f32>> = (0..100).map(|_| (0..DIMS).map(|_| 4.0 * random()).collect()).collect();
    let mut file = BufWriter::new(File::create(path)?);
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({ROWS}, {DIMS}), }}\n");
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&u16::try_from(header.len())?.to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    for row in 0..ROWS {
        for middle in &middles[row * 31 % 100] {
            file.write_all(&(middle + random()).to_le_bytes())?;
        }
    }
    file.flush()?;
    Ok(path.to_owned())
}

fn check(is_so: bool, what: &str) -> Outcome {
    if is_so { Ok(()) } else { Err(format!("it is not so that {what}").into()) }
}

#[tokio::test]
async fn it_does_what_it_says() {
    run(None).await.unwrap();
}
