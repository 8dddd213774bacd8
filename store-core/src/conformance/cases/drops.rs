//! Every operation dropped after its n-th poll, for n = 0, 1, 2, … until it is done: what is there is old or new, what
//! others wrote stays, and the store works on.

use bytes::Bytes;
use futures_util::future::join;
use futures_util::{FutureExt, TryStreamExt};

use crate::conformance::case::{Case, Held, T, cases, check, fail, same};
use crate::conformance::polls::polled;
use crate::conformance::see::differ;
use crate::conformance::values::{key, patterned, stream_of};
use crate::env::BoxFuture;
use crate::error::Result;
use crate::guarantees::CasScope;
use crate::options::{
    CopyOptions, DeleteItem, DeleteOptions, GetOptions, HeadOptions, ListOptions, Precondition, PutItem,
    PutOptions, Step, SweepOptions,
};
use crate::store::Store;
use crate::{Call, Key, StoreExt, Version};

pub(super) const CASES: &[Case] = cases![
    "drops.put": puts = "put, put_stream, copy and update dropped after each poll: old or new, never torn",
    "drops.delete": deletes = "delete dropped after each poll: there or gone",
    "drops.many": many = "put_many and delete_many dropped after each poll: each key old or new",
    "drops.transact": transact = "transact dropped after each poll: all or none",
    "drops.reads": reads = "reads, listings, sweep, flush and drain dropped after each poll change nothing",
    "drops.close": close = "close dropped after each poll can be called again",
];

/// No operation takes more polls than that.
const MOST: usize = 3_000;

/// Runs the body for n = 0, 1, 2, … until it says that the operation was done. Gives the last n.
macro_rules! each {
    ($what:expr, $n:ident => $body:block) => {{
        let mut $n = 0;
        loop {
            let done: Held<bool> = async { $body }.await;
            if done? {
                break $n;
            }
            if $n == MOST {
                return Err(fail(format_args!("{} is not done after {MOST} polls", $what)));
            }
            $n += 1;
        }
    }};
}

/// An operation that writes `new` to a key, over `old` if there is one.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Small,
    Large,
    Conditional,
    Streamed,
    StreamedConditional,
    Copied,
    Updated,
}

impl Way {
    fn value(self, n: usize) -> Bytes {
        let size = match self {
            Way::Large | Way::Streamed | Way::Copied => 400_000,
            Way::StreamedConditional => 90_000,
            _ => 300,
        };
        patterned(n as u64 ^ 0xd209, size + n)
    }

    async fn write(self, t: &T, key: &Key, new: &Bytes, version: Option<Version>) -> Result<()> {
        let pre = version.map_or(Precondition::Absent, Precondition::Matches);
        let options = PutOptions::new().with_pre(pre);
        match self {
            Way::Small | Way::Large => drop(t.store.put(key, new.clone()).await?),
            Way::Conditional => drop(t.store.put_opts(key, new.clone(), &options).await?),
            Way::Streamed => drop(t.store.put_stream(key, stream_of(new.clone(), 40_000, true)).await?),
            Way::StreamedConditional => {
                let body = stream_of(new.clone(), 40_000, true);
                t.store.put_stream_opts(key, body, &options).await?;
            }
            Way::Copied => drop(t.store.copy_opts(&source(), key, &CopyOptions::new()).await?),
            Way::Updated => drop(t.store.update(key, |_| Some(new.clone())).await?),
        }
        Ok(())
    }
}

fn source() -> Key {
    key("drops/source")
}

/// Nothing of what was dropped may land when it is no longer waited for: the keys are looked at once more, a moment
/// later.
async fn still(t: &T, settled: Vec<(Key, Option<Bytes>)>) -> Held {
    t.drained().await?;
    crate::Env::system().sleep(std::time::Duration::from_millis(40)).await;
    for (name, last) in settled {
        let now = t.store.get(&name).await?;
        t.count();
        if now != last {
            let text =
                |v: &Option<Bytes>| v.as_ref().map_or("absent".into(), |v| format!("{} bytes", v.len()));
            let (now, last) = (text(&now), text(&last));
            return Err(fail(format_args!("{name:?} was {last} after drain and is {now} a moment later")));
        }
    }
    Ok(())
}

