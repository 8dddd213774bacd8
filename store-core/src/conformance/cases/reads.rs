//! Reads: what is known about a value, and reads that name a version.

use futures_util::TryStreamExt;

use crate::conformance::case::{Case, Held, T, cases, check, fail, same};
use crate::conformance::values::{key, patterned};
use crate::error::{ErrorKind, Result};
use crate::options::{GetOptions, HeadOptions, PutOptions};
use crate::outcome::{Got, Listed};
use crate::store::Store;
use crate::{Attributes, ByteRange, Key, Meta, Native, Ranges, StoreExt, Version};

pub(super) const CASES: &[Case] = cases![
    "reads.versions": versions = "unless and only: absent, unchanged, conflict or the value, in every way of reading",
    "reads.meta": meta = "get, head and listing know the same about a value, and what they know is true",
    "reads.attributes": attributes = "attributes up to the limit are kept as given, larger ones are refused",
];

/// What a read that names versions must say.
#[derive(Debug, PartialEq)]
enum Answer {
    Absent,
    Unchanged,
    Found(Vec<u8>),
    Conflict,
}

async fn versions(t: &T) -> Held {
    let name = key("versioned");
    let other = t.store.put("other", "another value").await?.version;
    let stale = t.store.put(&name, "a value that is replaced").await?.version;
    let current = t.store.put(&name, "0123456789").await?.version;
    let named = [None, Some(("current", &current)), Some(("stale", &stale)), Some(("another's", &other))];
    let mut ranges = vec![None];
    if t.g.ranges != Ranges::None {
        ranges.push(Some(ByteRange::from(2..5)));
    }
    for key in [&name, &key("never written")] {
        for only in named {
            for unless in named {
                for range in &ranges {
                    let is = |wish: Option<(&str, &Version)>| wish.is_some_and(|(_, v)| *v == current);
                    let want = if key != &name {
                        Answer::Absent
                    } else if only.is_some() && !is(only) {
                        Answer::Conflict
                    } else if is(unless) {
                        Answer::Unchanged
                    } else {
                        Answer::Found(if range.is_some() { b"234".to_vec() } else { b"0123456789".to_vec() })
                    };
                    let what = format!(
                        "{key:?} only {:?} unless {:?} range {range:?}",
                        only.map(|o| o.0),
                        unless.map(|u| u.0)
                    );
                    let mut options = GetOptions::new();
                    options.range = *range;
                    options.only = only.map(|(_, v)| v.clone());
                    options.unless = unless.map(|(_, v)| v.clone());
                    every_way(t, key, &options, &want, &what, &current).await?;
                }
            }
        }
    }
    Ok(())
}

async fn every_way(
    t: &T,
    key: &Key,
    options: &GetOptions,
    want: &Answer,
    what: &str,
    current: &Version,
) -> Held {
    let judge = |way: &str, got: Result<Got<Vec<u8>>>| -> Held {
        let got = match got {
            Ok(Got::Absent) => Answer::Absent,
            Ok(Got::Unchanged(meta)) => {
                same!(t, meta.version.as_ref(), Some(current), "{way} {what}: the version that is unchanged");
                Answer::Unchanged
            }
            Ok(Got::Found { meta, body, .. }) => {
                same!(t, meta.size, Some(10), "{way} {what}: the size of the whole value");
                Answer::Found(body)
            }
            Err(error) if error.is(ErrorKind::Conflict) => {
                same!(t, error.key(), Some(key), "{way} {what}: the key that the conflict names");
                Answer::Conflict
            }
            Err(error) => return Err(fail(format_args!("{way} {what}: {error:?}"))),
        };
        same!(t, got, *want, "{way} {what}");
        Ok(())
    };
    judge("get", t.store.get_opts(key, options).await.map(|got| got.map(|b| b.to_vec())))?;
    if let Some(got) = t.store.try_get(key, options) {
        judge("try_get", got.map(|got| got.map(|b| b.to_vec())))?;
    }
    let streamed = match t.store.get_stream_opts(key, options).await {
        Ok(Got::Found { meta, body, .. }) => {
            crate::derived::collect(body, u64::MAX).await.map(|body| Got::found(meta, body.to_vec()))
        }
        Ok(Got::Absent) => Ok(Got::Absent),
        Ok(Got::Unchanged(meta)) => Ok(Got::Unchanged(meta)),
        Err(error) => Err(error),
    };
    judge("get_stream", streamed)?;
    for got in t.store.get_many_opts(&[key.clone(), key.clone()], options).await {
        judge("get_many", got.map(|got| got.map(|b| b.to_vec())))?;
    }
    let mut head = HeadOptions::new();
    head.only = options.only.clone();
    head.unless = options.unless.clone();
    let found = || match want {
        Answer::Found(value) => value.clone(),
        _ => Vec::new(),
    };
    judge("head", t.store.head_opts(key, &head).await.map(|got| got.map(|()| found())))
}

fn version_of(meta: &Meta) -> &[crate::WriteId] {
    meta.version.as_ref().map_or(&[], |version| version.predecessors())
}

