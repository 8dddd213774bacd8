//! The child with the limit.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use larder_store_core::config::StoreConfig;
use larder_store_core::{Call, GetOptions, Got, Key, ListOptions, Listed, PutOptions, Store};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::fill::{key, len_of};
use crate::args::Args;
use crate::report::Report;
use crate::{Outcome, clock, process, stores, value};

/// The name of the role.
pub(super) const ROLE: &str = "role-limits";

/// Bytes of a piece of the stream that comes in.
const PIECE: usize = 256 * 1024;

/// Plays the role.
///
/// # Errors
/// Something is not as it should be.
pub(super) fn play(mut args: Args) -> Outcome {
    process::die_with_parent()?;
    let config = StoreConfig::parse(&args.need("url")?)?;
    let (keys, len) = (args.number("keys", 0)?, args.number("value", 0)? as usize);
    let limit = args.number("limit", 0)?;
    args.finish()?;
    setrlimit(Resource::Data, Rlimit { current: Some(limit), maximum: Some(limit) })?;
    let mut report = Report::new("limits", "", 0);
    let done = stores::block_on(async {
        let store = stores::open(&config).await?;
        list(&store, keys, &mut report).await?;
        put(&store, len, &mut report).await?;
        get(&store, len, &mut report).await?;
        store.close(&Call::default()).await?;
        Outcome::Ok(())
    });
    memory(&mut report)?;
    holds(limit)?;
    print!("{}", report.lines());
    done
}

/// A listing in order, with sizes, nothing left out and nothing twice.
async fn list(store: &Arc<dyn Store>, keys: u64, report: &mut Report) -> Outcome {
    let begin = clock::nanos();
    // In the order of their names, which is not that of their numbers: each is seen once, so marks are enough.
    let mut seen = vec![0u64; keys.div_ceil(64) as usize];
    let mut items = store.list_opts(ListOptions::new());
    let mut last: Option<Key> = None;
    let mut n = 0;
    while let Some(item) = items.next().await {
        let Listed::Entry(meta) = item? else { return Err("the listing has what is no value".into()) };
        if last.as_ref().is_some_and(|last| *last >= meta.key) {
            return Err(format!("{:?} comes after {last:?}", meta.key).into());
        }
        let number = meta.key.as_str().rsplit('-').next().and_then(|text| text.parse::<u64>().ok());
        let number =
            number.filter(|n| *n < keys && key(*n) == meta.key).ok_or("the listing has a key of nobody")?;
        if meta.size.is_some_and(|size| size != len_of(number) as u64) {
            return Err(format!("{:?} has {:?} bytes", meta.key, meta.size).into());
        }
        seen[(number / 64) as usize] |= 1 << (number % 64);
        last = Some(meta.key);
        n += 1;
    }
    let marked: u64 = seen.iter().map(|word| u64::from(word.count_ones())).sum();
    if n != keys || marked != keys {
        return Err(format!("{n} keys came, {marked} of them once, and {keys} were put").into());
    }
    report.count("keys listed", n);
    report.time("listing", std::time::Duration::from_nanos(clock::nanos() - begin));
    Ok(())
}

async fn put(store: &Arc<dyn Store>, len: usize, report: &mut Report) -> Outcome {
    let begin = clock::nanos();
    let pieces = (0..len).step_by(PIECE).map(move |at| Ok(value::part("big", 7, len, at..at + PIECE)));
    let body = Box::pin(futures_util::stream::iter(pieces));
    let options = PutOptions::new().with_size_hint(len as u64);
    store.put_stream_opts(&Key::new("big")?, body, &options).await?;
    report.count("bytes in and out", len as u64);
    report.time("value in", std::time::Duration::from_nanos(clock::nanos() - begin));
    Ok(())
}

async fn get(store: &Arc<dyn Store>, len: usize, report: &mut Report) -> Outcome {
    let begin = clock::nanos();
    let key = Key::new("big")?;
    let right = |at: usize, piece: &Bytes| *piece == value::part("big", 7, len, at..at + piece.len());
    let got = store.get_stream_opts(&key, &GetOptions::new()).await?;
    let Got::Found { mut body, .. } = got else { return Err("the value is absent".into()) };
    let mut at = 0;
    while let Some(piece) = body.try_next().await? {
        if !right(at, &piece) {
            return Err(format!("bytes {at} to {} are wrong", at + piece.len()).into());
        }
        at += piece.len();
    }
    if at != len {
        return Err(format!("{at} bytes came").into());
    }
    // A part of it, far behind, moves only that part.
    let from = len - len / 3;
    let options = GetOptions::new().with_range(from as u64..from as u64 + 100_000);
    let part = store.get_opts(&key, &options).await?.into_body().ok_or("the value is absent")?;
    if part.len() != 100_000 || !right(from, &part) {
        return Err("a range is wrong".into());
    }
    report.time("value out", std::time::Duration::from_nanos(clock::nanos() - begin));
    Ok(())
}

/// What the kernel says about this process.
fn memory(report: &mut Report) -> Outcome {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let lines: BTreeMap<&str, &str> = status.lines().filter_map(|line| line.split_once(':')).collect();
    for (field, name) in [("VmData", "data at the end, KiB"), ("VmHWM", "most resident, KiB")] {
        let kib = lines.get(field).and_then(|text| text.trim().trim_end_matches("kB").trim().parse().ok());
        report.count(name, kib.unwrap_or_default());
    }
    Ok(())
}

/// The limit is one: what is as large cannot be had.
fn holds(limit: u64) -> Outcome {
    let mut much: Vec<u8> = Vec::new();
    match much.try_reserve_exact(limit as usize) {
        Ok(()) => Err("the data limit does not hold here".into()),
        Err(_) => Ok(()),
    }
}
