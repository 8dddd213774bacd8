//! The conformance suite, on both servers, in both layouts, and below fronts.

use larder_store_core::conformance::{Minimum, Options};

use crate::subject::{Cloud, On, check};

fn plain(url: &str, _: &str) -> String {
    url.to_owned()
}

fn record(url: &str, _: &str) -> String {
    format!("{url}&layout=record")
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_double() {
    let (name, test) = ("s3", "conformance::on_the_double");
    check(
        Cloud { name, test, minimum: Minimum::S3, on: On::Double, text: plain, own_bucket: false },
        Options::quick(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_on_the_double() {
    let (name, test) = ("s3 layout=record", "conformance::records_on_the_double");
    check(
        Cloud { name, test, minimum: Minimum::S3_RECORD, on: On::Double, text: record, own_bucket: false },
        Options::quick(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_ministack() {
    let (name, test) = ("s3 (MiniStack)", "conformance::on_ministack");
    check(
        Cloud { name, test, minimum: Minimum::S3, on: On::MiniStack, text: plain, own_bucket: false },
        Options::quick(),
    )
    .await;
}

/// What a server decides; the rest is the same bytes to it.
#[tokio::test(flavor = "multi_thread")]
async fn records_on_ministack() {
    let (name, test) = ("s3 layout=record (MiniStack)", "conformance::records_on_ministack");
    check(
        Cloud { name, test, minimum: Minimum::S3_RECORD, on: On::MiniStack, text: record, own_bucket: false },
        Options::quick().with_only("conditions."),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn below_lmdb() {
    let (name, test) = ("lmdb/s3", "conformance::below_lmdb");
    let text = |url: &str, folder: &str| format!("lmdb:{folder}?capacity=256MiB | {url}&fresh=sole_writer");
    check(
        Cloud { name, test, minimum: Minimum::S3, on: On::Double, text, own_bucket: true },
        Options::quick(),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn below_memory_and_lmdb() {
    let (name, test) = ("memory/lmdb/s3", "conformance::below_memory_and_lmdb");
    let text = |url: &str, folder: &str| {
        format!("memory:?capacity=64MiB | lmdb:{folder}?capacity=256MiB | {url}&fresh=sole_writer")
    };
    check(
        Cloud { name, test, minimum: Minimum::S3, on: On::Double, text, own_bucket: true },
        Options::quick(),
    )
    .await;
}

/// Each process has fronts of its own, as functions on several hosts have: no fence is between them, so every answer is
/// asked for.
#[tokio::test(flavor = "multi_thread")]
async fn below_fronts_of_each_process() {
    let (name, test) = ("memory/lmdb/s3 apart", "conformance::below_fronts_of_each_process");
    let text = |url: &str, folder: &str| {
        let pid = std::process::id();
        format!("memory:?capacity=64MiB | lmdb:{folder}/{pid}?capacity=64MiB | {url}&fresh=always")
    };
    check(
        Cloud { name, test, minimum: Minimum::S3, on: On::Double, text, own_bucket: true },
        Options::quick().with_only("update"),
    )
    .await;
}
