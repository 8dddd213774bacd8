//! The conformance suite, on each kind of server, and below fronts.

use larder_store_core::conformance::Options;

use crate::subject::{On, Tested, check};

fn alone(url: &str, _: &str) -> String {
    url.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_server() {
    let (name, test) = ("redis", "conformance::on_a_server");
    check(Tested { name, test, on: On::Server, text: alone }, Options::quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_tls_and_few_rights() {
    let (name, test) = ("rediss", "conformance::with_tls_and_few_rights");
    check(Tested { name, test, on: On::Guarded, text: alone }, Options::quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spread_over_a_cluster() {
    let (name, test) = ("redis shards=8 (cluster)", "conformance::spread_over_a_cluster");
    check(Tested { name, test, on: On::Cluster, text: alone }, Options::quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_one_slot_of_a_cluster() {
    let (name, test) = ("redis (cluster)", "conformance::in_one_slot_of_a_cluster");
    let text = |url: &str, _: &str| url.replacen("shards=8", "shards=1", 1);
    check(Tested { name, test, on: On::Cluster, text }, Options::quick().with_only("transact")).await;
}

/// The front is that of each process, and no fence is between them: every answer is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn below_memory() {
    let (name, test) = ("memory/redis", "conformance::below_memory");
    let text = |url: &str, _: &str| format!("memory:?capacity=64MiB | {url}&fresh=always");
    check(Tested { name, test, on: On::Server, text }, Options::quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn below_memory_and_lmdb() {
    let (name, test) = ("memory/lmdb/redis", "conformance::below_memory_and_lmdb");
    let text = |url: &str, folder: &str| {
        format!("memory:?capacity=64MiB | lmdb:{folder}?capacity=256MiB | {url}&fresh=sole_writer")
    };
    check(Tested { name, test, on: On::Server, text }, Options::quick()).await;
}
