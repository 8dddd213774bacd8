//! The dumps that are damaged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::TryStreamExt;
use larder_migrate::{DumpPlace, Encoding, ExportOptions, Report, export};
use larder_store_core::config::StoreConfig;
use larder_store_core::{Attributes, GetOptions, Got, Key, ListOptions, Listed, PutOptions, Store};

use crate::rng::Rng;
use crate::{Outcome, stores, value};

/// An entry as a store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) value: Bytes,
    pub(super) attributes: Attributes,
    pub(super) expires: Option<SystemTime>,
}

/// What a store holds.
pub(super) type Held = BTreeMap<Key, Kept>;

/// A dump as it was written: its parts, and what it was written of.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) parts: Vec<Bytes>,
    pub(super) held: Arc<Held>,
}

/// What a dump holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    /// A handful of entries of every kind: for what is done at each byte.
    Few,
    /// More than a checkpoint's worth of small ones.
    Many,
    /// The same, and some in chunks, one of which is in two segments.
    Chunks,
}

/// An empty store in memory.
pub(super) async fn empty() -> Outcome<Arc<dyn Store>> {
    Ok(stores::open(&StoreConfig::new("memory", "")).await?)
}

/// Makes a dump.
pub(super) async fn make(load: Load, encoding: Encoding, split: Option<u64>, seed: u64) -> Outcome<Image> {
    let source = empty().await?;
    fill(&source, load, seed).await?;
    let held = Arc::new(held(&source).await?);
    let dumps = empty().await?;
    let mut options = ExportOptions::new().with_encoding(encoding);
    options.split = split;
    let report: Report = export(source, DumpPlace::object(dumps.clone(), Key::new("d")?), &options).await?;
    if report.written != held.len() as u64 {
        return Err(format!("{} entries went into a dump of {}", report.written, held.len()).into());
    }
    let mut parts = Vec::new();
    // Their numbers have four digits, so this is their order.
    for (_, part) in self::held(&dumps).await? {
        parts.push(part.value);
    }
    if split.is_some() != (parts.len() > 1) {
        return Err(format!("a dump was made in {} parts", parts.len()).into());
    }
    let encoding = match encoding {
        Encoding::Zstd(_) => "zstd",
        Encoding::Plain => "plain",
        _ => "lines",
    };
    let name = format!("{encoding} {load:?} in {} parts", parts.len());
    Ok(Image { name, parts, held })
}

/// Everything that a store holds.
pub(super) async fn held(store: &Arc<dyn Store>) -> Outcome<Held> {
    let mut held = Held::new();
    let mut items = store.list_opts(ListOptions::new());
    while let Some(item) = items.try_next().await? {
        let Listed::Entry(meta) = item else { return Err(format!("{item:?} is no entry").into()) };
        let Got::Found { meta, body, .. } = store.get_opts(&meta.key, &GetOptions::new()).await? else {
            return Err(format!("{} is listed and absent", meta.key).into());
        };
        let attributes = meta.attributes.clone().unwrap_or_default();
        let expires = meta.expires.and_then(|expires| expires.at());
        held.insert(meta.key, Kept { value: body, attributes, expires });
    }
    Ok(held)
}

async fn fill(store: &Arc<dyn Store>, load: Load, seed: u64) -> Outcome {
    let mut rng = Rng::new(seed);
    let full =
        Attributes::new().content_type("text/plain; charset=utf-8").set("owner", "anna").set("Ünï", "");
    // In 2100.
    let later = UNIX_EPOCH + Duration::new(4_102_444_800, 123_456_789);
    let put = async |key: String, value: Bytes, options: PutOptions| {
        store.put_opts(&Key::new(key)?, value, &options).await?;
        Outcome::Ok(())
    };
    put("facts/both".into(), "b".into(), PutOptions::new().with_attributes(full.clone()).with_expires(later))
        .await?;
    put("facts/expires".into(), "e".into(), PutOptions::new().with_expires(later)).await?;
    put("none".into(), Bytes::new(), PutOptions::new()).await?;
    put("ü/\"quoted\"\\".into(), "{\"text\": \"\\u0041\"}".into(), PutOptions::new()).await?;
    let small = match load {
        Load::Few => 3,
        Load::Many => 1_200,
        Load::Chunks => 1_100,
    };
    for n in 0..small {
        let key = format!("small/{n:05}");
        let len = rng.between(0, 150) as usize;
        // Text and bytes that are none.
        let value = match rng.one_in(3) {
            true => value::make(&key, n + 1, len),
            false => Bytes::from("lorem ipsum dolor sit amet ".repeat(6)[..len].to_owned()),
        };
        put(key, value, PutOptions::new()).await?;
    }
    if load == Load::Chunks {
        // Two chunks of bytes; several of text, which zstd makes small, and which no single segment holds.
        put("chunks/a".into(), value::make("chunks/a", 1, (1 << 20) + 777), PutOptions::new()).await?;
        let text = Bytes::from("all work and no play ".repeat(220_000));
        put("chunks/b".into(), text, PutOptions::new().with_attributes(full)).await?;
    }
    Ok(())
}
