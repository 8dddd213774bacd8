//! Keys: every text is a key of its own, in the order of its bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::conformance::case::{Case, Held, Stop, T, cases, check, same};
use crate::conformance::values::{key, stream_of};
use crate::error::{ErrorKind, Op};
use crate::guarantees::CasScope;
use crate::options::{
    CopyOptions, DeleteItem, DeleteOptions, GetOptions, HeadOptions, ListOptions, Precondition, PutItem,
    PutOptions, Step,
};
use crate::outcome::{Deleted, Listed};
use crate::store::Store;
use crate::{Call, Key, StoreExt, system};

pub(super) const CASES: &[Case] = cases![
    "keys.odd": odd = "every legal text is a key of its own, listed in the order of its bytes",
    "keys.lengths": lengths = "keys up to the limit are kept, longer ones are refused by every operation",
    "keys.system": system_space = "system keys live apart, conditional writes included, and are never listed",
];

/// Texts that some place in the world treats as something else.
pub(crate) const ODD: &[&str] = &[
    ".",
    "..",
    "...",
    "/",
    "//",
    "///",
    "/a",
    "//a",
    "a",
    "a/",
    "a//",
    "a//b",
    "a/.",
    "a/./b",
    "a/..",
    "a/../b",
    "../../etc/passwd",
    "a-b",
    "a/b",
    "ab",
    "a/b/c",
    "a.",
    "a..",
    "a.b",
    "A",
    "A/b",
    "aB",
    "CON",
    "con",
    "nul.txt",
    "COM1",
    "LPT1/x",
    "aux.",
    " ",
    "  ",
    " a",
    "a ",
    "a /b",
    "%",
    "%%",
    "%2",
    "%2e",
    "%2E",
    "%2E%2e",
    "%2F",
    "%00",
    "%25",
    "a%2Fb",
    "a%b",
    "\\",
    "a\\b",
    "C:\\x",
    "C:/x",
    "a:b",
    "*",
    "?",
    "\"",
    "'",
    "`",
    "<",
    ">",
    "|",
    "a|b",
    "$HOME",
    "~",
    "~/x",
    "-",
    "--",
    "-rf",
    "#",
    "#a",
    "&",
    ";",
    "=",
    "+",
    "a+b",
    "@",
    "!",
    ",",
    "a,b",
    "[a]",
    "{a}",
    "(a)",
    "?x=1",
    "_",
    "__",
    ".tmp",
    ".git",
    ".larder",
    "tmp",
    "system:a",
    "data.mdb",
    "lock.mdb",
    "0",
    "00",
    "01",
    "1",
    "10",
    "2",
    "9",
    "é",
    "e\u{301}",
    "É",
    "ß",
    "ss",
    "SS",
    "ı",
    "I",
    "i",
    "İ",
    "\u{212a}",
    "k",
    "K",
    "ſ",
    "s",
    "ﬁ",
    "fi",
    "\u{3ac}",
    "\u{1f71}",
    "a\u{202e}b",
    "\u{200b}",
    "\u{200d}",
    "\u{feff}",
    "\u{feff}a",
    "\u{2028}",
    "\u{a0}",
    "\u{ad}",
    "\u{fffd}",
    "\u{d7ff}",
    "\u{e000}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{10000}",
    "\u{10ffff}",
    "\u{10ffff}/z",
    "\u{10ffff}\u{10ffff}",
    "😀",
    "😀/😀",
    "日本",
    "日本/語",
    "שלום",
    "مرحبا",
    "א/ב",
    "}",
    "~~",
    "z",
    "zz",
];

