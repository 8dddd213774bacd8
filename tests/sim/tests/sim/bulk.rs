use larder_sim::bulk::{Options, Way, run};
use larder_sim::place::Place;

use crate::program;

/// A million entries, and a hundred thousand.
fn memory_does_not_grow(way: Way) {
    let place = Place::new(None).unwrap();
    let (folder, program) = (place.path(), program());
    let report = run(&Options { way, folder, entries: 1_000_000, few: 100_000, program }).unwrap();
    report.assert_good();
    assert!(report.counted("looks at it") > 20, "{}", report.json());
}

#[test]
fn by_a_dump() {
    memory_does_not_grow(Way::Dump);
}

#[test]
fn by_a_copy() {
    memory_does_not_grow(Way::Copy);
}
