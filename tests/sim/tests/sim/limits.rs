use larder_sim::limits::{Options, Subject, run};
use larder_sim::place::Place;
use larder_sim::stores::Kind;

use crate::program;

/// 50,000 keys and a value of 128 MiB, in 48 MiB: an eighth of the value and half of the limit of the long form, as
/// threads and their stacks do not shrink with the data.
fn limits(subject: Subject) {
    let place = Place::in_memory().unwrap();
    let report = run(&Options {
        subject,
        params: "sync=none".to_owned(),
        folder: place.path(),
        keys: 50_000,
        value: 128 << 20,
        limit: 48 << 20,
        program: program(),
    });
    let report = report.unwrap();
    report.assert_good();
    assert_eq!(report.counted("keys listed"), 50_000);
    assert_eq!(report.counted("bytes in and out"), 128 << 20);
}

#[test]
#[cfg(feature = "file")]
fn file() {
    limits(Subject::Disk(Kind::File));
}

#[test]
#[cfg(feature = "lmdb")]
fn lmdb() {
    limits(Subject::Disk(Kind::Lmdb));
}

#[test]
#[cfg(feature = "s3")]
fn s3() {
    limits(Subject::Bucket("plain"));
}

#[test]
#[cfg(feature = "s3")]
fn s3_records() {
    limits(Subject::Bucket("record"));
}
