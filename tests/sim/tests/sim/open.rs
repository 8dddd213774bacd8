use larder_sim::open::{Options, run};
use larder_sim::place::Place;

use crate::program;

#[test]
fn opening_takes_no_longer_for_many_entries() {
    let place = Place::new(None).unwrap();
    let options = Options {
        folder: place.path(),
        entries: 3000,
        opens: 10,
        deaths: 1,
        writes: 32,
        lenient: true,
        program: program(),
    };
    let report = run(&options).unwrap();
    report.assert_good();
    // Each held 32 writes to keys of its choice, some of them the same.
    assert!(report.counted("16 dead: slots in doubt at the end") > 400, "{}", report.json());
}
