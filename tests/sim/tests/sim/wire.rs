use larder_sim::report::Report;
use larder_sim::rng::fresh_seed;
use larder_sim::wire::{Mutant, On, Options, run};

fn options(layout: &'static str, operations: u64) -> Options {
    Options {
        on: On::S3,
        operations,
        operations_of_a_round: 850,
        clients: 32,
        keys: 12,
        rate: 0.05,
        layout,
        mutant: None,
        seed: fresh_seed(),
    }
}

fn wire(layout: &'static str, operations: u64) -> Report {
    run(&options(layout, operations)).unwrap().expect("the double is always there")
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
fn nor_behind_a_proxy_that_harms() {
    let report = run(&Options { on: On::S3Proxy, ..options("plain", 2500) }).unwrap().unwrap();
    report.assert_good();
    assert!(report.counted("requests that met a fault") > 1000, "{}", report.json());
}

#[test]
fn nor_on_redis() {
    let Some(report) = run(&Options { on: On::Redis, ..options("record", 5000) }).unwrap() else { return };
    report.assert_good();
    assert!(report.counted("requests that met a fault") > 1000, "{}", report.json());
}

#[test]
fn a_service_that_ignores_conditions_is_seen() {
    let report =
        run(&Options { mutant: Some(Mutant::NoConditions), ..options("plain", 2000) }).unwrap().unwrap();
    assert!(report.counted("wrong answers") > 0, "{}", report.json());
}

#[test]
fn a_proxy_that_sends_again_by_itself_is_seen() {
    let report =
        run(&Options { mutant: Some(Mutant::ResendingProxy), ..options("plain", 2000) }).unwrap().unwrap();
    assert!(report.counted("wrong answers") > 0, "{}", report.json());
}
