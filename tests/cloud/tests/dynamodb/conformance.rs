//! The conformance suite, on both emulators, in several write shards, and below a front.

use larder_store_core::conformance::{Minimum, Options};

use crate::servers::{On, lacks};
use crate::subject::{Cloud, check};

fn plain(url: &str, _: &str) -> String {
    url.to_owned()
}

fn sharded(url: &str, _: &str) -> String {
    format!("{url}&shards=3")
}

/// The short form, with the smallest values that still have three chunks: these servers take them as text.
fn quick() -> Options {
    Options::quick().with_largest(800_000)
}

#[tokio::test(flavor = "multi_thread")]
async fn on_ministack() {
    let (name, test) = ("dynamodb (MiniStack)", "conformance::on_ministack");
    let minimum = Minimum::DYNAMODB;
    check(Cloud { name, test, minimum, on: On::MiniStack, text: plain, own_table: false }, quick()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_dynalite() {
    let (name, test) = ("dynamodb (dynalite)", "conformance::on_dynalite");
    lacks(test, On::Dynalite, "TransactWriteItems", "conformance::on_ministack");
    let minimum = Minimum { transaction: 0, ..Minimum::DYNAMODB };
    check(Cloud { name, test, minimum, on: On::Dynalite, text: plain, own_table: false }, quick()).await;
}

/// One key is in one shard: what listings make of many is what differs.
#[tokio::test(flavor = "multi_thread")]
async fn in_write_shards() {
    let (name, test) = ("dynamodb shards=3 (dynalite)", "conformance::in_write_shards");
    lacks(test, On::Dynalite, "TransactWriteItems", "conformance::on_ministack");
    let minimum = Minimum { transaction: 0, ..Minimum::DYNAMODB };
    let options = Options::quick().with_only("list.");
    check(Cloud { name, test, minimum, on: On::Dynalite, text: sharded, own_table: false }, options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn below_lmdb() {
    let (name, test) = ("lmdb/dynamodb", "conformance::below_lmdb");
    let text = |url: &str, folder: &str| format!("lmdb:{folder}?capacity=256MiB | {url}&fresh=sole_writer");
    check(
        Cloud { name, test, minimum: Minimum::DYNAMODB, on: On::MiniStack, text, own_table: true },
        quick(),
    )
    .await;
}

/// More writers than the suite has in its short form: none of their increments is lost.
#[tokio::test(flavor = "multi_thread")]
async fn contended_counters() {
    let (name, test) = ("dynamodb, contended", "conformance::contended_counters");
    let minimum = Minimum::DYNAMODB;
    let options = Options::quick().with_only("counters").with_tasks(64).with_rounds(10).with_processes(3);
    check(Cloud { name, test, minimum, on: On::MiniStack, text: plain, own_table: false }, options).await;
}
