//! The life of a store: flush, drain, sweep, close, and open again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use tokio::task::JoinSet;

use super::ops::{self, Ended};
use super::streams::gated;
use crate::conformance::case::{Case, Held, Stop, T, cases, check, fail, same};
use crate::conformance::see::Seen;
use crate::conformance::values::{key, patterned, stream_of};
use crate::error::{ErrorKind, Result};
use crate::guarantees::CasScope;
use crate::options::{PutOptions, SweepOptions};
use crate::outcome::{Durability, Written};
use crate::store::Store;
use crate::{Attributes, Call, Key, StoreExt, system};

pub(super) const CASES: &[Case] = cases![
    "life.reopen": reopen = "everything is there after the store was closed and opened, metas included",
    "life.close": close = "close with work in flight: each piece is done or refused, and nothing works behind it",
    "life.handles": handles = "handles on the same data see each other's writes, and one that is closed harms no other",
    "life.quiet": quiet = "flush, drain and sweep end beside writers, and take nothing that lives",
    "life.leftovers": leftovers = "what dropped uploads leave behind can be swept, once it is old enough",
];

/// Values of every kind; gives what was seen of each.
async fn furnish(t: &T) -> Held<Vec<(Key, Seen)>> {
    let mut keys = Vec::new();
    for (i, text) in super::keys::ODD.iter().enumerate().step_by(3) {
        t.store.put(*text, format!("odd {i}")).await?;
        keys.push(key(text));
    }
    for size in super::sizes::of(t).into_iter().filter(|s| *s <= 2 << 20) {
        let name = key(format!("size/{size}"));
        t.store.put_stream(&name, crate::derived::pieces(patterned(size as u64, size))).await?;
        keys.push(name);
    }
    let mut options = PutOptions::new();
    options.attributes = Attributes::new().content_type("text/plain").set("owner", "anna");
    if t.g.expiry {
        options.expires = Some(t.env().wall() + Duration::from_secs(100_000));
    }
    t.store.put_opts(&key("full"), "full".into(), &options).await?;
    keys.push(key("full"));
    t.store.put(system::key("system")?, "system").await?;
    keys.push(system::key("system")?);
    if t.g.cas > CasScope::None {
        let mut version = t.store.put("chained", "0").await?.version;
        for i in 1..5 {
            version = t.store.put_if_matches("chained", i.to_string(), version).await?.version;
        }
        keys.push(key("chained"));
    }
    let mut seen = Vec::new();
    for name in keys {
        let one = t.see(&name).await?.ok_or_else(|| fail(format_args!("{name:?} was put, and is absent")))?;
        seen.push((name, one));
    }
    t.store.put("gone", "gone").await?;
    t.store.delete("gone").await?;
    Ok(seen)
}

async fn reopen(t: &T) -> Held {
    let before = furnish(t).await?;
    let names = t.names(&*t.store).await?;
    t.store.close(&Call::default()).await?;
    let again = t.open(&t.place).await?;
    if t.g.durability == Durability::Process {
        // It may be empty or the same, but it works.
        again.put("usable", "usable").await?;
        t.expect_at(&*again, &key("usable"), b"usable", "in a store that was opened again").await?;
        return Err(Stop::Refused("values that outlive the store"));
    }
    same!(t, t.names(&*again).await?, names, "the listing after the store was opened again");
    for (name, seen) in &before {
        let now = t.expect_at(&*again, name, &seen.value, "after the store was opened again").await?;
        t.same_meta("after the store was opened again", &now.meta, &seen.meta)?;
    }
    t.expect_absent_at(&*again, &key("gone"), "after the store was opened again").await?;
    if let Some((_, chained)) = before.iter().find(|(name, _)| name.as_str() == "chained") {
        let written = again.put_if_matches("chained", "on", chained.version()).await?;
        let chain: Vec<_> = chained.version().chain().collect();
        same!(t, written.version.predecessors(), &chain[..], "the chain over a version from before");
    }
    same!(t, again.guarantees(), &t.g, "the guarantees of a store that was opened again");
    same!(t, again.id(), t.store.id(), "the id of a store that was opened again");
    Ok(())
}

