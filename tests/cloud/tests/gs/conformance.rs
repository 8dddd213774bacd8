//! The conformance suite: on the double alone and below fronts, and on the real service.

use larder_store_core::conformance::Options;

use crate::subject::{Cloud, On, check};

fn plain(url: &str, _: &str) -> String {
    url.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_double() {
    let (name, test) = ("gs", "conformance::on_the_double");
    check(Cloud { name, test, on: On::Double, text: plain, own_bucket: false }, Options::quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_google() {
    let (name, test) = ("gs (Google)", "conformance::on_google");
    check(Cloud { name, test, on: On::Google, text: plain, own_bucket: false }, Options::quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn below_lmdb() {
    let (name, test) = ("lmdb/gs", "conformance::below_lmdb");
    let text = |url: &str, folder: &str| format!("lmdb:{folder}?capacity=256MiB | {url}&fresh=sole_writer");
    check(Cloud { name, test, on: On::Double, text, own_bucket: true }, Options::quick()).await;
}

/// What a front of each process adds to one that they share.
#[tokio::test(flavor = "multi_thread")]
async fn below_memory_and_lmdb() {
    let (name, test) = ("memory/lmdb/gs", "conformance::below_memory_and_lmdb");
    let text = |url: &str, folder: &str| {
        format!("memory:?capacity=64MiB | lmdb:{folder}?capacity=256MiB | {url}&fresh=sole_writer")
    };
    check(
        Cloud { name, test, on: On::Double, text, own_bucket: true },
        Options::quick().with_only("processes."),
    )
    .await;
}
