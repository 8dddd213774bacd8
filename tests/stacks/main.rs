//! The conformance suite on stacks.
#![cfg(all(feature = "memory", feature = "file", feature = "lmdb"))]

mod subject;

use larder::Durability::Host;
use subject::check;

#[tokio::test(flavor = "multi_thread")]
async fn memory_file() {
    check("memory/file", "memory_file", Host, |folder| {
        format!("memory:?capacity=64MiB | file:{}/origin?sync=none&fresh=always", folder.display())
    })
    .await;
}
