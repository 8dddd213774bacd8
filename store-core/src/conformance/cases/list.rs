//! Listings: complete, in order, from anywhere, compared with the obvious one.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::StoreExt;
use crate::conformance::case::{Case, Held, T, cases, check, fail, same};
use crate::conformance::naive;
use crate::conformance::values::key;
use crate::guarantees::Sharing;
use crate::options::ListOptions;
use crate::outcome::{Durability, Listed};
use crate::store::Store;

pub(super) const CASES: &[Case] = cases![
    "list.pages": pages = "0, 1, 999, 1000 and 1001 keys: whole, from any key, by limits, page by page",
    "list.many": many = "the largest listing: whole, by folders, from any key, page by page",
    "list.tree": tree = "prefix, start-after, delimiter and limit together over a tree of awkward keys",
    "list.live": live = "a listing during writes names what stands throughout exactly once, and outlives its handle",
    "list.open": open = "many listings left open half-way hold up nothing, and go on where they were",
];

/// The names that the store lists. Those of a store without order are sorted.
async fn names(t: &T, store: &dyn Store, options: &ListOptions) -> Held<Vec<String>> {
    let mut names = Vec::new();
    let mut items = store.list_opts(options.clone());
    while let Some(item) = items.try_next().await? {
        match item {
            Listed::Foreign { name, why } => {
                return Err(fail(format_args!("a listing names the foreign {name:?}: {why}")));
            }
            Listed::Entry(ref meta) if meta.key.is_system() => {
                return Err(fail(format_args!("a listing names the system key {:?}", meta.key)));
            }
            item => names.push(item.name().to_owned()),
        }
    }
    if !t.g.listing.ordered {
        names.sort();
    }
    Ok(names)
}

/// One listing against the obvious one.
async fn compare(t: &T, store: &dyn Store, keys: &BTreeSet<String>, options: &ListOptions) -> Held {
    let got = names(t, store, options).await?;
    t.count();
    if !t.g.listing.ordered && options.limit.is_some() {
        t.not_offered("ordered listings");
        check!(t, got.len() <= options.limit.unwrap_or(0), "{} names in {options:?}", got.len());
        return Ok(());
    }
    let want = naive::list(keys, options);
    if got == want {
        return Ok(());
    }
    let at = got.iter().zip(&want).position(|(a, b)| a != b).unwrap_or(got.len().min(want.len()));
    let around = |names: &[String]| names[at.saturating_sub(1)..names.len().min(at + 2)].to_vec();
    Err(fail(format_args!(
        "a listing with {options:?} of {} keys: got {} names, expected {}; they differ at {at}: got {:?}, expected {:?}",
        keys.len(),
        got.len(),
        want.len(),
        around(&got),
        around(&want)
    )))
}

async fn fill(store: &dyn Store, keys: &BTreeSet<String>) -> Held {
    let all: Vec<&String> = keys.iter().collect();
    for chunk in all.chunks(5_000) {
        // Not in order, so that no store has an easy time.
        let entries = chunk.iter().rev().map(|name| (name.as_str(), Bytes::from_static(b"v")));
        for written in store.put_many(entries).await? {
            written?;
        }
    }
    Ok(())
}

async fn paged(t: &T, store: &dyn Store, keys: &BTreeSet<String>, page: usize) -> Held {
    if !t.g.listing.ordered {
        return Ok(());
    }
    let mut found: Vec<String> = Vec::new();
    loop {
        let mut options = ListOptions::new().with_limit(page);
        options.start_after = found.last().cloned();
        let next = names(t, store, &options).await?;
        check!(t, next.len() <= page, "{} names in a page of {page}", next.len());
        if next.is_empty() {
            break;
        }
        found.extend(next);
        check!(
            t,
            found.len() <= keys.len(),
            "pages of {page} name more than the {} keys there are",
            keys.len()
        );
    }
    let all = found.iter().eq(keys.iter());
    check!(t, all, "pages of {page} name {} keys of {}, or others", found.len(), keys.len());
    Ok(())
}

/// Listings from and around some keys, and with limits around some counts.
async fn around(t: &T, store: &dyn Store, keys: &BTreeSet<String>) -> Held {
    let all: Vec<&String> = keys.iter().collect();
    let n = all.len();
    for at in [0, 1, n / 2, 997, 998, 999, 1000, n.wrapping_sub(2), n.wrapping_sub(1)] {
        let Some(name) = all.get(at) else { continue };
        compare(t, store, keys, &ListOptions::new().with_start_after(name.as_str()).with_limit(1_100))
            .await?;
        // Between two keys.
        let between = format!("{name}\u{0}");
        compare(t, store, keys, &ListOptions::new().with_start_after(between).with_limit(3)).await?;
        compare(t, store, keys, &ListOptions::new().with_prefix(name.as_str())).await?;
    }
    for limit in [0, 1, 998, 999, 1000, 1001, 1002, n, n + 1] {
        // Of the largest listing only once the whole.
        if limit > 5_000 {
            continue;
        }
        compare(t, store, keys, &ListOptions::new().with_limit(limit)).await?;
    }
    for after in ["", "\u{0}", "zzz", "\u{10ffff}"] {
        compare(t, store, keys, &ListOptions::new().with_start_after(after).with_limit(1_001)).await?;
    }
    compare(t, store, keys, &ListOptions::new().with_prefix("zzz")).await
}

