//! Expiry: from its time on, a value is absent for everything that reads or decides.

use std::time::Duration;

use futures_util::TryStreamExt;

use crate::conformance::case::{Case, Held, Stop, T, cases, check, fail, same};
use crate::conformance::values::key;
use crate::error::ErrorKind;
use crate::guarantees::{CasScope, Ranges};
use crate::options::{
    CopyOptions, DeleteOptions, GetOptions, HeadOptions, ListOptions, Precondition, PutItem, PutOptions, Step,
};
use crate::outcome::{Copied, Deleted, Got, Listed};
use crate::store::Store;
use crate::{Call, Expires, StoreExt, UpdateOptions};

pub(super) const CASES: &[Case] = cases![
    "expiry.reads": reads = "an expired value is absent in every way of reading, and those beside it stay",
    "expiry.writes": writes = "an expired value is absent to deletes and conditions, and can be written anew",
    "expiry.carried": carried = "copy and update keep the expiry, put, put_many and transact set it",
    "expiry.exactly": exactly = "a value lives until its time and not an instant longer",
];

/// Refused by name where values cannot expire.
async fn offered(t: &T) -> Held {
    if t.g.expiry {
        return Ok(());
    }
    let name = key("refused");
    t.store.put(&name, "stands").await?;
    let before = t.see(&name).await?;
    let options = PutOptions::new().with_expires(t.env().wall() + t.lifetime());
    let kind = ErrorKind::Unsupported;
    t.refuses(t.store.put_opts(&name, "v".into(), &options).await, kind, "a put that expires")?;
    let body = crate::derived::pieces("v".into());
    t.refuses(t.store.put_stream_opts(&name, body, &options).await, kind, "a stream that expires")?;
    let item = PutItem { key: name.clone(), value: "v".into(), options };
    for put in t.store.put_many_opts(vec![item.clone()], &Call::default()).await {
        t.refuses(put, kind, "put_many that expires")?;
    }
    t.refuses(t.store.transact(vec![Step::Put(item)]).await, kind, "a transaction that expires")?;
    t.expect_same(&name, &before, "after refused puts").await?;
    Err(Stop::Refused("expiry"))
}

fn expiring(t: &T) -> PutOptions {
    PutOptions::new().with_expires(t.env().wall() + t.lifetime())
}

async fn reads(t: &T) -> Held {
    offered(t).await?;
    for i in 0..6 {
        let options = if i % 2 == 0 { expiring(t) } else { PutOptions::new() };
        t.store.put_opts(&key(format!("reads/{i}")), format!("value {i}").into(), &options).await?;
    }
    let large = bytes::Bytes::from(vec![7; 200_000]);
    t.store.put_stream_opts(&key("reads/large"), crate::derived::pieces(large), &expiring(t)).await?;
    let head = t.store.head("reads/0").await?;
    check!(t, head.is_some(), "a value that has not expired yet is absent");
    t.pass(t.lifetime() * 2).await;
    for i in 0..6 {
        let name = key(format!("reads/{i}"));
        if i % 2 == 1 {
            t.expect(&name, format!("value {i}").as_bytes(), "beside expired ones").await?;
            continue;
        }
        t.expect_absent(&name, "after it expired").await?;
        if t.g.ranges != Ranges::None {
            let got = t.store.get_opts(&name, &GetOptions::new().with_range(0..3)).await?;
            check!(t, got == Got::Absent, "a range of an expired value: {:?}", got.meta());
        }
    }
    t.expect_absent(&key("reads/large"), "after it expired").await?;
    let keys: Vec<_> = (0..6).map(|i| key(format!("reads/{i}"))).collect();
    for (i, got) in t.store.get_many_opts(&keys, &GetOptions::new()).await.into_iter().enumerate() {
        same!(t, got?.into_body().is_some(), i % 2 == 1, "get_many: whether key {i} is there");
    }
    listing(t).await
}