/// What stands at `key` must be `old` or `new`. Gives whether it is the new one.
async fn old_or_new(t: &T, key: &Key, old: &Option<Bytes>, new: &Option<Bytes>, what: &str) -> Held<bool> {
    let got = t.store.get(key).await?;
    t.count();
    if got == *new {
        return Ok(true);
    }
    if got == *old {
        return Ok(false);
    }
    let text =
        |value: &Option<Bytes>| value.as_ref().map_or("absent".into(), |v| format!("{} bytes", v.len()));
    let torn = match (&got, new) {
        (Some(got), Some(new)) => differ(got, new),
        _ => String::new(),
    };
    let (got, old, new) = (text(&got), text(old), text(new));
    Err(fail(format_args!("{what}: {key:?} is {got}, neither old ({old}) nor new ({new}) {torn}")))
}

async fn puts(t: &T) -> Held {
    let mut ways = vec![Way::Small, Way::Large, Way::Streamed, Way::Copied];
    if t.g.cas > CasScope::None {
        ways.extend([Way::Conditional, Way::StreamedConditional]);
        if t.g.conditional_delete {
            ways.push(Way::Updated);
        }
    }
    // Written in the end, and what it must be.
    let mut settled: Vec<(Key, Option<Bytes>)> = Vec::new();
    for way in ways {
        for present in [false, true] {
            let polls = each!(format_args!("{way:?}"), n => {
                let what = format!(
                    "{way:?} dropped after {n} polls, over {}",
                    if present { "old" } else { "nothing" }
                );
                let name = key(format!("drops/{way:?}/{present}/{n}"));
                let beside = key(format!("drops/{way:?}/{present}/{n}/beside"));
                let old = present.then(|| patterned(n as u64, 5_000));
                let version = match &old {
                    Some(old) => Some(t.store.put(&name, old.clone()).await?.version),
                    None => None,
                };
                let new = way.value(n);
                if way == Way::Copied {
                    t.store.put(source(), new.clone()).await?;
                }
                // Somebody else writes at the same time, and is not dropped.
                let dropped = polled(way.write(t, &name, &new, version), n);
                let (done, other) = join(dropped, t.store.put(&beside, "beside")).await;
                other?;
                let new = Some(new);
                let is_done = done.is_some();
                if let Some(done) = done {
                    done.map_err(|e| fail(format_args!("{what}: {e:?}")))?;
                }
                let at_once = old_or_new(t, &name, &old, &new, &what).await?;
                check!(t, at_once || !is_done, "{what}: it was done, and the value is old");
                t.settled().await?;
                let is_new = old_or_new(t, &name, &old, &new, &format!("{what}, and drained")).await?;
                check!(t, is_new || !at_once, "{what}: it was new, and is old again after drain");
                check!(t, !(is_new && n == 0), "{what}: it was never polled, and has written");
                t.expect(&beside, b"beside", &what).await?;
                // The store goes on with this key, and nothing lands behind that.
                let last = Bytes::from(format!("after {what}"));
                match t.see(&name).await? {
                    Some(seen) if t.g.cas > CasScope::None => {
                        t.store.put_if_matches(&name, last.clone(), seen.version()).await?;
                    }
                    _ => drop(t.store.put(&name, last.clone()).await?),
                }
                t.expect(&name, &last, "after a put behind a dropped one").await?;
                settled.push((name, Some(last)));
                Ok(is_done)
            });
            check!(t, polls > 0, "{way:?} was done without a poll");
        }
    }
    still(t, settled).await
}

async fn deletes(t: &T) -> Held {
    let conditional = t.g.cas > CasScope::None && t.g.conditional_delete;
    let mut settled = Vec::new();
    for by_version in [false, true] {
        if by_version && !conditional {
            continue;
        }
        each!("delete", n => {
            let what = format!("delete dropped after {n} polls");
            let name = key(format!("drops/delete/{by_version}/{n}"));
            let beside = key(format!("drops/delete/{by_version}/{n}/beside"));
            let old = patterned(n as u64, if n % 2 == 0 { 200_000 } else { 10 });
            let version = t.store.put(&name, old.clone()).await?.version;
            let mut options = DeleteOptions::new();
            options.only = by_version.then_some(version);
            let dropped = polled(t.store.delete_opts(&name, &options), n);
            let (done, other) = join(dropped, t.store.put(&beside, "beside")).await;
            other?;
            let is_done = done.transpose()?.is_some();
            let at_once = old_or_new(t, &name, &Some(old.clone()), &None, &what).await?;
            check!(t, at_once || !is_done, "{what}: it was done, and the value stands");
            t.settled().await?;
            let gone = old_or_new(t, &name, &Some(old), &None, &format!("{what}, and drained")).await?;
            check!(t, gone || !at_once, "{what}: it was gone, and is back after drain");
            check!(t, !(gone && n == 0), "{what}: it was never polled, and has deleted");
            t.expect(&beside, b"beside", &what).await?;
            t.store.put(&name, "again").await?;
            t.expect(&name, b"again", &format!("put after a {what}")).await?;
            settled.push((name, Some(Bytes::from_static(b"again"))));
            Ok(is_done)
        });
    }
    still(t, settled).await
}

