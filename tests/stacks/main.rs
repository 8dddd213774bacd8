//! The conformance suite on stacks.
#![cfg(all(feature = "memory", feature = "file", feature = "lmdb"))]

mod subject;

use larder::Durability::{Durable, Host};
use subject::{check, check_inside};

#[tokio::test(flavor = "multi_thread")]
async fn memory_file() {
    check("memory/file", "memory_file", Host, |folder| {
        format!("memory:?capacity=64MiB | file:{}/origin?sync=none&fresh=always", folder.display())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_lmdb_file() {
    check("memory/lmdb/file", "memory_lmdb_file", Durable, |folder| {
        let at = folder.display();
        format!(
            "memory:?capacity=64MiB | lmdb:{at}/cache?capacity=256MiB | file:{at}/origin?fresh=sole_writer"
        )
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lmdb_lmdb() {
    check("lmdb/lmdb", "lmdb_lmdb", Host, |folder| {
        let at = folder.display();
        format!("lmdb:{at}/cache?capacity=256MiB | lmdb:{at}/origin?sync=none&fresh=sole_writer")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tier_inside_a_tier() {
    check_inside("memory/(lmdb/file)", "a_tier_inside_a_tier", Host, |folder| {
        let at = folder.display();
        format!("lmdb:{at}/cache?capacity=256MiB | file:{at}/origin?sync=none&fresh=sole_writer")
    })
    .await;
}
