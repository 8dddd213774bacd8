//! What is stored: many small values under names of all kinds.

use std::path::Path;
use std::sync::Arc;

use larder_store_core::config::StoreConfig;
use larder_store_core::{Call, Key, PutItem, PutOptions, Store};

use crate::stores::Kind;
use crate::{Outcome, stores, value};

/// The key of a number: in many folders of all sizes, one of which is huge.
pub(super) fn key(n: u64) -> Key {
    let name = match n % 4 {
        0 => format!("huge/{:x}-{n}", crate::rng::mix(n)),
        1 => format!("{:x}/{:x}/-{n}", n % 241, n % 17),
        2 => format!("top-{n}"),
        _ => format!("a/b/c/{:x}/-{n}", n % 1009),
    };
    Key::new(name).expect("it is legal")
}

/// The length of its value.
pub(super) fn len_of(n: u64) -> usize {
    value::HEAD + (n % 50) as usize
}

/// The value of a key of that number.
pub(super) fn value_of(key: &Key, n: u64) -> bytes::Bytes {
    value::make(key.as_str(), n + 1, len_of(n))
}

/// Fills a store on disk; where it is.
pub(super) fn disk(kind: Kind, folder: &Path, params: &str, keys: u64) -> Outcome<StoreConfig> {
    let config = kind.at(&folder.join("store"), params)?;
    stores::block_on(async {
        let store = stores::open(&config).await?;
        fill(&store, keys).await?;
        store.close(&Call::default()).await?;
        Outcome::Ok(config)
    })
}

async fn fill(store: &Arc<dyn Store>, keys: u64) -> Outcome {
    let all: Vec<u64> = (0..keys).collect();
    for batch in all.chunks(1000) {
        let items = batch
            .iter()
            .map(|&n| {
                let key = key(n);
                let value = value_of(&key, n);
                PutItem { key, value, options: PutOptions::new() }
            })
            .collect();
        for done in store.put_many_opts(items, &Call::default()).await {
            done?;
        }
    }
    Ok(())
}