async fn close(t: &T) -> Held {
    let (place, store) = t.fresh().await?;
    store.put("stands", "stands").await?;
    let mut puts: JoinSet<(Key, Bytes, Result<Written>)> = JoinSet::new();
    for i in 0..40u64 {
        let (store, name) = (store.clone(), key(format!("flight/{i}")));
        let value = patterned(i, if i % 5 == 0 { 300_000 } else { 500 });
        puts.spawn(async move {
            let put = if i % 3 == 0 {
                store.put_stream(&name, stream_of(value.clone(), 30_000, true)).await
            } else {
                store.put(&name, value.clone()).await
            };
            (name, value, put)
        });
    }
    // Some are done, some in flight, some not begun.
    let mut done: Vec<_> = puts.join_next().await.into_iter().collect();
    let (first, second) = (store.clone(), store.clone());
    // A close that is given up closes or does not; the next one ends it.
    drop(first.close(&Call::default()).now_or_never());
    let both = futures_util::future::join(async move { first.close(&Call::default()).await }, async move {
        second.close(&Call::default()).await
    });
    let (one, two) = both.await;
    one.and(two)?;
    store.close(&Call::default()).await?;
    while let Some(put) = puts.join_next().await {
        done.push(put);
    }
    let mut kept = Vec::new();
    for put in done {
        let (name, value, put) = put.map_err(|e| fail(format_args!("a put: {e}")))?;
        match put {
            Ok(_) => kept.push((name, Some(value))),
            Err(error) if error.is(ErrorKind::Closed) => kept.push((name, None)),
            Err(error) => return Err(fail(format_args!("a put during close: {error:?}"))),
        }
    }
    same!(t, kept.len(), 40, "puts that got an answer");
    for (op, ended) in ops::all(&store, &Call::default()).await {
        match ended {
            Ended::Failed(error) if error.is(ErrorKind::Closed) => t.count(),
            Ended::Failed(error)
                if error.is(ErrorKind::Unsupported) && op == "transact" && t.g.transactions.is_none() =>
            {
                t.count();
            }
            Ended::Skipped => {}
            other => return Err(fail(format_args!("{op} on a closed store: {other:?}"))),
        }
    }
    same!(t, store.guarantees(), &t.g, "the guarantees of a closed store");
    if t.g.durability == Durability::Process {
        return Ok(());
    }
    let again = t.open(&place).await?;
    t.expect_at(&*again, &key("stands"), b"stands", "after a close with work in flight").await?;
    for (name, value) in kept {
        match value {
            Some(value) => {
                drop(t.expect_at(&*again, &name, &value, "put before a close, and acknowledged").await?)
            }
            None => t.expect_absent_at(&*again, &name, "refused by a close").await?,
        }
    }
    Ok(())
}

async fn handles(t: &T) -> Held {
    let other = t.open(&t.place).await?;
    t.store.put("a", "by the first").await?;
    t.expect_at(&*other, &key("a"), b"by the first", "through the second handle").await?;
    other.put("a", "by the second").await?;
    other.put("b", "by the second").await?;
    t.expect(&key("a"), b"by the second", "through the first handle").await?;
    same!(t, t.names(&*t.store).await?, ["a", "b"], "the listing through the first handle");
    other.delete("b").await?;
    t.expect_absent(&key("b"), "deleted through the second handle").await?;
    if Arc::ptr_eq(&other, &t.store) {
        t.not_offered("a second handle");
        return Ok(());
    }
    other.close(&Call::default()).await?;
    t.expect(&key("a"), b"by the second", "after the second handle was closed").await?;
    t.store.put("c", "on").await?;
    t.expect(&key("c"), b"on", "after the second handle was closed").await?;
    let put = other.put("d", "late").await;
    t.refuses(put, ErrorKind::Closed, "a put through a closed handle beside an open one")?;
    t.expect_absent(&key("d"), "refused by a closed handle").await
}