async fn listing(t: &T) -> Held {
    let names = t.names(&*t.store).await?;
    let live = ["reads/1", "reads/3", "reads/5"];
    if t.g.listing.names_expired {
        let all = live.iter().all(|n| names.iter().any(|m| m == n));
        check!(t, all, "the listing {names:?} lacks values that have not expired");
        return Ok(());
    }
    same!(t, names, live, "the listing after half of the values expired");
    // Those that expired do not count to a limit.
    let options = ListOptions::new().with_limit(2);
    let two: Vec<Listed> = t.store.list_opts(options).try_collect().await?;
    let two: Vec<_> = two.iter().map(Listed::name).collect();
    same!(t, two, ["reads/1", "reads/3"], "a listing of two after half of the values expired");
    Ok(())
}

async fn writes(t: &T) -> Held {
    offered(t).await?;
    let names: Vec<_> = (0..10).map(|i| key(format!("writes/{i}"))).collect();
    let mut versions = Vec::new();
    for name in &names {
        versions.push(t.store.put_opts(name, "old".into(), &expiring(t)).await?.version);
    }
    t.pass(t.lifetime() * 2).await;
    let removed = t.store.delete_opts(&names[0], &DeleteOptions::new().with_tell(true)).await?;
    same!(t, removed.existed, Deleted::No, "a delete of an expired value says whether it was there");
    t.store.put(&names[1], "new").await?;
    let seen = t.expect(&names[1], b"new", "after a put over an expired value").await?;
    same!(t, seen.meta.expires, Some(Expires::Never), "the expiry after a put over an expired value");
    let listed = t.names(&*t.store).await?;
    check!(t, listed.iter().any(|n| n == "writes/1"), "the listing {listed:?} lacks a value written anew");
    if t.g.cas == CasScope::None {
        t.not_offered("cas");
        return Ok(());
    }
    let version = |i: usize| versions[i].clone();
    let stale = t.store.put_if_matches(&names[2], "new", version(2)).await;
    t.refuses(stale, ErrorKind::Conflict, "a put over the version of an expired value")?;
    t.expect_absent(&names[2], "after a conflict").await?;
    let written = t.store.put_if_absent(&names[3], "new").await?;
    let seen = t.expect(&names[3], b"new", "after a put of an expired key as absent").await?;
    same!(t, seen.version(), written.version, "its version");
    if t.g.conditional_delete {
        let only = DeleteOptions::new().with_only(version(4));
        let stale = t.store.delete_opts(&names[4], &only).await;
        t.refuses(stale, ErrorKind::Conflict, "a delete by the version of an expired value")?;
    }
    let got = t.store.get_opts(&names[5], &GetOptions::new().with_only(version(5))).await?;
    check!(t, got == Got::Absent, "a get by the version of an expired value: {:?}", got.meta());
    let got = t.store.head_opts(&names[5], &HeadOptions::new().with_unless(version(5))).await?;
    check!(t, got == Got::Absent, "a head unless the version of an expired value: {:?}", got.meta());
    let copied = t.store.copy(&names[6], &key("writes/copy")).await?;
    same!(t, copied, Copied::Absent, "a copy of an expired value");
    t.expect_absent(&key("writes/copy"), "after a copy of an expired value").await?;
    t.store.put("writes/source", "source").await?;
    let absent = CopyOptions::new().with_pre(Precondition::Absent);
    t.store.copy_opts(&key("writes/source"), &names[7], &absent).await?;
    t.expect(&names[7], b"source", "after a copy onto an expired key as absent").await?;
    if t.g.conditional_delete {
        let mut was = Some("not called".into());
        t.store
            .update(&names[8], |old| {
                was = old;
                Some("updated".into())
            })
            .await?;
        same!(t, was, None, "what update finds of an expired value");
        let seen = t.expect(&names[8], b"updated", "after an update of an expired value").await?;
        same!(t, seen.meta.expires, Some(Expires::Never), "the expiry after an update of an expired value");
    }
    if t.g.transactions.is_some() {
        let pre = Precondition::Matches(version(9));
        let steps = vec![Step::Check { key: names[9].clone(), pre }];
        t.refuses(t.store.transact(steps).await, ErrorKind::Conflict, "a check of an expired version")?;
        let check = Step::Check { key: names[9].clone(), pre: Precondition::Absent };
        t.store.transact(vec![check]).await?;
    }
    Ok(())
}