async fn odd(t: &T) -> Held {
    // A value is the key's own text behind a mark, so that no empty or swapped value passes.
    let value_of = |text: &str| Bytes::from(format!("value of {text}"));
    let mut model: BTreeMap<&str, Bytes> = ODD.iter().map(|&text| (text, value_of(text))).collect();
    same!(t, model.len(), ODD.len(), "the suite's own texts differ");
    let items = model.iter().map(|(text, value)| (*text, value.clone()));
    for (written, text) in t.store.put_many(items).await?.into_iter().zip(model.keys()) {
        let written =
            written.map_err(|e| crate::conformance::case::fail(format_args!("put {text:?}: {e:?}")))?;
        check!(t, written.settled, "put {text:?}: not settled");
    }
    for (text, value) in &model {
        t.expect(&key(text), value, "after all odd keys were put").await?;
    }
    listed(t, &model).await?;
    for &prefix in ODD {
        let found: Vec<_> = t.store.list(prefix).map_ok(|item| item.name().to_owned()).try_collect().await?;
        let wanted: Vec<_> = model.keys().filter(|k| k.starts_with(prefix)).copied().collect();
        same!(t, found, wanted, "the listing under {prefix:?}");
    }
    // Half of them go, and take none of the others along.
    let gone: Vec<&str> = model.keys().copied().step_by(2).collect();
    for text in gone {
        let removed = t.store.delete(text).await?;
        check!(t, removed.existed != Deleted::No, "delete {text:?}: says that there was none");
        model.remove(text);
        t.expect_absent(&key(text), "after its delete").await?;
    }
    for (text, value) in &model {
        t.expect(&key(text), value, "after every second odd key was deleted").await?;
    }
    listed(t, &model).await?;
    for removed in t.store.delete_many(model.keys().copied()).await? {
        removed?;
    }
    listed(t, &BTreeMap::new()).await
}

async fn listed(t: &T, model: &BTreeMap<&str, Bytes>) -> Held {
    let names = t.names(&*t.store).await?;
    if t.g.listing.ordered {
        same!(t, names, model.keys().copied().collect::<Vec<_>>(), "the listing of all odd keys");
    } else {
        let mut sorted = names;
        sorted.sort();
        same!(t, sorted, model.keys().copied().collect::<Vec<_>>(), "the listing of all odd keys, sorted");
    }
    Ok(())
}

/// Texts of `len` bytes: one segment, many segments, wide characters, escapes.
fn long(len: usize) -> Vec<String> {
    let fill = |unit: &str| {
        let mut text = unit.repeat(len / unit.len());
        text.push_str(&"x".repeat(len - text.len()));
        text
    };
    vec![fill("a"), fill("b/"), fill("é"), fill("😀"), fill("%"), fill("."), fill("/"), fill("c/../")]
}

async fn lengths(t: &T) -> Held {
    let max = t.g.max_key;
    check!(t, (1..=Key::MAX_LEN).contains(&max), "a largest key of {max} bytes");
    let mut texts = Vec::new();
    // Names of files end at 255 bytes, and file stores split before that.
    for len in [1, 2, 239, 240, 241, 254, 255, 256, 257, 479, 480, 511, 512, max - 1, max] {
        if len <= max {
            texts.extend(long(len));
        }
    }
    texts.sort();
    texts.dedup();
    // Two that differ in the last byte alone.
    for end in ["y", "z"] {
        texts.push(format!("{}{end}", "a".repeat(max - 1)));
    }
    texts.sort();
    let items = texts.iter().map(|text| (text.as_str(), text.clone()));
    for (i, written) in t.store.put_many(items).await?.into_iter().enumerate() {
        let named =
            |e| crate::conformance::case::fail(format_args!("put of {} bytes: {e:?}", texts[i].len()));
        written.map_err(named)?;
    }
    for text in &texts {
        t.expect(&key(text), text.as_bytes(), "after all long keys were put").await?;
    }
    if t.g.listing.ordered {
        same!(t, t.names(&*t.store).await?, texts, "the listing of all long keys");
    }
    let past = "b".repeat(3000);
    let found: Vec<Listed> = t.store.list(past.as_str()).try_collect().await?;
    check!(t, found.is_empty(), "a listing under a prefix of 3000 bytes finds {}", found.len());
    let after = ListOptions::new().with_start_after(past);
    let found: Vec<Listed> = t.store.list_opts(after).try_collect().await?;
    let wanted = texts.iter().filter(|text| text.as_str() > "b".repeat(3000).as_str()).count();
    same!(t, found.len(), wanted, "keys after a text of 3000 bytes");

    let before = t.names(&*t.store).await?;
    if max < Key::MAX_LEN {
        for text in long(max + 1).into_iter().chain(long(Key::MAX_LEN)) {
            too_long(t, &key(text), &key(&texts[0])).await?;
        }
        same!(t, t.names(&*t.store).await?, before, "the listing after keys that are too long");
    }
    check!(t, Key::new("x".repeat(Key::MAX_LEN + 1)).is_err(), "a key above the limit of all stores");
    Ok(())
}

