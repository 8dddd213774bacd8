use larder_sim::report::Report;
use larder_sim::rng::fresh_seed;
use larder_sim::wire::{Options, run};

fn options(layout: &'static str, operations: u64) -> Options {
    Options {
        operations,
        operations_of_a_round: 850,
        clients: 32,
        keys: 12,
        rate: 0.05,
        layout,
        false_conflicts: false,
        mutant: false,
        seed: fresh_seed(),
    }
}

fn wire(layout: &'static str, operations: u64) -> Report {
    run(&options(layout, operations)).unwrap()
}

/// Every kind of harm on the wire, 5 % each.
#[test]
fn no_write_is_lost_and_none_comes_from_nowhere() {
    let report = wire("plain", 2500);
    report.assert_good();
    assert!(report.counted("requests that met a fault") > 1000, "{}", report.json());
}

#[test]
fn nor_where_objects_are_records() {
    wire("record", 2500).assert_good();
}

#[test]
fn a_service_that_ignores_conditions_is_seen() {
    let report = run(&Options { mutant: true, ..options("plain", 2000) }).unwrap();
    assert!(!report.is_good(), "{}", report.json());
}

#[test]
fn a_proxy_that_sends_again_by_itself_is_seen() {
    let report = run(&Options { false_conflicts: true, ..options("plain", 2000) }).unwrap();
    assert!(!report.is_good(), "{}", report.json());
}
