//! Sizes of values: nothing, a byte, and every boundary with its neighbours.

use bytes::Bytes;

use crate::conformance::case::{Case, Held, T, cases, check, same};
use crate::conformance::values::{key, patterned, sizes, stream_of};
use crate::error::ErrorKind;
use crate::options::PutOptions;
use crate::outcome::ByteStream;
use crate::store::Store;
use crate::{Deleted, StoreExt};

pub(super) const CASES: &[Case] = cases![
    "sizes.whole": whole = "values of every size come back, whatever stood there before",
    "sizes.streamed": streamed = "streamed values of every size come back, in pieces of any size",
    "sizes.limit": limit = "a value above the limit is refused by its size hint, before a byte is read",
    "sizes.empty": empty = "empty, absent and error are three different answers",
];

/// The boundaries that the suite knows.
const KNOWN: [u64; 4] = [64 << 10, 128 << 10, 1 << 20, 16 << 20];

pub(super) fn of(t: &T) -> Vec<usize> {
    let mut boundaries = KNOWN.to_vec();
    boundaries.extend(t.subject.boundaries());
    sizes(&boundaries, t.options.largest.min(t.g.max_value))
}

async fn whole(t: &T) -> Held {
    let sizes = of(t);
    for (i, &size) in sizes.iter().enumerate() {
        let value = patterned(t.seed ^ size as u64, size);
        let written = t.store.put(format!("whole/{size}"), value.clone()).await?;
        same!(t, written.durability, t.g.durability, "the durability of a put of {size} bytes");
        let seen = t.expect(&key(format!("whole/{size}")), &value, "after its put").await?;
        same!(t, seen.version(), written.version, "the version of a put of {size} bytes");
        // Over another one: larger over smaller, then smaller over larger.
        let small: Vec<usize> = sizes.iter().copied().filter(|s| *s <= 2 << 20).collect();
        let other = small[(i * 7 + 3) % small.len()];
        for next in [size, other] {
            let value = patterned(t.seed ^ (next as u64) << 1, next);
            t.store.put("over", value.clone()).await?;
            t.expect(&key("over"), &value, "after a put over another size").await?;
        }
        t.store.delete(format!("whole/{size}")).await?;
        t.expect_absent(&key(format!("whole/{size}")), "after its delete").await?;
    }
    Ok(())
}

async fn streamed(t: &T) -> Held {
    let mut rng = t.rng();
    for (i, size) in of(t).into_iter().enumerate() {
        let value = patterned(t.seed ^ (size as u64) << 2, size);
        // Pieces of a few bytes only where they are not a million.
        let least = (size / 2000).max(1);
        let piece = least + rng.below(size.max(2));
        let mut options = PutOptions::new();
        if i % 2 == 0 {
            options.size_hint = Some(size as u64);
        }
        let name = key(format!("streamed/{}", i % 3));
        let all = [piece, least, 64 << 10];
        for piece in if size > 2 << 20 { &all[i % 3..=i % 3] } else { &all[..] } {
            let body = stream_of(value.clone(), *piece, rng.one_in(2));
            let written = t.store.put_stream_opts(&name, body, &options).await?;
            same!(t, written.durability, t.g.durability, "the durability of a stream of {size} bytes");
        }
        t.expect(&name, &value, &format!("after a stream of {size} bytes")).await?;
    }
    // Pieces without bytes are no end.
    let odd: Vec<crate::Result<Bytes>> =
        [&b""[..], b"a", b"", b"", b"bc", b""].into_iter().map(|b| Ok(Bytes::from_static(b))).collect();
    let body: ByteStream = Box::pin(futures_util::stream::iter(odd));
    t.store.put_stream("streamed/odd", body).await?;
    t.expect(&key("streamed/odd"), b"abc", "after a stream with empty pieces").await?;
    Ok(())
}

async fn limit(t: &T) -> Held {
    let name = key("limit");
    t.store.put(&name, "before").await?;
    let before = t.see(&name).await?;
    // A hint is no promise: it is refused at the end, or where the store takes room ahead, and nothing breaks.
    let hint = PutOptions::new().with_size_hint(t.g.max_value.min(1 << 40));
    let short = t.store.put_stream_opts(&name, stream_of("abc".into(), 1, false), &hint).await;
    match short {
        Err(error) if error.is(ErrorKind::Full) => t.count(),
        short => drop(t.refuses(short, ErrorKind::Invalid, "a stream far shorter than its size hint")?),
    }
    t.expect_same(&name, &before, "after a stream that was too short").await?;
    // Where no size is above the limit, there is nothing to refuse.
    let Some(over) = t.g.max_value.checked_add(1) else { return Ok(()) };
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let body: ByteStream = Box::pin(futures_util::stream::poll_fn({
        let asked = asked.clone();
        move |_| {
            asked.store(true, std::sync::atomic::Ordering::Relaxed);
            std::task::Poll::Ready(None)
        }
    }));
    let put = t.store.put_stream_opts(&name, body, &PutOptions::new().with_size_hint(over)).await;
    t.refuses(put, ErrorKind::Unsupported, format_args!("a stream of {over} bytes by its hint"))?;
    let asked = asked.load(std::sync::atomic::Ordering::Relaxed);
    check!(t, !asked, "a stream above the limit was read before it was refused");
    t.expect_same(&name, &before, "after a refused stream").await?;
    if over <= t.options.largest {
        let value = patterned(t.seed, over as usize);
        let put = t.store.put(&name, value.clone()).await;
        t.refuses(put, ErrorKind::Unsupported, format_args!("a value of {over} bytes"))?;
        let put = t.store.put_stream(&name, stream_of(value, 64 << 10, false)).await;
        t.refuses(put, ErrorKind::Unsupported, format_args!("a stream of {over} bytes without a hint"))?;
        t.expect_same(&name, &before, "after a refused value").await?;
    }
    Ok(())
}

async fn empty(t: &T) -> Held {
    let name = key("empty");
    t.expect_absent(&name, "in a new store").await?;
    let removed = t.store.delete(&name).await?;
    check!(t, removed.existed != Deleted::Yes, "delete of an absent key: {removed:?}");
    t.store.put(&name, "").await?;
    t.expect(&name, b"", "after a put of nothing").await?;
    same!(t, t.names(&*t.store).await?, ["empty"], "the listing with an empty value");
    check!(t, t.store.exists(&name).await?, "an empty value does not exist");
    t.store.put(&name, "x").await?;
    t.expect(&name, b"x", "after a put over nothing").await?;
    t.store.put_stream(&name, Box::pin(futures_util::stream::empty())).await?;
    t.expect(&name, b"", "after a stream of nothing").await?;
    let removed = t.store.delete_opts(&name, &crate::DeleteOptions::new().with_tell(true)).await?;
    same!(t, removed.existed, Deleted::Yes, "delete of an empty value that is asked to tell");
    t.expect_absent(&name, "after its delete").await?;
    let removed = t.store.delete_opts(&name, &crate::DeleteOptions::new().with_tell(true)).await?;
    same!(t, removed.existed, Deleted::No, "a second delete that is asked to tell");
    Ok(())
}