/// Every operation refuses `key`, and does nothing.
async fn too_long(t: &T, key: &Key, good: &Key) -> Held {
    let kind = ErrorKind::Unsupported;
    let (store, value) = (&t.store, Bytes::from_static(b"v"));
    let len = key.len();
    if let Some(got) = store.try_get(key, &GetOptions::new()) {
        t.refuses(got, kind, format_args!("try_get of a key of {len} bytes"))?;
    }
    let error =
        t.refuses(store.get_opts(key, &GetOptions::new()).await, kind, format_args!("get of {len}"))?;
    same!(t, error.key(), Some(key), "the key that the error names");
    same!(t, error.op(), Op::Get, "the operation that the error names");
    let stream = store.get_stream_opts(key, &GetOptions::new()).await.map(drop_body);
    t.refuses(stream, kind, format_args!("get_stream of {len}"))?;
    t.refuses(store.head_opts(key, &HeadOptions::new()).await, kind, format_args!("head of {len}"))?;
    let put = store.put_opts(key, value.clone(), &PutOptions::new()).await;
    t.refuses(put, kind, format_args!("put of {len}"))?;
    let put = store.put_stream_opts(key, stream_of(value.clone(), 1, false), &PutOptions::new()).await;
    t.refuses(put, kind, format_args!("put_stream of {len}"))?;
    let delete = store.delete_opts(key, &DeleteOptions::new()).await;
    t.refuses(delete, kind, format_args!("delete of {len}"))?;
    let copy = store.copy_opts(key, good, &CopyOptions::new()).await;
    t.refuses(copy, kind, format_args!("copy from {len}"))?;
    let copy = store.copy_opts(good, key, &CopyOptions::new()).await;
    t.refuses(copy, kind, format_args!("copy to {len}"))?;
    for got in store.get_many_opts(std::slice::from_ref(key), &GetOptions::new()).await {
        t.refuses(got, kind, format_args!("get_many of {len}"))?;
    }
    let item = PutItem { key: key.clone(), value, options: PutOptions::new() };
    for put in store.put_many_opts(vec![item.clone()], &Call::default()).await {
        t.refuses(put, kind, format_args!("put_many of {len}"))?;
    }
    let delete = DeleteItem { key: key.clone(), only: None };
    for removed in store.delete_many_opts(vec![delete], &DeleteOptions::new()).await {
        t.refuses(removed, kind, format_args!("delete_many of {len}"))?;
    }
    t.refuses(store.transact(vec![Step::Put(item)]).await, kind, format_args!("transact of {len}"))?;
    Ok(())
}

/// A stream has no debug form.
pub(crate) fn drop_body<B>(got: crate::Got<B>) -> crate::Got<()> {
    got.map(drop)
}

