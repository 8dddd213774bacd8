//! Many at once: an outcome for each, in order.

use bytes::Bytes;

use crate::conformance::case::{Case, Held, T, cases, check, fail, same};
use crate::conformance::values::key;
use crate::error::ErrorKind;
use crate::guarantees::CasScope;
use crate::options::{DeleteItem, DeleteOptions, GetOptions, Precondition, PutItem, PutOptions};
use crate::outcome::{Deleted, Got};
use crate::store::Store;
use crate::{Attributes, Call, Key, StoreExt};

pub(super) const CASES: &[Case] = cases![
    "many.large": large = "more items than any native batch: an outcome for each, in order, and all of them true",
    "many.mixed": mixed = "a bad item among good ones fails alone",
    "many.twice": twice = "a key that is named twice: the later put wins, each gets its outcome",
    "many.calls": calls = "nothing at all is no error; the call of the batch holds, not those of its items",
];

fn item(key: &Key, value: impl Into<Bytes>) -> PutItem {
    PutItem { key: key.clone(), value: value.into(), options: PutOptions::new() }
}

async fn large(t: &T) -> Held {
    let native =
        [t.g.batches.get, t.g.batches.put, t.g.batches.delete].into_iter().flatten().max().unwrap_or(0);
    let n = native.saturating_add(1).clamp(1_200, 2_500);
    // Not in the order of the keys, so that an answer by key order is seen.
    let keys: Vec<Key> = (0..n).map(|i| key(format!("large/{:05}", (i * 7919) % n))).collect();
    let items = keys.iter().enumerate().map(|(i, k)| item(k, format!("value {i} of {k}"))).collect();
    let written = t.store.put_many_opts(items, &Call::default()).await;
    same!(t, written.len(), n, "outcomes of put_many");
    let mut versions = Vec::with_capacity(n);
    for (i, one) in written.into_iter().enumerate() {
        versions.push(one.map_err(|e| fail(format_args!("put_many, item {i}: {e:?}")))?.version);
    }
    let mut asked = keys.clone();
    asked.insert(n / 2, key("large/never written"));
    let got = t.store.get_many_opts(&asked, &GetOptions::new()).await;
    same!(t, got.len(), n + 1, "outcomes of get_many");
    for (at, (asked, got)) in asked.iter().zip(got).enumerate() {
        let got = got.map_err(|e| fail(format_args!("get_many, item {at}: {e:?}")))?;
        if at == n / 2 {
            check!(t, got == Got::Absent, "get_many, item {at}: an absent key gives {:?}", got.meta());
            continue;
        }
        let i = if at > n / 2 { at - 1 } else { at };
        let Got::Found { meta, body, .. } = got else {
            return Err(fail(format_args!("get_many, item {at}: {asked:?} is absent")));
        };
        same!(t, body, Bytes::from(format!("value {i} of {asked}")), "get_many, item {at}");
        same!(t, meta.key, *asked, "get_many, item {at}: the key in its meta");
        same!(t, meta.version.as_ref(), Some(&versions[i]), "get_many, item {at}: its version");
    }
    // All but the last one go.
    let gone = keys[..n - 1].iter().map(|k| DeleteItem { key: k.clone(), only: None }).collect();
    let removed = t.store.delete_many_opts(gone, &DeleteOptions::new().with_tell(true)).await;
    same!(t, removed.len(), n - 1, "outcomes of delete_many");
    for (i, one) in removed.into_iter().enumerate() {
        let one = one.map_err(|e| fail(format_args!("delete_many, item {i}: {e:?}")))?;
        same!(t, one.existed, Deleted::Yes, "delete_many, item {i}: whether it was there");
    }
    same!(
        t,
        t.names(&*t.store).await?,
        [keys[n - 1].as_str()],
        "the listing after delete_many of all but one"
    );
    for got in t.store.get_many_opts(&keys[..n - 1], &GetOptions::new()).await {
        check!(t, got? == Got::Absent, "get_many finds what delete_many removed");
    }
    Ok(())
}