async fn carried(t: &T) -> Held {
    offered(t).await?;
    let options = expiring(t);
    let wanted = Some(Expires::from(options.expires));
    let name = |n: &str| key(format!("carried/{n}"));
    let mut all = vec![name("put"), name("stream"), name("many"), name("copy")];
    t.store.put_opts(&all[0], "v".into(), &options).await?;
    t.store.put_stream_opts(&all[1], crate::derived::pieces("v".into()), &options).await?;
    let item = |n: &str| PutItem { key: name(n), value: "v".into(), options: options.clone() };
    for put in t.store.put_many_opts(vec![item("many")], &Call::default()).await {
        put?;
    }
    t.store.copy(&all[0], &all[3]).await?;
    if t.g.transactions.is_some() {
        t.store.transact(vec![Step::Put(item("transact"))]).await?;
        all.push(name("transact"));
    }
    if t.g.cas > CasScope::None {
        t.store.put_opts(&name("update"), "u".into(), &options).await?;
        let update = UpdateOptions::new();
        t.store.update_opts(&name("update"), update, |_| Some("v".into())).await?;
        all.push(name("update"));
    }
    for name in &all {
        let seen = t.expect(name, b"v", "before it expires").await?;
        same!(t, seen.meta.expires, wanted, "the expiry of {name:?}");
    }
    let entries: Vec<Listed> = t.store.list("carried/").try_collect().await?;
    for meta in entries.into_iter().filter_map(Listed::into_entry) {
        check!(t, meta.expires.is_none() || meta.expires == wanted, "a listing says {:?}", meta.expires);
    }
    t.store.put("carried/source", "v").await?;
    t.store.copy("carried/source", &all[1]).await?;
    let seen = t.expect(&all[1], b"v", "after a copy of a value that does not expire").await?;
    same!(t, seen.meta.expires, Some(Expires::Never), "the expiry after a copy of a value without one");
    t.pass(t.lifetime() * 2).await;
    for (i, name) in all.iter().enumerate() {
        match i {
            1 => drop(t.expect(name, b"v", "which does not expire").await?),
            _ => t.expect_absent(name, "after it expired").await?,
        }
    }
    Ok(())
}

async fn exactly(t: &T) -> Held {
    offered(t).await?;
    let name = key("exactly");
    // A value that is dead on arrival: the write counts, and what stood there is gone.
    t.store.put(&name, "before").await?;
    let past = PutOptions::new().with_expires(t.env().wall() - Duration::from_secs(5));
    t.store.put_opts(&name, "past".into(), &past).await?;
    t.expect_absent(&name, "after a put that had expired before").await?;
    let far = PutOptions::new().with_expires(t.env().wall() + Duration::from_secs(50 * 365 * 86_400));
    t.store.put_opts(&name, "far".into(), &far).await?;
    t.expect(&name, b"far", "with half a century to live").await?;

    let Some(clock) = t.clock() else { return Ok(()) };
    let now = t.env().wall();
    let whole = now.duration_since(std::time::UNIX_EPOCH).map_err(|_| fail("a clock before 1970"))?.as_secs();
    let at = std::time::UNIX_EPOCH + Duration::from_secs(whole + 1000);
    clock.hold(at - Duration::from_secs(500));
    t.store.put_opts(&name, "v".into(), &PutOptions::new().with_expires(at)).await?;
    clock.hold(at - Duration::from_millis(1));
    t.expect(&name, b"v", "a millisecond before its time").await?;
    clock.hold(at);
    t.expect_absent(&name, "at its time").await?;
    clock.hold(at + Duration::from_millis(1));
    t.expect_absent(&name, "a millisecond after its time").await?;
    clock.advance(Duration::ZERO);
    Ok(())
}
