use larder_sim::rng::fresh_seed;
use larder_sim::wire::{Mutant, On, Options, run};

fn options(on: On, layout: &'static str, operations: u64) -> Options {
    let (clients, keys, operations_of_a_round) = on.crowd();
    Options {
        on,
        operations,
        operations_of_a_round,
        clients,
        keys,
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
    assert!(report.counted("added to counters") > 5, "{}", report.json());
}

/// It ends at the first wrong answer, long before this: beside little other harm, which would excuse more.
fn mutant(on: On, mutant: Mutant) -> Options {
    let few = options(on, on.layouts()[0], 20_000);
    Options {
        clients: few.clients.min(32),
        keys: 12,
        operations_of_a_round: few.operations_of_a_round.min(850),
        rate: 0.01,
        mutant: Some(mutant),
        ..few
    }
}

/// Runs it where its service is installed. What is broken on purpose must be seen.
fn seen(options: &Options) {
    let Some(report) = run(options).unwrap() else { return };
    assert!(report.counted("wrong answers") > 0, "{:?} {}", options.on, report.json());
}

/// Every kind of harm on the wire, 5 % each.
#[test]
fn no_write_is_lost_and_none_comes_from_nowhere() {
    good(&options(On::S3, "plain", 2500));
}

#[test]
fn nor_where_objects_are_records() {
    good(&options(On::S3, "record", 2500));
}

#[test]
fn nor_behind_a_proxy_that_harms() {
    good(&options(On::S3Proxy, "plain", 2500));
}

#[test]
fn nor_on_gs() {
    good(&options(On::Gs, "plain", 5000));
}

#[test]
fn nor_on_dynamodb() {
    good(&options(On::DynamoDb, "record", 2500));
}

#[test]
fn nor_on_an_emulator_that_tells_less() {
    good(&options(On::Dynalite, "record", 2500));
}

#[test]
fn nor_on_redis() {
    good(&options(On::Redis, "record", 5000));
}

#[test]
fn a_service_that_ignores_conditions_is_seen() {
    seen(&mutant(On::S3, Mutant::NoConditions));
    seen(&mutant(On::Gs, Mutant::NoConditions));
}

#[test]
fn a_proxy_that_sends_again_by_itself_is_seen() {
    seen(&mutant(On::S3, Mutant::ResendingProxy));
}

#[test]
fn nor_is_one_overlooked_that_lets_writes_land_twice() {
    for on in [On::S3Proxy, On::Gs, On::Redis, On::Dynalite] {
        seen(&mutant(on, Mutant::ReplayingProxy));
    }
}