async fn quiet(t: &T) -> Held {
    let before = furnish(t).await?;
    let over = Arc::new(AtomicBool::new(false));
    let mut writers = JoinSet::new();
    for writer in 0..3 {
        let (store, over) = (t.store.clone(), over.clone());
        writers.spawn(async move {
            let mut i = 0;
            while !over.load(SeqCst) {
                store.put(format!("quiet/{writer}/{}", i % 20), patterned(i, 2_000)).await?;
                i += 1;
                tokio::task::yield_now().await;
            }
            Ok(i)
        });
    }
    // Young uploads are nobody's leftovers.
    let (go, reached, body) = gated(patterned(1, 300_000), patterned(2, 10));
    let store = t.store.clone();
    let mut upload = JoinSet::new();
    upload.spawn(async move { store.put_stream("quiet/upload", body).await });
    reached.await.map_err(|_| fail("a store drops its source before it has read it"))?;
    let call = Call::default();
    for _ in 0..5 {
        t.store.flush(&call).await?;
        t.store.sweep(&SweepOptions::new()).await?;
    }
    let _ = go.send(());
    while let Some(done) = upload.join_next().await {
        done.map_err(|e| fail(format_args!("an upload: {e}")))??;
    }
    for _ in 0..5 {
        t.store.drain(&call).await?;
    }
    over.store(true, SeqCst);
    super::counters::all(writers).await?;
    let whole = [patterned(1, 300_000), patterned(2, 10)].concat();
    t.expect(&key("quiet/upload"), &whole, "an upload beside a sweep").await?;
    t.drained().await?;
    let swept = t.store.sweep(&SweepOptions::new().with_older_than(Duration::ZERO)).await?;
    same!(t, swept.found, 0, "leftovers of writers that all ended well: {swept:?}");
    for (name, seen) in &before {
        t.expect_same(name, &Some(seen.clone()), "after flushes, drains and sweeps").await?;
    }
    Ok(())
}

async fn leftovers(t: &T) -> Held {
    let before = furnish(t).await?;
    for (i, size) in [10usize, 70_000, 1_200_000].into_iter().enumerate() {
        if size as u64 > t.g.max_value {
            continue;
        }
        for present in [false, true] {
            let name = key(format!("leftovers/{i}/{present}"));
            if present {
                t.store.put(&name, "stands").await?;
            }
            let seen = t.see(&name).await?;
            let (_go, reached, body) = gated(patterned(9, size), Bytes::from_static(b"never"));
            let (store, upload) = (t.store.clone(), name.clone());
            let mut task = JoinSet::new();
            task.spawn(async move { store.put_stream(&upload, body).await });
            reached.await.map_err(|_| fail("a store drops its source before it has read it"))?;
            task.shutdown().await;
            t.drained().await?;
            t.expect_same(&name, &seen, "after an upload that was dropped").await?;
        }
    }
    let old = match t.clock() {
        Some(_) => {
            t.pass(Duration::from_secs(7_200)).await;
            SweepOptions::new()
        }
        None => SweepOptions::new().with_older_than(Duration::ZERO),
    };
    let names = t.names(&*t.store).await?;
    let dry = t.store.sweep(&old.clone().with_dry_run(true)).await?;
    same!(t, dry.removed, 0, "a dry run removes");
    let again = t.store.sweep(&old.clone().with_dry_run(true)).await?;
    same!(t, again.found, dry.found, "a dry run after another finds");
    let wet = t.store.sweep(&old).await?;
    same!(t, wet.found, dry.found, "a sweep after a dry run finds");
    same!(t, wet.removed, wet.found, "a sweep removes");
    let listed = wet.names.len() as u64 == wet.found.min(crate::Swept::MAX_NAMES as u64);
    check!(t, listed, "a sweep of {} names {} of them", wet.found, wet.names.len());
    let none = t.store.sweep(&old).await?;
    same!(t, none.found, 0, "a second sweep finds");
    same!(t, t.names(&*t.store).await?, names, "the listing after a sweep");
    for (name, seen) in &before {
        t.expect_same(name, &Some(seen.clone()), "after a sweep").await?;
    }
    Ok(())
}
