//! Readers beside writers: every read is one whole value, and none is older than an acknowledged write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::conformance::case::{Case, Held, T, cases, check, fail};
use crate::conformance::see::differ;
use crate::conformance::values::{key, patterned, stream_of};
use crate::error::{ErrorKind, Result};
use crate::guarantees::Ranges;
use crate::options::{GetOptions, HeadOptions};
use crate::outcome::Got;
use crate::store::Store;
use crate::{Key, StoreExt};

pub(super) const CASES: &[Case] = cases![
    "atomic.readers": readers = "readers beside a writer see whole values, none older than an acknowledged one, none going back",
    "atomic.writers": writers = "beside many writers of one key, what is read is whole, and what is left is one of theirs",
];

const SIZES: [usize; 7] = [16, 1_000, 65_536, 65_537, 30, 200_000, 400_000];

/// The `n`th value of a writer. It says which one it is.
pub(crate) fn nth(n: u64) -> Bytes {
    patterned(n, SIZES[n as usize % SIZES.len()])
}

/// Which value this is; an error if it is none, or not whole. `size` is that of the whole value, of which `part` is the
/// beginning.
pub(crate) fn which(part: &[u8], size: u64) -> Held<u64> {
    let mut first = [0; 8];
    let Some(head) = part.get(..8) else {
        return Err(fail(format_args!("a read gives {} bytes, and every value has more", part.len())));
    };
    first.copy_from_slice(head);
    let n = u64::from_le_bytes(first).rotate_right(32);
    let whole = nth(n);
    if whole.len() as u64 != size || part != &whole[..part.len().min(whole.len())] {
        let why = differ(part, &whole);
        return Err(fail(format_args!("a torn value: it has {size} bytes and begins like value {n}: {why}")));
    }
    Ok(n)
}

/// Writes values `from..to`, and says after each that it was acknowledged.
pub(crate) async fn write(store: &dyn Store, key: &Key, from: u64, to: u64, acked: &AtomicU64) -> Result<()> {
    for n in from..to {
        let value = nth(n);
        if n % 3 == 2 {
            store.put_stream(key, stream_of(value, 40_000, n % 2 == 0)).await?;
        } else {
            store.put(key, value).await?;
        }
        acked.fetch_max(n, SeqCst);
    }
    Ok(())
}

/// Reads in way number `way`. `None`: this way met a conflict that it may meet, or there is no value.
pub(crate) async fn read(t: &T, store: &dyn Store, key: &Key, way: usize) -> Held<Option<u64>> {
    let mut options = GetOptions::new();
    let got = match way % 6 {
        0 => store.get_opts(key, &options).await?,
        1 => match store.try_get(key, &options) {
            Some(got) => got?,
            None => return Ok(None),
        },
        2 => match store.get_stream_opts(key, &options).await? {
            Got::Found { meta, body, served } => match crate::derived::collect(body, u64::MAX).await {
                Ok(body) => Got::Found { meta, body, served },
                Err(error) if error.is(ErrorKind::Conflict) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
            other => other.map(|_| Bytes::new()),
        },
        3 if t.g.ranges != Ranges::None => {
            options.range = Some((0..70_000).into());
            store.get_opts(key, &options).await?
        }
        4 => store.get_many_opts(std::slice::from_ref(key), &options).await.remove(0)?,
        _ => {
            let head = store.head_opts(key, &HeadOptions::new()).await?;
            options.only = head.meta().and_then(|meta| meta.version.clone());
            match store.get_opts(key, &options).await {
                Ok(got) => got,
                Err(error) if error.is(ErrorKind::Conflict) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    };
    match got {
        Got::Absent => Ok(None),
        Got::Unchanged(_) => Err(fail("\"unchanged\", and no version was given")),
        Got::Found { meta, body, .. } => {
            let Some(size) = meta.size else { return Err(fail("a value without a size")) };
            t.count();
            which(&body, size).map(Some)
        }
    }
}

async fn reader(t: T, way: usize, acked: Arc<AtomicU64>, over: Arc<AtomicBool>) -> Held<usize> {
    let name = key("readers");
    let (mut last, mut reads, mut way) = (0, 0, way);
    loop {
        // Read once more behind the end, when all is quiet.
        let was_over = over.load(SeqCst);
        let before = acked.load(SeqCst);
        if let Some(n) = read(&t, &*t.store, &name, way).await? {
            let least = before.max(last);
            check!(
                t,
                n >= least,
                "a stale read: value {n}, after {least} was acknowledged or read (way {})",
                way % 6
            );
            last = n;
            reads += 1;
        }
        if was_over {
            return Ok(reads);
        }
        way += 1;
        tokio::task::yield_now().await;
    }
}

async fn readers(t: &T) -> Held {
    let (acked, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    write(&*t.store, &key("readers"), 0, 1, &acked).await?;
    let mut tasks = JoinSet::new();
    for way in 0..6 {
        tasks.spawn(reader(t.clone(), way, acked.clone(), over.clone()));
    }
    // Not to be carried off by one that fails: the readers are asked first.
    let written = write(&*t.store, &key("readers"), 1, 150, &acked).await;
    over.store(true, SeqCst);
    let mut reads = 0;
    while let Some(done) = tasks.join_next().await {
        reads += done.map_err(|e| fail(format_args!("a reader: {e}")))??;
    }
    written?;
    check!(t, reads > 6, "{reads} reads beside 150 writes: nothing was tested");
    Ok(())
}

async fn writers(t: &T) -> Held {
    let name = key("writers");
    let mut tasks = JoinSet::new();
    for writer in 0..6u64 {
        let (store, name) = (t.store.clone(), name.clone());
        tasks.spawn(async move {
            let from = writer * 1_000;
            write(&*store, &name, from, from + 15, &AtomicU64::new(0)).await
        });
    }
    let mut way = 0;
    let mut done = Ok(());
    while !tasks.is_empty() {
        if let Some(one) = tasks.try_join_next() {
            done = done.and(one.map_err(|e| fail(format_args!("a writer: {e}")))?);
            continue;
        }
        read(t, &*t.store, &name, way).await?;
        way += 1;
        tokio::task::yield_now().await;
    }
    done?;
    let seen = t.see(&name).await?.ok_or_else(|| fail("a key that many wrote is absent"))?;
    let n = which(&seen.value, seen.value.len() as u64)?;
    check!(t, n % 1_000 == 14 && n < 6_000, "what is left is value {n}, which is nobody's last");
    t.drained().await?;
    t.expect(&name, &seen.value, "after all writers ended").await?;
    Ok(())
}
