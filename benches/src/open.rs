//! Our stores, opened as their users open them: by URL, behind `dyn`.

use std::path::Path;
use std::sync::Arc;

use larder::{Call, PutItem, PutOptions, Result, Store, StoreExt};
use tokio::runtime::Runtime;

use crate::workload::Workload;

/// Values that a load keeps in memory at a time, in bytes.
const LOAD_BYTES: usize = 4 << 20;

/// Opens the store of a scheme in a folder.
pub(crate) fn folder(runtime: &Runtime, scheme: &str, path: &Path) -> crate::error::Result<Arc<dyn Store>> {
    let path = path.to_str().ok_or("the folder's name is no text")?;
    // What a URL gives a meaning of its own.
    let place: String = path
        .chars()
        .map(|c| match c {
            '%' | '?' | '#' | '|' => format!("%{:02X}", c as u32),
            c => c.to_string(),
        })
        .collect();
    Ok(runtime.block_on(larder::open(&format!("{scheme}:{place}")))?)
}

/// Writes every value of a workload.
pub(crate) fn load(runtime: &Runtime, store: &dyn Store, workload: &Workload) -> Result<()> {
    let together = (LOAD_BYTES / workload.value_len().max(1)).clamp(1, 10_000);
    let all: Vec<usize> = (0..workload.len()).collect();
    for some in all.chunks(together) {
        let entries = some.iter().map(|&i| PutItem {
            key: workload.key(i).clone(),
            value: workload.bytes(i),
            options: PutOptions::default(),
        });
        let done = runtime.block_on(store.put_many_opts(entries.collect(), &Call::default()));
        done.into_iter().collect::<Result<Vec<_>>>()?;
    }
    runtime.block_on(store.flush(&Call::default()))
}

/// Reads every value of a workload and compares it, so that what is measured next is known to be right, and warm.
pub(crate) fn verify(
    runtime: &Runtime,
    store: &Arc<dyn Store>,
    workload: &Workload,
) -> crate::error::Result<()> {
    for i in 0..workload.len() {
        let value = runtime.block_on(store.get(workload.key(i)))?;
        if value.as_deref() != Some(&workload.value(i)[..]) {
            return Err(format!("{} gave another value for {}", store.id(), workload.key(i)).into());
        }
    }
    Ok(())
}

/// Closes a store.
pub(crate) fn close(runtime: &Runtime, store: &Arc<dyn Store>) -> Result<()> {
    runtime.block_on(store.close(&Call::default()))
}
