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

/// Runs it where its service is installed. It must meet harm, and bear it.
fn good(options: &Options) {
    let Some(report) = run(options).unwrap() else { return };
    report.assert_good();
    assert!(report.counted("requests that met a fault") > 1000, "{}", report.json());
    assert!(report.counted("added to counters") > 20, "{}", report.json());
}

/// Runs it where its service is installed. What is broken on purpose must be seen.
fn seen(options: &Options) {
    let Some(report) = run(options).unwrap() else { return };
    assert!(report.counted("wrong answers") > 0, "{:?} {}", options.on, report.json());
}

/// Every kind of harm on the wire, 5 % each.
#[test]
fn no_write_is_lost_and_none_comes_from_nowhere() {
    good(&options("plain", 2500));
}

#[test]
fn nor_where_objects_are_records() {
    good(&options("record", 2500));
}

#[test]
fn nor_behind_a_proxy_that_harms() {
    good(&Options { on: On::S3Proxy, ..options("plain", 2500) });
}

#[test]
fn nor_on_gs() {
    good(&Options { on: On::Gs, ..options("plain", 5000) });
}

#[test]
fn nor_on_dynamodb() {
    good(&Options { on: On::DynamoDb, clients: 8, operations_of_a_round: 600, ..options("record", 5000) });
}

#[test]
fn nor_on_an_emulator_that_tells_less() {
    good(&Options { on: On::Dynalite, clients: 8, operations_of_a_round: 600, ..options("record", 2500) });
}

#[test]
fn nor_on_redis() {
    good(&Options { on: On::Redis, ..options("record", 5000) });
}

#[test]
fn a_service_that_ignores_conditions_is_seen() {
    seen(&Options { mutant: Some(Mutant::NoConditions), ..options("plain", 2000) });
    seen(&Options { on: On::Gs, mutant: Some(Mutant::NoConditions), ..options("plain", 2000) });
}

#[test]
fn a_proxy_that_sends_again_by_itself_is_seen() {
    seen(&Options { mutant: Some(Mutant::ResendingProxy), ..options("plain", 2000) });
}

#[test]
fn nor_is_one_overlooked_that_lets_writes_land_twice() {
    let mutant = Some(Mutant::ReplayingProxy);
    seen(&Options { on: On::S3Proxy, mutant, ..options("plain", 2000) });
    seen(&Options { on: On::Gs, mutant, ..options("plain", 2000) });
    seen(&Options { on: On::Dynalite, clients: 8, mutant, ..options("record", 2000) });
    seen(&Options { on: On::Redis, mutant, ..options("record", 2000) });
}
