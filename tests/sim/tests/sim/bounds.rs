use larder_sim::bounds::{Options, run};
use larder_sim::generated::Sizes;
use larder_sim::place::Place;

use crate::program;

fn bounds(sizes: Sizes) {
    let place = Place::new(None).unwrap();
    let options = Options {
        folder: place.path(),
        bytes: 24 << 20,
        cache: 8 << 20,
        memory: 4 << 20,
        sizes,
        // So few bytes say nothing about speed.
        lenient: true,
        program: program(),
    };
    let report = run(&options).unwrap();
    report.assert_good();
    assert!(report.counted("LMDB: evictions") > 100, "{}", report.json());
    assert!(report.counted("memory: evictions") > 100, "{}", report.json());
}

#[test]
fn mixed_values() {
    bounds(Sizes::Mixed);
}

#[test]
fn small_values() {
    bounds(Sizes::Fixed(4096));
}
