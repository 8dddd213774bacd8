use larder_sim::freeze::{Fresh, Options, run};
use larder_sim::place::Place;
use larder_sim::report::Report;
use larder_sim::rng::fresh_seed;

use crate::program;

fn freeze(fresh: Fresh, freezes: u64, both_clocks: bool) -> Report {
    let place = Place::in_memory().unwrap();
    let (folder, seed) = (place.path(), fresh_seed());
    run(&Options { folder, fresh, freezes, both_clocks, seed, program: program() }).unwrap()
}

fn frozen_processes_serve_nothing_old(fresh: Fresh) {
    let report = freeze(fresh, 10, false);
    report.assert_good();
    for name in ["freezes", "reads", "writes past the fence", "writes through the fence"] {
        assert!(report.counted(name) >= 10, "{name}: {}", report.json());
    }
}

#[test]
fn frozen_under_fresh_200ms() {
    frozen_processes_serve_nothing_old(Fresh::Within);
}

#[test]
fn frozen_under_revalidate_200ms() {
    frozen_processes_serve_nothing_old(Fresh::Revalidate);
}

#[test]
fn frozen_under_fresh_always() {
    frozen_processes_serve_nothing_old(Fresh::Always);
}

/// Where no clock tells how long it was frozen, a process serves what is old, and the campaign sees it.
#[test]
fn both_clocks_wrong_at_once_are_seen() {
    let report = freeze(Fresh::Within, 8, true);
    assert!(report.problems().iter().any(|what| what.contains("stale")), "{}", report.json());
}
