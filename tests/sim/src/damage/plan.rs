//! What the store holds before it is damaged.

use std::sync::Arc;

use larder_store_core::{Call, DeleteOptions, Key, PutOptions, Store};

use crate::Outcome;
use crate::rng::Rng;
use crate::value::{self, WriteNo};

/// One value that is stored.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) key: Key,
    pub(super) write: WriteNo,
    pub(super) len: usize,
}

/// Sizes, least and most, and how many values of them.
const SIZES: &[(u64, u64, usize)] = &[
    (40, 300, 30),
    (300, 1_900, 8),
    (2_000, 20_000, 6),
    (65_000, 66_000, 2),
    (150_000, 200_000, 1),
    (1_050_000, 1_060_000, 1),
];

/// The values of a seed.
pub(super) fn values(seed: u64) -> Vec<Stored> {
    let mut rng = Rng::part(seed, 1);
    let mut values = Vec::new();
    for (least, most, n) in SIZES {
        for _ in 0..*n {
            let i = values.len();
            let name = match i % 4 {
                0 => format!("flat-{i}"),
                1 => format!("folder/{i}"),
                2 => format!("folder/deeper/{}/{i}", i % 3),
                _ => format!("{}{i}", "long".repeat(20)),
            };
            let key = Key::new(name).expect("it is legal");
            values.push(Stored { key, write: 1000 + i as u64, len: rng.between(*least, *most) as usize });
        }
    }
    values
}

/// Stores them, with some history: values that were written over, and others that were deleted.
pub(super) async fn fill(store: &Arc<dyn Store>, seed: u64) -> Outcome {
    let mut rng = Rng::part(seed, 2);
    let values = values(seed);
    let put = async |key: &Key, write, len| {
        store.put_opts(key, value::make(key.as_str(), write, len), &PutOptions::new()).await
    };
    for (i, stored) in values.iter().enumerate() {
        if rng.one_in(3) {
            put(&stored.key, 10 + i as u64, rng.between(40, 30_000) as usize).await?;
        }
        if rng.one_in(4) {
            let passing = Key::new(format!("passing/{i}"))?;
            put(&passing, 5, rng.between(40, 100_000) as usize).await?;
            store.delete_opts(&passing, &DeleteOptions::new()).await?;
        }
    }
    for stored in &values {
        put(&stored.key, stored.write, stored.len).await?;
    }
    store.flush(&Call::default()).await?;
    Ok(())
}