const MANY: usize = 20;

async fn many(t: &T) -> Held {
    let names = |n: usize| (0..MANY).map(move |i| key(format!("drops/many/{n}/{i:02}")));
    let value = |n: usize, i: usize| patterned((n * MANY + i) as u64, if i == 7 { 150_000 } else { 100 });
    let mut settled = Vec::new();
    each!("put_many", n => {
        let what = format!("put_many dropped after {n} polls");
        let items = names(n).enumerate().map(|(i, key)| {
            let value = value(n, i);
            PutItem { key, value, options: PutOptions::new() }
        });
        let call = Call::default();
        let done = polled(t.store.put_many_opts(items.collect(), &call), n).await;
        t.settled().await?;
        let mut there = 0;
        for (i, name) in names(n).enumerate() {
            let new = Some(value(n, i));
            there += usize::from(old_or_new(t, &name, &None, &new, &what).await?);
        }
        if let Some(done) = &done {
            let good = done.iter().filter(|one| one.is_ok()).count();
            same!(t, (good, there), (MANY, MANY), "{what}: puts that were done, and that are there");
        }
        check!(t, n > 0 || there == 0, "{what}: it was never polled, and has written");
        Ok(done.is_some())
    });
    each!("delete_many", n => {
        let what = format!("delete_many dropped after {n} polls");
        let entries = names(n).enumerate().map(|(i, key)| (key, value(n, i)));
        for put in t.store.put_many(entries).await? {
            put?;
        }
        let items = names(n).map(|key| DeleteItem { key, only: None }).collect();
        let options = DeleteOptions::new();
        let done = polled(t.store.delete_many_opts(items, &options), n).await;
        t.settled().await?;
        let mut gone = 0;
        for (i, name) in names(n).enumerate() {
            gone += usize::from(old_or_new(t, &name, &Some(value(n, i)), &None, &what).await?);
            t.store.put(&name, "again").await?;
            settled.push((name, Some(Bytes::from_static(b"again"))));
        }
        check!(t, done.is_none() || gone == MANY, "{what}: it was done, and {gone} of {MANY} are gone");
        check!(t, n > 0 || gone == 0, "{what}: it was never polled, and has deleted");
        Ok(done.is_some())
    });
    still(t, settled).await
}

async fn transact(t: &T) -> Held {
    let Some(limit) = t.g.transactions else {
        let step = Step::Delete(DeleteItem { key: key("refused"), only: None });
        t.refuses(t.store.transact(vec![step]).await, crate::ErrorKind::Unsupported, "a transaction")?;
        return Err(crate::conformance::case::Stop::Refused("transactions"));
    };
    let most = MANY.min(limit.max_steps);
    let mut settled = Vec::new();
    each!("transact", n => {
        let what = format!("transact dropped after {n} polls");
        let gone = key(format!("drops/transact/{n}/gone"));
        t.store.put(&gone, "stands").await?;
        let put = |i: usize| PutItem {
            key: key(format!("drops/transact/{n}/{i:02}")),
            value: patterned(i as u64, if i == 3 { 100_000 } else { 50 }),
            options: PutOptions::new(),
        };
        let mut steps: Vec<Step> = (1..most).map(|i| Step::Put(put(i))).collect();
        steps.push(Step::Delete(DeleteItem { key: gone.clone(), only: None }));
        let beside = key(format!("drops/transact/{n}/beside"));
        let call = Call::default();
        let dropped = polled(t.store.transact_opts(steps, &call), n);
        let (done, other) = join(dropped, t.store.put(&beside, "beside")).await;
        other?;
        let is_done = done.transpose()?.is_some();
        t.settled().await?;
        let stands = Some(Bytes::from_static(b"stands"));
        let mut new = usize::from(old_or_new(t, &gone, &stands, &None, &what).await?);
        for i in 1..most {
            let PutItem { key, value, .. } = put(i);
            new += usize::from(old_or_new(t, &key, &None, &Some(value), &what).await?);
        }
        check!(t, new == 0 || new == most, "{what}: {new} of {most} steps took effect");
        check!(t, !is_done || new == most, "{what}: it was done, and nothing took effect");
        check!(t, n > 0 || new == 0, "{what}: it was never polled, and has written");
        t.expect(&beside, b"beside", &what).await?;
        settled.push((gone.clone(), t.store.get(&gone).await?));
        for i in 1..most {
            t.store.put(put(i).key, "again").await?;
            settled.push((put(i).key, Some(Bytes::from_static(b"again"))));
        }
        Ok(is_done)
    });
    still(t, settled).await
}