async fn mixed(t: &T) -> Held {
    let good = |i: usize| key(format!("mixed/{i}"));
    let max = t.g.max_attributes;
    let over = PutOptions::new().with_attributes(Attributes::new().set("n", "x".repeat(max)));
    let long = Key::new("x".repeat(Key::MAX_LEN)).expect("legal");
    let has_long = t.g.max_key < Key::MAX_LEN;
    let mut items: Vec<PutItem> = (0..7).map(|i| item(&good(i), format!("{i}"))).collect();
    items[2].options = over;
    if has_long {
        items[4].key = long.clone();
    }
    let mut bad = vec![2];
    bad.extend(has_long.then_some(4));
    t.store.put(good(5), "stands").await?;
    if t.g.cas > CasScope::None {
        items[5].options.pre = Precondition::Absent;
        bad.push(5);
    }
    let written = t.store.put_many_opts(items, &Call::default()).await;
    same!(t, written.len(), 7, "outcomes of put_many");
    for (i, one) in written.into_iter().enumerate() {
        match one {
            Ok(_) => check!(t, !bad.contains(&i), "put_many, item {i}: done, and it must fail"),
            Err(error) => {
                check!(t, bad.contains(&i), "put_many, item {i}: {error:?}");
                check!(t, error.key().is_some(), "put_many, item {i}: the error names no key: {error:?}");
            }
        }
    }
    for i in 0..7 {
        match i {
            2 => t.expect_absent(&good(i), "after put_many with a bad item").await?,
            4 if has_long => t.expect_absent(&good(i), "after put_many with a bad item").await?,
            5 if bad.contains(&5) => {
                drop(t.expect(&good(i), b"stands", "after a conflict in put_many").await?)
            }
            _ => drop(t.expect(&good(i), i.to_string().as_bytes(), "after put_many with a bad item").await?),
        }
    }
    if has_long {
        let got = t.store.get_many_opts(&[good(0), long.clone(), good(1)], &GetOptions::new()).await;
        same!(t, got.len(), 3, "outcomes of get_many");
        for (i, one) in got.into_iter().enumerate() {
            match i {
                1 => drop(t.refuses(one, ErrorKind::Unsupported, "get_many of a key that is too long")?),
                _ => check!(t, one?.into_body().is_some(), "get_many, item {i}: absent beside a bad key"),
            }
        }
    }
    let only = t.store.put("mixed/stale", "1").await?.version;
    t.store.put("mixed/stale", "2").await?;
    let conditional = t.g.conditional_delete && t.g.cas > CasScope::None;
    let kind = if conditional { ErrorKind::Conflict } else { ErrorKind::Unsupported };
    let mut gone: Vec<_> = (0..4).map(|i| DeleteItem { key: good(i), only: None }).collect();
    gone[1] = DeleteItem { key: key("mixed/stale"), only: Some(only.clone()) };
    for (i, one) in t.store.delete_many_opts(gone, &DeleteOptions::new()).await.into_iter().enumerate() {
        match i {
            1 => drop(t.refuses(one, kind, "one delete of many by a version that is gone")?),
            _ => drop(one.map_err(|e| fail(format_args!("delete_many, item {i}: {e:?}")))?),
        }
    }
    t.expect(&key("mixed/stale"), b"2", "after a conditional delete among many that must fail").await?;
    t.expect_absent(&good(0), "after delete_many").await?;
    t.expect_absent(&good(3), "after delete_many").await?;
    // One version for all of them is refused: it can be that of one at most.
    let all = DeleteOptions::new().with_only(only);
    let gone = vec![DeleteItem { key: key("mixed/stale"), only: None }];
    for one in t.store.delete_many_opts(gone, &all).await {
        t.refuses(one, ErrorKind::Invalid, "delete_many with one version for all")?;
    }
    t.expect(&key("mixed/stale"), b"2", "after a refused delete_many").await?;
    Ok(())
}

async fn twice(t: &T) -> Held {
    let (a, b) = (key("twice/a"), key("twice/b"));
    let items = vec![item(&a, "1"), item(&b, "2"), item(&a, "3"), item(&a, "4")];
    let written = t.store.put_many_opts(items, &Call::default()).await;
    same!(t, written.len(), 4, "outcomes of put_many with repeated keys");
    let mut last = None;
    for one in written {
        last = Some(one?);
    }
    let seen = t.expect(&a, b"4", "after put_many that names it three times").await?;
    same!(t, Some(seen.version()), last.map(|w| w.version), "the version of the last of the three");
    t.expect(&b, b"2", "after put_many").await?;
    if t.g.cas > CasScope::None {
        let mut items = vec![item(&key("twice/c"), "1"), item(&key("twice/c"), "2")];
        items[0].options.pre = Precondition::Absent;
        items[1].options.pre = Precondition::Absent;
        let mut written = t.store.put_many_opts(items, &Call::default()).await.into_iter();
        check!(t, written.next().is_some_and(|w| w.is_ok()), "the first put of an absent key fails");
        let second = written.next().ok_or_else(|| fail("one outcome for two puts"))?;
        t.refuses(second, ErrorKind::Conflict, "the second put of a key that must be absent")?;
        t.expect(&key("twice/c"), b"1", "after two puts of a key that must be absent").await?;
    }
    let got = t.store.get_many_opts(&[a.clone(), b.clone(), a.clone()], &GetOptions::new()).await;
    let got: Vec<_> = got.into_iter().map(|g| g.map(Got::into_body)).collect::<crate::Result<_>>()?;
    let want: Vec<_> = ["4", "2", "4"].map(|v| Some(Bytes::from(v))).into();
    same!(t, got, want, "get_many of a repeated key");
    let gone = [&a, &b, &a].map(|k| DeleteItem { key: k.clone(), only: None });
    let removed = t.store.delete_many_opts(gone.into(), &DeleteOptions::new().with_tell(true)).await;
    let removed: Vec<_> = removed.into_iter().map(|r| r.map(|r| r.existed)).collect::<crate::Result<_>>()?;
    same!(t, removed, [Deleted::Yes, Deleted::Yes, Deleted::No], "delete_many of a repeated key");
    t.expect_absent(&a, "after delete_many").await
}

async fn calls(t: &T) -> Held {
    check!(t, t.store.get_many_opts(&[], &GetOptions::new()).await.is_empty(), "get_many of nothing");
    check!(t, t.store.put_many_opts(vec![], &Call::default()).await.is_empty(), "put_many of nothing");
    let removed = t.store.delete_many_opts(vec![], &DeleteOptions::new()).await;
    check!(t, removed.is_empty(), "delete_many of nothing");
    let over = Call::default().with_deadline(t.env().now());
    let name = key("calls");
    let mut one = item(&name, "done");
    one.options.call = over.clone();
    for written in t.store.put_many_opts(vec![one], &Call::default()).await {
        written.map_err(|e| fail(format_args!("put_many looked at the call of its item: {e:?}")))?;
    }
    t.expect(&name, b"done", "after put_many whose item's own call is over").await?;
    for written in t.store.put_many_opts(vec![item(&name, "late")], &over).await {
        t.refuses(written, ErrorKind::Timeout, "put_many past its deadline")?;
    }
    t.expect(&name, b"done", "after put_many past its deadline").await?;
    Ok(())
}
