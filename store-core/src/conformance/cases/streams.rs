//! Streams: reads that are pinned to one version, and writes whose source may fail.

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::oneshot;

use crate::conformance::case::{Case, Held, T, cases, check, fail};
use crate::conformance::see::differ;
use crate::conformance::values::{key, patterned, stream_of};
use crate::error::{Error, ErrorKind, Op, Result};
use crate::guarantees::{CasScope, Ranges};
use crate::options::{GetOptions, Precondition, PutOptions};
use crate::outcome::{ByteStream, Got};
use crate::store::Store;
use crate::{Key, StoreExt};

pub(super) const CASES: &[Case] = cases![
    "streams.pinned": pinned = "a stream gives one version to its end or ends in a conflict, whatever is written meanwhile",
    "streams.open": open = "many streams left open half-way hold up nothing",
    "streams.failing": failing = "a source that fails, ends early or goes on too long leaves what was there",
    "streams.slow": slow = "a slow upload holds nobody up, shows nothing before its end, and decides at its end",
];

/// What happens to a value while it is streamed.
#[derive(Debug, Clone, Copy)]
enum Change {
    SameSize,
    Smaller,
    Larger,
    Empty,
    Deleted,
    Recreated,
    ManyTimes,
    Streamed,
}

const CHANGES: [Change; 8] = [
    Change::SameSize,
    Change::Smaller,
    Change::Larger,
    Change::Empty,
    Change::Deleted,
    Change::Recreated,
    Change::ManyTimes,
    Change::Streamed,
];

async fn change(store: &dyn Store, key: &Key, change: Change, size: usize) -> Result<()> {
    let value = |tag: u64, size: usize| patterned(0xc0ffee ^ tag, size);
    match change {
        Change::SameSize => drop(store.put(key, value(1, size)).await?),
        Change::Smaller => drop(store.put(key, value(2, size / 2)).await?),
        Change::Larger => drop(store.put(key, value(3, size + size / 2)).await?),
        Change::Empty => drop(store.put(key, "").await?),
        Change::Deleted => drop(store.delete(key).await?),
        Change::Recreated => {
            store.delete(key).await?;
            store.put(key, value(4, size)).await?;
        }
        Change::ManyTimes => {
            for i in 0..4 {
                store.put(key, value(5 + i, size)).await?;
            }
        }
        Change::Streamed => drop(store.put_stream(key, stream_of(value(9, size), 60_000, false)).await?),
    }
    Ok(())
}

/// Reads on until the end or an error, behind which nothing may come.
async fn rest(t: &T, body: &mut ByteStream, what: &str) -> Held<(Bytes, Option<Error>)> {
    let mut bytes = BytesMut::new();
    loop {
        match body.next().await {
            Some(Ok(piece)) => bytes.extend_from_slice(&piece),
            Some(Err(error)) => {
                let more = body.next().await.is_some();
                check!(t, !more, "{what}: something comes behind the error {error:?}");
                return Ok((bytes.freeze(), Some(error)));
            }
            None => return Ok((bytes.freeze(), None)),
        }
    }
}

async fn begun(t: &T, key: &Key, options: &GetOptions) -> Held<(ByteStream, Bytes)> {
    let Got::Found { mut body, .. } = t.store.get_stream_opts(key, options).await? else {
        return Err(fail(format_args!("{key:?} is absent, and it was put")));
    };
    let first = body.try_next().await?.unwrap_or_default();
    Ok((body, first))
}

/// What a stream gave must be the old value, or its beginning and a conflict.
async fn one_version(t: &T, mut body: ByteStream, first: Bytes, old: &[u8], what: &str) -> Held {
    let (more, error) = rest(t, &mut body, what).await?;
    let given = [first, more].concat();
    let cut = error.is_some() && given.len() <= old.len();
    let wanted = if cut { &old[..given.len()] } else { old };
    t.count();
    if given != wanted {
        let why = differ(&given, wanted);
        return Err(fail(format_args!("{what}: the stream is not of one version: {why}")));
    }
    if let Some(error) = error {
        let kind = error.kind();
        check!(t, kind == ErrorKind::Conflict, "{what}: the stream ends in {error:?}, and not in a conflict");
    }
    Ok(())
}

