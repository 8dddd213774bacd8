use larder_sim::limits::{Options, Subject, run};
use larder_sim::place::Place;
use larder_sim::stores::Kind;

use crate::program;

/// 50,000 keys and a value, in 48 MiB: half of the limit of the long form, as threads and their stacks do not shrink with
/// the data.
fn limits(subject: Subject, value: u64) {
    let place = Place::in_memory().unwrap();
    let report = run(&Options {
        subject,
        params: "sync=none".to_owned(),
        folder: place.path(),
        keys: 50_000,
        value,
        limit: 48 << 20,
        program: program(),
    });
    let report = report.unwrap();
    report.assert_good();
    assert_eq!(report.counted("keys listed"), 50_000);
    assert_eq!(report.counted("bytes in and out"), value);
}

#[test]
#[cfg(feature = "file")]
fn file() {
    limits(Subject::Disk(Kind::File), 128 << 20);
}

#[test]
#[cfg(feature = "lmdb")]
fn lmdb() {
    limits(Subject::Disk(Kind::Lmdb), 128 << 20);
}

#[test]
#[cfg(feature = "s3")]
fn s3() {
    limits(Subject::Bucket("plain"), 256 << 20);
}

#[test]
#[cfg(feature = "s3")]
fn s3_records() {
    limits(Subject::Bucket("record"), 256 << 20);
}