async fn pages(t: &T) -> Held {
    for n in [0usize, 1, 999, 1000, 1001] {
        let keys: BTreeSet<String> = (0..n).map(|i| format!("{:04}", (i * 9) % 10_007)).collect();
        let (_, store) = t.fresh().await?;
        fill(&*store, &keys).await?;
        compare(t, &*store, &keys, &ListOptions::new()).await?;
        around(t, &*store, &keys).await?;
        compare(t, &*store, &keys, &ListOptions::new().with_prefix("0")).await?;
        for page in [1usize, 333, 1000] {
            if page > 1 || n < 10 {
                paged(t, &*store, &keys, page).await?;
            }
        }
    }
    Ok(())
}

fn scale(t: &T) -> usize {
    // Where every key is a file or a request of its own, making them takes longer than listing them.
    let each_alone = t.g.durability > Durability::Process && t.g.batches.put.is_none();
    t.options.scale.unwrap_or(if each_alone { 10_000 } else { 100_000 })
}

async fn many(t: &T) -> Held {
    let n = scale(t);
    // Half of them flat, half in folders of some hundreds.
    let name = |i: usize| match i % 2 {
        0 => format!("flat-{i:07}"),
        _ => format!("tree/{:03}/{i:07}", (i / 2) % 211),
    };
    let keys: BTreeSet<String> = (0..n).map(name).collect();
    fill(&*t.store, &keys).await?;
    let store = &*t.store;
    compare(t, store, &keys, &ListOptions::new()).await?;
    around(t, store, &keys).await?;
    paged(t, store, &keys, (n / 7).max(1)).await?;
    for delimiter in ["/", "0"] {
        compare(t, store, &keys, &ListOptions::new().with_delimiter(delimiter)).await?;
    }
    for prefix in ["tree/", "tree/1", "tree/100/", "flat-000"] {
        if prefix.len() > 5 {
            compare(t, store, &keys, &ListOptions::new().with_prefix(prefix)).await?;
        }
        compare(t, store, &keys, &ListOptions::new().with_prefix(prefix).with_delimiter("/")).await?;
    }
    let folders = ListOptions::new().with_prefix("tree/").with_delimiter("/");
    compare(t, store, &keys, &folders.clone().with_start_after("tree/100/").with_limit(7)).await?;
    compare(t, store, &keys, &folders.clone().with_start_after("tree/100/5").with_limit(7)).await?;
    compare(t, store, &keys, &folders.with_start_after("tree/100").with_limit(7)).await
}

/// Keys that sort around the separators, nest, and are prefixes of each other.
const TREE: &[&str] = &[
    "a",
    "a-b",
    "a.",
    "a/",
    "a//",
    "a//b",
    "a/b",
    "a/b-",
    "a/b/",
    "a/b/c",
    "a/b/c/d",
    "a/b0",
    "a/c",
    "a0",
    "ab",
    "ab/c",
    "b",
    "b/",
    "b/x",
    "b/x/y/z",
    "b0",
    "é",
    "é/1",
    "é/é",
    "éa",
    "~",
    "\u{10ffff}",
    "\u{10ffff}/z",
    "/",
    "//",
    "/a",
    "../a",
    "..",
    ".",
    "./a",
    "A",
    "A/b",
    "%2F",
    "a%2Fb",
    "tree/00",
    "tree/01",
    "tree/02/x",
    "tree/02/y",
];