async fn system_space(t: &T) -> Held {
    let texts = ["a", "a/b", "..", "lease/1", "é", "\u{10ffff}"];
    let system = |text: &str| system::key(text).expect("legal");
    for text in texts {
        t.store.put(system(text), format!("system {text}")).await?;
    }
    same!(
        t,
        t.names(&*t.store).await?,
        Vec::<String>::new(),
        "the listing of a store with system keys alone"
    );
    for text in texts {
        t.expect_absent(&key(text), "with a system key of the same text").await?;
        t.store.put(text, format!("user {text}")).await?;
    }
    for text in texts {
        let user = t.expect(&key(text), format!("user {text}").as_bytes(), "beside a system key").await?;
        let own = t.expect(&system(text), format!("system {text}").as_bytes(), "beside a user's key").await?;
        check!(
            t,
            own.meta.key.is_system() && !user.meta.key.is_system(),
            "metas of {text:?} name a wrong space"
        );
    }
    let listed = |space: fn(ListOptions) -> ListOptions, options: ListOptions| async move {
        let items: Vec<Listed> = t.store.list_opts(space(options)).try_collect().await?;
        Ok::<_, Stop>(items.into_iter().filter_map(Listed::into_entry).map(|m| m.key).collect::<Vec<_>>())
    };
    let mut sorted = texts;
    sorted.sort();
    let user: Vec<Key> = sorted.iter().map(key).collect();
    let own: Vec<Key> = sorted.iter().map(|text| system(text)).collect();
    same!(t, listed(|o| o, ListOptions::new()).await?, user, "the listing of users' keys");
    // A store may keep system keys of its own: they stand beside ours.
    let all = listed(system::listing, ListOptions::new()).await?;
    check!(t, all.iter().all(Key::is_system), "the system's listing names users' keys: {all:?}");
    let ours: Vec<Key> = all.into_iter().filter(|k| own.contains(k)).collect();
    same!(t, ours, own, "the listing of system keys");
    let under = listed(system::listing, ListOptions::new().with_prefix("lease/")).await?;
    same!(t, under, [system("lease/1")], "the listing of system keys under a prefix");

    conditions(t).await?;

    t.store.delete(system("a")).await?;
    t.expect_absent(&system("a"), "after the delete of the system key").await?;
    t.expect(&key("a"), b"user a", "after the delete of the system key").await?;
    t.store.delete(key("..")).await?;
    t.expect(&system(".."), b"system ..", "after the delete of the user's key").await?;
    let copied = t.store.copy(system("é"), system("copy")).await?;
    check!(t, matches!(copied, crate::Copied::Done(_)), "a copy of a system key: {copied:?}");
    t.expect(&system("copy"), "system é".as_bytes(), "after its copy").await?;
    t.expect_absent(&key("copy"), "after a copy in the system's space").await
}

async fn conditions(t: &T) -> Held {
    let lease = system::key("lease/1").expect("legal");
    let before = t.see(&lease).await?;
    let absent = PutOptions::new().with_pre(Precondition::Absent);
    if t.g.cas == CasScope::None {
        let put = t.store.put_opts(&lease, Bytes::new(), &absent).await;
        t.refuses(put, ErrorKind::Unsupported, "a conditional put of a system key")?;
        t.not_offered("cas");
        return t.expect_same(&lease, &before, "after a refused put").await;
    }
    let put = t.store.put_opts(&lease, Bytes::new(), &absent).await;
    t.refuses(put, ErrorKind::Conflict, "a put of a system key that must be absent")?;
    t.expect_same(&lease, &before, "after a conflict").await?;
    let version = before.as_ref().map(|seen| seen.version()).expect("it was put");
    t.store.put_if_matches(&lease, "renewed", version.clone()).await?;
    t.expect(&lease, b"renewed", "after a conditional put").await?;
    let stale = t.store.put_if_matches(&lease, "stolen", version.clone()).await;
    t.refuses(stale, ErrorKind::Conflict, "a put of a system key over a version that is gone")?;
    if t.g.conditional_delete {
        let stale = t.store.delete_opts(&lease, &DeleteOptions::new().with_only(version)).await;
        t.refuses(stale, ErrorKind::Conflict, "a delete of a system key by a version that is gone")?;
    }
    t.expect(&lease, b"renewed", "after conflicts").await?;
    Ok(())
}