async fn meta(t: &T) -> Held {
    let before = t.env().wall();
    let mut metas: Vec<Meta> = Vec::new();
    for (i, size) in [0usize, 1, 1000, 70_000].into_iter().enumerate() {
        let name = key(format!("meta/{i}"));
        let mut options = PutOptions::new().with_attributes(Attributes::new().set("i", i.to_string()));
        if i % 2 == 1 && t.g.expiry {
            options.expires = Some(t.env().wall() + std::time::Duration::from_secs(100_000));
        }
        let value = patterned(i as u64, size);
        let written = t.store.put_opts(&name, value.clone(), &options).await?;
        let seen = t.expect(&name, &value, "after its put").await?;
        same!(t, seen.meta.write_id, Some(written.write_id), "the write id of {name:?}");
        same!(t, seen.meta.expires, Some(options.expires.into()), "the expiry of {name:?}");
        same!(t, seen.meta.attributes, Some(options.attributes), "the attributes of {name:?}");
        let modified = seen.meta.modified.unwrap_or(std::time::UNIX_EPOCH);
        // A service's clock is another one, and may count seconds.
        let slack = std::time::Duration::from_secs(if t.subject.obeys_clock() { 2 } else { 900 });
        let plausible = modified + slack >= before && modified <= t.env().wall() + slack;
        check!(t, plausible, "{name:?} was written at {before:?}, and says {modified:?}");
        // A tier keeps what it wrote by what the put told.
        if written.modified.is_some() {
            same!(t, written.modified, seen.meta.modified, "the time that the put of {name:?} told");
            same!(t, written.stored_size, seen.meta.stored_size, "the size that the put of {name:?} told");
        }
        same!(
            t,
            written.version.predecessors(),
            version_of(&seen.meta),
            "the chain that the put of {name:?} told"
        );
        metas.push(seen.meta);
    }
    let listed: Vec<Listed> = t.store.list("meta/").try_collect().await?;
    same!(t, listed.len(), metas.len(), "entries of the listing");
    for (listed, meta) in listed.into_iter().zip(&metas) {
        let Some(entry) = listed.into_entry() else { return Err(fail("a listing names what is no entry")) };
        t.same_entry(&entry, meta)?;
    }
    // A second write changes what it should, and keeps nothing of the first.
    let name = key("meta/3");
    t.store.put(&name, "plain").await?;
    let seen = t.expect(&name, b"plain", "after a put without options").await?;
    same!(t, seen.meta.expires, Some(crate::Expires::Never), "the expiry after a put without one");
    same!(t, seen.meta.attributes, Some(Attributes::new()), "the attributes after a put without any");
    check!(t, seen.meta.version != metas[3].version, "two different values with one version");
    Ok(())
}

/// Attributes of exactly `len` encoded bytes.
fn exactly(len: usize) -> Attributes {
    let mut fill = len.saturating_sub(4);
    loop {
        let attributes = Attributes::new().set("n", "x".repeat(fill));
        match attributes.encode() {
            Ok(bytes) if bytes.len() == len => return attributes,
            _ if fill == 0 => return attributes,
            _ => fill -= 1,
        }
    }
}

async fn attributes(t: &T) -> Held {
    let max = t.g.max_attributes;
    let mut given = vec![
        Attributes::new(),
        Attributes::new().set("owner", "anna"),
        Attributes::new().set("", ""),
        Attributes::new().set("Case", "1").set("case", "2").set("schlüssel", "wert \u{1f511}\n\t\"'%"),
        Native::ALL.into_iter().fold(Attributes::new(), |a, n| a.set_native(n, format!("v of {n:?}"))),
        Attributes::new().content_type("text/plain; charset=utf-8").set("content-type", "not the native one"),
    ];
    given.extend([max - 1, max].map(exactly));
    for (i, attributes) in given.iter().enumerate() {
        let size = attributes.encode()?.len();
        if size > max {
            continue;
        }
        let name = key(format!("attributes/{i}"));
        let options = PutOptions::new().with_attributes(attributes.clone());
        t.store.put_opts(&name, "v".into(), &options).await?;
        let seen = t.expect(&name, b"v", "after a put with attributes").await?;
        same!(t, seen.meta.attributes.as_ref(), Some(attributes), "attributes of {size} bytes");
        let body = crate::derived::pieces("streamed".into());
        t.store.put_stream_opts(&name, body, &options).await?;
        let seen = t.expect(&name, b"streamed", "after a stream with attributes").await?;
        same!(t, seen.meta.attributes.as_ref(), Some(attributes), "attributes of {size} bytes of a stream");
    }
    let name = key("attributes/over");
    let over = PutOptions::new().with_attributes(Attributes::new().set("n", "x".repeat(max)));
    let kind = if over.attributes.encode().is_err() { ErrorKind::Invalid } else { ErrorKind::Unsupported };
    t.refuses(t.store.put_opts(&name, "v".into(), &over).await, kind, "a put with too many attributes")?;
    let body = crate::derived::pieces("v".into());
    t.refuses(t.store.put_stream_opts(&name, body, &over).await, kind, "a stream with too many attributes")?;
    t.expect_absent(&name, "after refused puts").await
}
