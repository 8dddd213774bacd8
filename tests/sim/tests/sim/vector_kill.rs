use std::time::Duration;

use larder_sim::place::Place;
use larder_sim::rng::fresh_seed;
use larder_sim::stores::Kind;
use larder_sim::vector_kill::{Options, run};

use crate::program;

fn options(place: &Place, kind: Kind, kills: u64, ack_first: bool) -> Options {
    Options { kind, folder: place.path(), seed: fresh_seed(), kills, ack_first, program: program() }
}

/// Fifty kills.
#[test]
fn nothing_acknowledged_is_lost() {
    for kind in [Kind::File, Kind::Lmdb] {
        let place = Place::in_memory().unwrap();
        let options = options(&place, kind, 25, false);
        let report = run(&options).unwrap().report(kind.name(), options.seed, Duration::ZERO);
        report.assert_good();
        assert_eq!(report.counted("kills"), 25, "{}", report.json());
    }
}

/// A writer that says too early that a write was made.
#[test]
fn what_is_acknowledged_too_early_is_noticed() {
    let place = Place::in_memory().unwrap();
    let options = options(&place, Kind::File, 200, true);
    let tally = run(&options).unwrap();
    assert!(tally.wrong() > 0, "seed {}: {:?}", options.seed, tally);
}