async fn tree(t: &T) -> Held {
    let keys: BTreeSet<String> = TREE.iter().map(|&k| k.to_owned()).collect();
    fill(&*t.store, &keys).await?;
    // System keys stand among them, and are never seen.
    for text in ["a", "a/b", "tree/03", "~~"] {
        t.store.put(crate::system::key(text)?, "system").await?;
    }
    let prefixes = [
        "",
        "a",
        "a/",
        "a//",
        "a/b",
        "a/b/",
        "b",
        "b/x",
        "é",
        "\u{10ffff}",
        "/",
        ".",
        "tree/",
        "t",
        "x",
        "%",
    ];
    let afters = [
        "",
        "/",
        "a",
        "a-",
        "a/",
        "a/b",
        "a/b/",
        "a/b/c",
        "a/b\u{ff}",
        "a0",
        "b/",
        "b/x/",
        "é",
        "é/",
        "\u{10ffff}",
        "\u{10ffff}/",
        "\u{10ffff}\u{10ffff}",
        "tree/02/",
        "tree/02/x",
        "\u{0}",
        "a\u{0}",
        "\u{7f}",
        "zz",
    ];
    let delimiters = [None, Some("/"), Some("//"), Some("b"), Some("é"), Some("-"), Some(""), Some("/b")];
    let limits = [None, Some(0), Some(1), Some(2), Some(5)];
    let mut rng = t.rng();
    // All of them where a listing is not a request, and time is no matter; each has its turn in some run.
    let quick = t.options.scale.is_some_and(|scale| scale < 10_000);
    let share = if t.g.sharing == Sharing::Process && !quick { 1 } else { 20 };
    let share_without_limit = if t.g.sharing == Sharing::Global && quick { 4 } else { 1 };
    for prefix in prefixes {
        for after in afters {
            for delimiter in delimiters {
                for limit in limits {
                    if !rng.one_in(if limit.is_some() { share } else { share_without_limit }) {
                        continue;
                    }
                    let mut options = ListOptions::new().with_prefix(prefix);
                    options.start_after = (!after.is_empty() || limit == Some(5)).then(|| after.to_owned());
                    options.delimiter = delimiter.map(Into::into);
                    options.limit = limit;
                    compare(t, &*t.store, &keys, &options).await?;
                }
            }
        }
    }
    Ok(())
}

async fn live(t: &T) -> Held {
    let stay: BTreeSet<String> = (0..1_200).map(|i| format!("stay/{:04}", i * 3)).collect();
    fill(&*t.store, &stay).await?;
    let handle: Arc<dyn Store> = t.store.clone();
    let mut items = handle.list_opts(ListOptions::new().with_prefix("stay/"));
    drop(handle);
    let mut found: Vec<String> = Vec::new();
    let mut guests: BTreeSet<String> = BTreeSet::new();
    let mut step = 0usize;
    while let Some(item) = items.try_next().await? {
        // Keys come and go before, at and behind the place where the listing is.
        if step % 100 == 50 {
            for near in [step.saturating_sub(40), step, step + 1, step + 60] {
                let name = format!("stay/{:04}+", near * 3);
                t.store.put(name.as_str(), "guest").await?;
                guests.insert(name.clone());
                if step % 200 == 50 {
                    t.store.delete(name).await?;
                }
            }
            t.store.put(format!("stay/{:04}", step * 3), "changed").await?;
        }
        step += 1;
        let ordered = found.last().is_none_or(|last| last.as_str() < item.name()) || !t.g.listing.ordered;
        check!(t, ordered, "{:?} is listed behind {:?}", item.name(), found.last());
        found.push(item.name().to_owned());
    }
    let of_stay = found.iter().filter(|name| stay.contains(*name)).count();
    same!(t, of_stay, stay.len(), "keys that stand throughout, named by a listing during writes");
    let others: Vec<_> = found.iter().filter(|n| !stay.contains(*n) && !guests.contains(*n)).collect();
    check!(t, others.is_empty(), "a listing during writes names {others:?}, which nobody wrote");
    let mut once = found.clone();
    once.sort();
    once.dedup();
    same!(t, once.len(), found.len(), "different names in a listing during writes");
    Ok(())
}

async fn open(t: &T) -> Held {
    const OPEN: usize = 300;
    let keys: BTreeSet<String> = (0..50).map(|i| format!("{i:02}")).collect();
    fill(&*t.store, &keys).await?;
    let mut listings = Vec::new();
    for i in 0..OPEN {
        let mut items = t.store.list_opts(ListOptions::new());
        let first = items.try_next().await?;
        check!(t, first.is_some(), "listing {i} of many that are open is empty");
        listings.push(items);
    }
    t.store.put("07", "changed").await?;
    t.store.put("zz", "new").await?;
    t.expect(&key("zz"), b"new", "with many listings open").await?;
    for (i, mut items) in listings.into_iter().enumerate() {
        // Some are left, some are seen out.
        if i % 10 == 0 {
            let rest: Vec<Listed> = items.try_collect().await?;
            check!(t, (49..=50).contains(&rest.len()), "listing {i} goes on with {} keys", rest.len());
        } else if i % 10 == 1 {
            check!(t, items.try_next().await?.is_some(), "listing {i} does not go on");
        }
    }
    let mut all = keys;
    all.insert("zz".to_owned());
    compare(t, &*t.store, &all, &ListOptions::new()).await
}