async fn pinned(t: &T) -> Held {
    let mut sizes = vec![100_000usize, 300_000, 1 << 20];
    sizes.extend(t.subject.boundaries().into_iter().map(|b| b as usize + 100_000));
    sizes.retain(|s| *s as u64 <= t.options.largest.min(t.g.max_value));
    for size in sizes {
        for how in CHANGES {
            let name = key("pinned");
            let old = patterned(size as u64, size);
            let what = format!("a stream of {size} bytes over which came {how:?}");
            t.store.put(&name, old.clone()).await?;
            let (body, first) = begun(t, &name, &GetOptions::new()).await?;
            change(&*t.store, &name, how, size).await?;
            one_version(t, body, first, &old, &what).await?;

            if t.g.ranges != Ranges::None {
                t.store.put(&name, old.clone()).await?;
                let part = GetOptions::new().with_range(10..size as u64 - 10);
                let (body, first) = begun(t, &name, &part).await?;
                change(&*t.store, &name, how, size).await?;
                one_version(t, body, first, &old[10..size - 10], &format!("a range of {what}")).await?;
            }
            // Asked for and not begun.
            t.store.put(&name, old.clone()).await?;
            let Got::Found { body, .. } = t.store.get_stream_opts(&name, &GetOptions::new()).await? else {
                return Err(fail("a value that was put is absent"));
            };
            change(&*t.store, &name, how, size).await?;
            one_version(t, body, Bytes::new(), &old, &format!("before its first piece, {what}")).await?;
        }
    }
    // A stream owns what it needs.
    let (name, old) = (key("outlives"), patterned(1, 500_000));
    let handle = t.open(&t.place).await?;
    handle.put(&name, old.clone()).await?;
    let Got::Found { body, .. } = handle.get_stream_opts(&name, &GetOptions::new()).await? else {
        return Err(fail("a value that was put is absent"));
    };
    drop(handle);
    one_version(t, body, Bytes::new(), &old, "a stream whose handle was dropped").await
}

async fn open(t: &T) -> Held {
    const OPEN: usize = 200;
    let old = patterned(3, 150_000);
    for i in 0..4 {
        t.store.put(format!("open/{i}"), old.clone()).await?;
    }
    let mut streams = Vec::new();
    for i in 0..OPEN {
        streams.push(begun(t, &key(format!("open/{}", i % 4)), &GetOptions::new()).await?);
    }
    t.store.put("open/0", "replaced").await?;
    t.store.delete("open/1").await?;
    t.store.put("open/new", "new").await?;
    t.expect(&key("open/new"), b"new", "with many streams open").await?;
    for (i, (body, first)) in streams.into_iter().enumerate() {
        if i % 3 != 0 {
            one_version(t, body, first, &old, &format!("stream {i} of many that were open")).await?;
        }
    }
    t.drained().await?;
    t.expect_absent(&key("open/1"), "after streams of it ended").await
}

/// A source that gives `value` and then fails.
fn broken_behind(value: Bytes, kind: ErrorKind) -> ByteStream {
    let error = Error::new(kind, Op::PutStream, "the source broke");
    stream_of(value, 50_000, true).chain(stream::iter([Err(error)])).boxed()
}

