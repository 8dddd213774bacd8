//! Ranges: at both ends, past them, around every block, and on nothing.

use bytes::Bytes;

use crate::conformance::case::{Case, Held, Stop, T, cases, check, fail, same};
use crate::conformance::see::differ;
use crate::conformance::values::{key, patterned};
use crate::error::ErrorKind;
use crate::options::GetOptions;
use crate::outcome::Got;
use crate::store::Store;
use crate::{ByteRange, Key, Ranges, StoreExt};

pub(super) const CASES: &[Case] = cases![
    "ranges.ends": ends = "ranges at and past both ends, suffixes, and ranges of an empty value",
    "ranges.blocks": blocks = "ranges around every boundary of a large value, and some anywhere",
];

/// One range, read in every way, against the obvious.
async fn range(t: &T, key: &Key, value: &Bytes, range: ByteRange) -> Held {
    let options = GetOptions::new().with_range(range);
    let size = value.len() as u64;
    let want = range.resolve(size).map(|r| value.slice(r.start as usize..r.end as usize));
    let mut answers = vec![("get", t.store.get_opts(key, &options).await)];
    answers.extend(t.store.try_get(key, &options).map(|got| ("try_get", got)));
    let streamed = match t.store.get_stream_opts(key, &options).await {
        Ok(Got::Found { meta, body, served }) => {
            let body = crate::derived::collect(body, u64::MAX).await;
            body.map(|body| Got::Found { meta, body, served })
        }
        Ok(other) => Ok(other.map(|_| Bytes::new())),
        Err(error) => Err(error),
    };
    answers.push(("get_stream", streamed));
    for (way, got) in answers {
        let what = format!("{way} {range:?} of {key:?}, which has {size} bytes");
        match (&want, got) {
            (Ok(want), Ok(Got::Found { meta, body, .. })) => {
                t.count();
                if body != want {
                    return Err(fail(format_args!("{what}: {}", differ(&body, want))));
                }
                same!(t, meta.size, Some(size), "{what}: the size of the whole value");
            }
            (Ok(_), got) => return Err(fail(format_args!("{what}: got {:?}", got.map(drop)))),
            (Err(want), got) => {
                let error = t.refuses(got.map(drop), ErrorKind::Invalid, &what)?;
                let sizes = (error.unsatisfied_range(), want.unsatisfied_range());
                check!(
                    t,
                    sizes.0 == sizes.1,
                    "{what}: the size in the error is {:?}, not {:?}",
                    sizes.0,
                    sizes.1
                );
            }
        }
    }
    Ok(())
}

/// Refused by name where there are none.
async fn none(t: &T) -> Held {
    let name = key("refused");
    t.store.put(&name, "0123456789").await?;
    let options = GetOptions::new().with_range(0..1);
    let kind = ErrorKind::Unsupported;
    t.refuses(t.store.get_opts(&name, &options).await, kind, "a range")?;
    if let Some(got) = t.store.try_get(&name, &options) {
        t.refuses(got, kind, "a range by try_get")?;
    }
    let got = t.store.get_stream_opts(&name, &options).await;
    t.refuses(got.map(|got| got.map(drop)), kind, "a range by get_stream")?;
    for got in t.store.get_many_opts(&[name], &options).await {
        t.refuses(got, kind, "a range by get_many")?;
    }
    Err(Stop::Refused("ranges"))
}

async fn ends(t: &T) -> Held {
    if t.g.ranges == Ranges::None {
        return none(t).await;
    }
    for size in [0u64, 1, 2, 10] {
        let (name, value) = (key(format!("ends/{size}")), patterned(size, size as usize));
        t.store.put(&name, value.clone()).await?;
        for start in 0..=size + 2 {
            for end in 0..=size + 2 {
                range(t, &name, &value, ByteRange::from(start..end)).await?;
            }
            range(t, &name, &value, ByteRange::from(start..)).await?;
            range(t, &name, &value, ByteRange::suffix(start)).await?;
        }
        for far in [
            ByteRange::from(0..u64::MAX),
            ByteRange::from(u64::MAX - 1..u64::MAX),
            ByteRange::from(u64::MAX..),
            ByteRange::suffix(u64::MAX),
            ByteRange::from(size.saturating_sub(1)..u64::MAX),
        ] {
            range(t, &name, &value, far).await?;
        }
    }
    // An absent key has no range that is wrong, only one that is empty in itself.
    let name = key("ends/never written");
    let got = t.store.get_opts(&name, &GetOptions::new().with_range(5..9)).await?;
    check!(t, got == Got::Absent, "a range of an absent key: {got:?}");
    let got = t.store.get_opts(&name, &GetOptions::new().with_range(5..5)).await;
    t.refuses(got, ErrorKind::Invalid, "a range of no bytes")?;
    Ok(())
}

async fn blocks(t: &T) -> Held {
    if t.g.ranges == Ranges::None {
        return none(t).await;
    }
    let mut rng = t.rng();
    let mut boundaries = vec![64u64 << 10, 128 << 10, 1 << 20];
    boundaries.extend(t.subject.boundaries());
    boundaries.retain(|b| *b + 1000 <= t.options.largest.min(t.g.max_value));
    boundaries.sort_unstable();
    boundaries.dedup();
    let last = boundaries.last().copied().unwrap_or(0);
    for size in [65_537u64, last + 777] {
        if size > t.g.max_value {
            continue;
        }
        let (name, value) = (key(format!("blocks/{size}")), patterned(size, size as usize));
        t.store.put_stream(&name, crate::derived::pieces(value.clone())).await?;
        for &b in boundaries.iter().filter(|b| **b <= size) {
            for start in [b - 1, b, b + 1] {
                range(t, &name, &value, ByteRange::from(start..start + 1)).await?;
                range(t, &name, &value, ByteRange::from(start..start + 70_000)).await?;
                range(t, &name, &value, ByteRange::from(start.saturating_sub(66_000)..start)).await?;
            }
            range(t, &name, &value, ByteRange::from(b..)).await?;
            range(t, &name, &value, ByteRange::suffix(b)).await?;
            range(t, &name, &value, ByteRange::suffix(size - b)).await?;
        }
        for _ in 0..40 {
            let start = rng.below(size as usize) as u64;
            let most = *rng.pick(&[3, 70_000, size as usize]);
            let length = 1 + rng.below(most) as u64;
            range(t, &name, &value, ByteRange::from(start..start + length)).await?;
        }
        range(t, &name, &value, ByteRange::from(0..size)).await?;
        range(t, &name, &value, ByteRange::from(size..)).await?;
    }
    Ok(())
}
