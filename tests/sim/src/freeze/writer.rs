//! Another writer of the origin, past the fence: as if on another machine, which is never frozen.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use larder_store_core::config::StoreConfig;
use larder_store_core::{Call, DeleteOptions, PutOptions, Store};

use super::truth::{MOST, Truth};
use super::{OUTSIDE, name};
use crate::rng::Rng;
use crate::{Outcome, stores, value};

/// Writes until it is to stop; how often it did.
pub(super) fn write(origin: &Path, truth: &Truth, seed: u64, stop: &AtomicBool) -> Outcome<u64> {
    let path = origin.to_str().ok_or("the folder's name is not UTF-8")?;
    let config = StoreConfig::new("file", path).with_param("sync", "none");
    stores::block_on(async {
        let store = stores::open(&config).await?;
        let (mut rng, mut writes) = (Rng::new(seed), 0);
        while !stop.load(Ordering::Relaxed) {
            let key = rng.below(OUTSIDE);
            if truth.begun(key)? == MOST {
                return Err("there were more writes than are kept: fewer freezes, please".into());
            }
            let (name, removes) = (name(key), rng.one_in(6));
            let number = truth.begin(key, removes)?;
            match removes {
                true => drop(store.delete_opts(&name, &DeleteOptions::new()).await?),
                false => {
                    // Most are small, and some are streamed.
                    let len = if rng.one_in(8) { rng.between(70_000, 90_000) } else { rng.between(40, 2000) };
                    let body = value::make(name.as_str(), number, len as usize);
                    store.put_opts(&name, body, &PutOptions::new()).await?;
                }
            }
            truth.end(key, number)?;
            writes += 1;
            std::thread::sleep(Duration::from_micros(rng.between(500, 12_000)));
        }
        store.close(&Call::default()).await?;
        Ok(writes)
    })
}