/// An operation that changes nothing.
type Reading<'a> = (&'static str, Box<dyn Fn() -> BoxFuture<'a, Result<()>> + Send + Sync + 'a>);

async fn reads(t: &T) -> Held {
    let (name, value) = (key("drops/read"), patterned(1, 400_000));
    t.store.put(&name, value.clone()).await?;
    let others: Vec<Key> = (0..30).map(|i| key(format!("drops/other/{i:02}"))).collect();
    for put in t.store.put_many(others.iter().map(|k| (k, "other"))).await? {
        put?;
    }
    let before = t.see(&name).await?;
    let names = t.names(&*t.store).await?;
    let (store, name_ref, others_ref) = (&t.store, &name, &others);
    let readings: Vec<Reading<'_>> = vec![
        ("get", Box::new(move || store.get(name_ref).map(|r| r.map(drop)).boxed())),
        (
            "get_stream",
            Box::new(move || {
                async move {
                    let body = store.get_stream(name_ref).await?;
                    if let Some(body) = body {
                        crate::derived::collect(body, u64::MAX).await?;
                    }
                    Ok(())
                }
                .boxed()
            }),
        ),
        (
            "head",
            Box::new(move || {
                async move { store.head_opts(name_ref, &HeadOptions::new()).await.map(drop) }.boxed()
            }),
        ),
        (
            "get_many",
            Box::new(move || {
                async move {
                    store
                        .get_many_opts(others_ref, &GetOptions::new())
                        .await
                        .into_iter()
                        .try_for_each(|r| r.map(drop))
                }
                .boxed()
            }),
        ),
        (
            "list",
            Box::new(move || {
                async move { store.list_opts(ListOptions::new()).try_collect::<Vec<_>>().await.map(drop) }
                    .boxed()
            }),
        ),
        ("sweep", Box::new(move || async move { store.sweep(&SweepOptions::new()).await.map(drop) }.boxed())),
        ("flush", Box::new(move || async move { store.flush(&Call::default()).await }.boxed())),
        ("drain", Box::new(move || async move { store.drain(&Call::default()).await }.boxed())),
    ];
    for (what, reading) in &readings {
        each!(what, n => {
            let done = polled(reading(), n).await.transpose()?.is_some();
            // Somebody else's work is not in the way of what was left half-way.
            t.store.put(&others[n % 30], "other").await?;
            Ok(done)
        });
        t.drained().await?;
        t.expect_same(&name, &before, &format!("after {what} was dropped")).await?;
        same!(t, t.names(&*t.store).await?, names, "the listing after {what} was dropped");
    }
    Ok(())
}

async fn close(t: &T) -> Held {
    each!("close", n => {
        let what = format!("close dropped after {n} polls");
        let (place, store) = t.fresh().await?;
        store.put("stands", "stands").await?;
        let (slow, call) = (store.clone(), Call::default());
        // Something in flight that close has to see out.
        let mut task = tokio::task::JoinSet::new();
        task.spawn(
            async move { slow.put_stream("slow", stream_of(patterned(1, 300_000), 30_000, true)).await },
        );
        tokio::task::yield_now().await;
        let done = polled(store.close(&call), n).await.transpose()?.is_some();
        store.close(&Call::default()).await?;
        let late = store.put("late", "late").await;
        t.refuses(late, crate::ErrorKind::Closed, format_args!("a put after {what}, and another close"))?;
        let slow = match task.join_next().await {
            Some(slow) => slow.map_err(|e| fail(format_args!("a put: {e}")))?,
            None => return Err(fail("a task is gone")),
        };
        if t.g.durability > crate::Durability::Process {
            let again = t.open(&place).await?;
            t.expect_at(&*again, &key("stands"), b"stands", &what).await?;
            match slow {
                Ok(_) => drop(t.expect_at(&*again, &key("slow"), &patterned(1, 300_000), &what).await?),
                Err(_) => t.expect_absent_at(&*again, &key("slow"), &what).await?,
            }
        }
        Ok(done)
    });
    Ok(())
}