async fn failing(t: &T) -> Held {
    let sizes = [0usize, 1, 60_000, 200_000, (1 << 20) + 5];
    for (i, size) in sizes.into_iter().enumerate() {
        if size as u64 >= t.g.max_value {
            continue;
        }
        for present in [false, true] {
            let name = key(format!("failing/{i}/{present}"));
            if present {
                t.store.put(&name, "stands").await?;
            }
            let before = t.see(&name).await?;
            let value = patterned(size as u64, size);
            let what = format!("a source that fails after {size} bytes");
            for kind in [ErrorKind::Unavailable, ErrorKind::Corrupt] {
                let put = t.store.put_stream(&name, broken_behind(value.clone(), kind)).await;
                t.refuses(put, kind, &what)?;
                t.expect_same(&name, &before, &format!("after {what}")).await?;
            }
            for (hint, how) in [(size as u64 + 1, "too few"), (size as u64 - u64::from(size > 0), "too many")]
            {
                if hint == size as u64 {
                    continue;
                }
                let what = format!("a source of {size} bytes, {how} for its hint of {hint}");
                let options = PutOptions::new().with_size_hint(hint);
                let put =
                    t.store.put_stream_opts(&name, stream_of(value.clone(), 50_000, true), &options).await;
                t.refuses(put, ErrorKind::Invalid, &what)?;
                t.expect_same(&name, &before, &format!("after {what}")).await?;
            }
        }
    }
    // A whole put with a hint that is wrong is refused as well.
    let options = PutOptions::new().with_size_hint(3);
    let put = t.store.put_opts(&key("failing/hint"), "four".into(), &options).await;
    t.refuses(put, ErrorKind::Invalid, "a put of four bytes with a hint of three")?;
    t.expect_absent(&key("failing/hint"), "after a refused put").await?;
    t.drained().await
}

/// A source that gives `head`, then waits until it is told, then gives `tail`.
pub(crate) fn gated(head: Bytes, tail: Bytes) -> (oneshot::Sender<()>, oneshot::Receiver<()>, ByteStream) {
    let (go, gate) = oneshot::channel::<()>();
    let (tell, reached) = oneshot::channel();
    let at_gate = stream::once(async move {
        let _ = tell.send(());
        let _ = gate.await;
        Ok(tail)
    });
    (go, reached, stream_of(head, 50_000, false).chain(at_gate).boxed())
}

async fn slow(t: &T) -> Held {
    let (head, tail) = (patterned(1, 300_000), patterned(2, 100_000));
    let whole = [head.clone(), tail.clone()].concat();
    let mut wishes = vec![Precondition::Any];
    if t.g.cas > CasScope::None {
        wishes.push(Precondition::Absent);
    }
    for pre in wishes {
        let name = key(format!("slow/{}", pre == Precondition::Any));
        let (go, reached, body) = gated(head.clone(), tail.clone());
        let (store, upload) = (t.store.clone(), name.clone());
        let options = PutOptions::new().with_pre(pre.clone());
        let mut task = tokio::task::JoinSet::new();
        task.spawn(async move { store.put_stream_opts(&upload, body, &options).await });
        reached.await.map_err(|_| fail("a store drops its source before it has read it"))?;
        t.expect_absent(&name, "during an upload").await?;
        check!(
            t,
            t.names(&*t.store).await?.iter().all(|n| n != name.as_str()),
            "an upload is listed before its end"
        );
        t.store.put(format!("{name}/beside"), "beside").await?;
        // The same key, too: an upload may take hours.
        t.store.put(&name, "in between").await?;
        t.expect(&name, b"in between", "during an upload").await?;
        let _ = go.send(());
        let done = match task.join_next().await {
            Some(done) => done.map_err(|e| fail(format_args!("an upload: {e}")))?,
            None => return Err(fail("the upload did not run")),
        };
        match pre {
            Precondition::Any => {
                done?;
                t.expect(&name, &whole, "after an upload that ended last").await?;
            }
            _ => {
                t.refuses(done, ErrorKind::Conflict, "an upload of an absent key that was put meanwhile")?;
                t.expect(&name, b"in between", "after an upload in conflict").await?;
            }
        }
        t.expect(&key(format!("{name}/beside")), b"beside", "after an upload").await?;
    }
    Ok(())
}
